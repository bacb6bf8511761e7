// What a training run needs to know and what it works with.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "libs/base/clock.h"
#include "libs/base/ids.h"
#include "libs/collective/communicator.h"
#include "libs/dataset/sample_stream.h"
#include "libs/evaluate/objective.h"
#include "libs/spec/job_spec.h"
#include "libs/train/data_source.h"
#include "libs/train/initial_weights.h"
#include "libs/worker_protocol/messages.h"

namespace amaes {

struct TrainOptions {
  JobSpec spec;           // complete and valid, of a kind that trains
  std::string spec_json;  // complete; goes into the manifest
  std::string title;      // for people
  std::string job;
  AttemptNumber attempt = 1;
  LaneRange lanes;  // of this rank
  std::filesystem::path job_folder;
  std::string contract_json;  // of the dataset
  std::string dataset_digest;
  std::optional<InitialWeights> initial_weights{};  // where a run begins that resumes from nothing; none: random ones
  c10::Device device = at::kCPU;
  std::string software;                              // "amaes 0.1.0"
  absl::Duration resume_timeout = absl::Minutes(5);  // for rank 0 to verify a checkpoint
};

// The few-shot probe of a pretraining. All outlive the run.
struct ProbeParts {
  JobSpec job;                   // ProbeJob of the spec
  LaneRange lanes;               // of this rank, in the probe's global batch
  std::int64_t every_steps = 0;  // of the pretraining, see IsProbeStep; positive
  DataSource& data;
  const Objective& objective;
};

// All outlive the run. `report` and `stop_requested` must not block.
struct TrainEnvironment {
  DataSource& data;
  const Objective& objective;
  Communicator& communicator;  // tells rank and world size
  RendezvousStore& store;
  Clock& clock;
  std::function<void(WorkerReport)> report;
  std::function<bool()> stop_requested;
  const ProbeParts* probe = nullptr;  // null: none
};

}  // namespace amaes
