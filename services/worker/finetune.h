// What the worker of a finetuning reads.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "libs/dataset/cases.h"
#include "libs/spec/job_spec.h"
#include "libs/train/case_data_source.h"
#include "libs/train/initial_weights.h"
#include "libs/worker_protocol/messages.h"

namespace amaes {

// The cases that the coordinator resolved at submit, resolved again. Version and clock must outlive it.
class FinetuneData {
 public:
  // Checks the label values that the catalogue does not know, each case on one of the ranks. `digest`: of the cases that the
  // spec names, which must be these; none: of a probe, whose spec names the version alone. Errors carry their reason.
  static absl::StatusOr<std::unique_ptr<FinetuneData>> Open(const WorkerStart& start, const JobSpec& job,
                                                            const DatasetVersion& version,
                                                            const std::optional<std::string>& digest, Clock& clock);
  DataSource& source() { return *source_; }

 private:
  LabelledCases cases_;
  LabelSet labels_;
  std::unique_ptr<CaseDataSource> source_;
};

// Nothing for a pretraining, and where a finetuning begins with random weights. Errors carry their reason.
absl::StatusOr<std::optional<InitialWeights>> InitialWeightsOf(const JobSpec& spec);

}  // namespace amaes
