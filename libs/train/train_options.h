// What a pretraining run needs to know and what it works with.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "libs/base/clock.h"
#include "libs/base/ids.h"
#include "libs/collective/communicator.h"
#include "libs/dataset/selection.h"
#include "libs/evaluate/reconstruction.h"
#include "libs/loader/loader.h"
#include "libs/spec/job_spec.h"
#include "libs/train/data_source.h"
#include "libs/worker_protocol/messages.h"

namespace amaes {

struct TrainOptions {
  PretrainSpec spec;             // complete and valid
  std::string spec_json;         // complete; goes into the manifest
  std::string title;             // for people
  std::string job;
  AttemptNumber attempt = 1;
  LaneRange lanes;               // of this rank
  std::filesystem::path job_folder, volumes_folder;
  std::shared_ptr<const Selection> selection = nullptr;  // of the spec, resolved; null: every training volume once
  std::string contract_json;     // of the dataset
  std::string dataset_digest;
  c10::Device device = at::kCPU;
  std::string software;          // "amaes 0.1.0"
  absl::Duration resume_timeout = absl::Minutes(5);  // for rank 0 to verify a checkpoint
};

// All outlive the run. `report` and `stop_requested` must not block.
struct TrainEnvironment {
  DataSource& data;
  Communicator& communicator;    // tells rank and world size
  RendezvousStore& store;
  Clock& clock;
  std::function<void(WorkerReport)> report;
  std::function<bool()> stop_requested;
};

inline LoaderOptions LoaderOptionsOf(const TrainOptions& options, std::int64_t first_step) {
  const PretrainSpec& spec = options.spec;
  return {.volumes = options.volumes_folder,
          .seed = spec.seed,
          .patch = spec.patch,
          .token = spec.mask.token,
          .mask_ratio = spec.mask.ratio,
          .global_batch = spec.global_batch,
          .lanes = options.lanes,
          .selection = options.selection,
          .first_step = first_step,
          .threads = static_cast<int>(spec.loader.threads),
          .prefetch = spec.loader.prefetch,
          .cache_bytes = spec.loader.cache_mib << 20,
          .skip_damaged = spec.loader.on_damage == "skip",
          .skip_positions = nullptr};
}

inline LossRegion LossRegionOf(const PretrainSpec& spec) {
  return spec.loss.region == "masked" ? LossRegion::kMasked : LossRegion::kWhole;
}

inline EvaluationOptions EvaluationOptionsOf(const TrainOptions& options) {
  const PretrainSpec& spec = options.spec;
  return {.patch = spec.patch, .token = spec.mask.token, .batch = spec.micro_batch, .region = LossRegionOf(spec),
          .bf16 = spec.precision == "bf16", .device = options.device};
}

}  // namespace amaes
