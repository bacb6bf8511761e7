// What a training job reads, resolved again from its spec; and the proof of what it read.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/dataset/audit.h"
#include "libs/dataset/selection.h"
#include "proto/amaes/v1/jobs.pb.h"
#include "services/coordinator/engine.h"

namespace amaes {

// - FailedPrecondition, NOT_A_TRAINING_JOB.
absl::Status CheckTrainingJob(const JobView& view);

struct JobData {
  std::shared_ptr<const DatasetVersion> version;
  Selection selection;                // of finetuning: of the training cases
  std::vector<std::int64_t> entries;  // what the selection's volumes are in the catalogue; of a case the first channel
};
// - DataLoss, CATALOGUE_DAMAGED; SELECTION_CHANGED: filter and repeats give another list than at submit.
absl::StatusOr<JobData> DataOf(Engine& engine, const JobView& view);

// Looks for the newest checkpoint that verifies and reads the ledgers of all attempts. Blocks; takes no lock meanwhile.
//   - Errors of the two above.   - FailedPrecondition, NOTHING_TO_AUDIT: no checkpoint verifies.
absl::StatusOr<AuditReport> AuditJobOf(Engine& engine, const JobView& view);

v1::AuditReport ToProto(const AuditReport& report);

}  // namespace amaes
