// What the probes of a pretraining read, and what they train for.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "libs/dataset/catalogue.h"
#include "libs/evaluate/objective.h"
#include "libs/train/train_options.h"
#include "libs/worker_protocol/messages.h"
#include "services/worker/finetune.h"

namespace amaes {

class ProbeData {
 public:
  // Null when the job has no probe. The labelled dataset and its cases are checked as a finetuning's are. `pass_length`: samples
  // in a pass of the pretraining. `clock` outlives it. Errors carry their reason.
  static absl::StatusOr<std::unique_ptr<ProbeData>> Open(const WorkerStart& start, const JobSpec& pretraining,
                                                         std::int64_t pass_length, c10::Device device, Clock& clock);
  const ProbeParts& parts() const { return *parts_; }

 private:
  DatasetVersion version_;
  std::unique_ptr<FinetuneData> cases_;
  std::unique_ptr<Objective> objective_;
  std::unique_ptr<ProbeParts> parts_;
};

}  // namespace amaes
