// What a checkpoint says of the network in it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/checkpoint/checkpoint.h"
#include "libs/dataset/cases.h"
#include "libs/dataset/labels.h"
#include "libs/spec/network_facts.h"
#include "libs/volume/volume.h"

namespace amaes {

struct TrainedModel {
  NetworkOptions network;       // as it was built
  std::string script_digest{};  // SHA-256 of network.script, where it is one
  Shape3 patch{};               // that it was trained on
  LabelSet labels;
  CaseOptions cases;      // what it was trained on
  bool averaged = false;  // a moving average of its weights was kept
};

// Of the job that wrote the checkpoint.
//   - FailedPrecondition: it was no finetuning for segmentation.   - DataLoss: its spec cannot be read.
absl::StatusOr<TrainedModel> TrainedModelOf(const CheckpointManifest& manifest);

}  // namespace amaes
