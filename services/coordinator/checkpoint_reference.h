// A checkpoint as a spec names it: job:NAME[@STEP|@last|@best], or the absolute path of its folder.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "libs/checkpoint/checkpoint.h"
#include "libs/store/store.h"

namespace amaes {

struct ReferencedCheckpoint {
  std::filesystem::path folder;
  CheckpointManifest manifest;
  std::string manifest_sha256;
};

// By id, or the newest so called.   - NotFound.
absl::StatusOr<JobRecord> FindReferencedJob(StoreReader& store, const std::string& name);

// Sizes are checked, contents are not. Which checkpoint of a job: ChooseCheckpoint (libs/checkpoint/choose.h).
//   - InvalidArgument: not such a text.   - NotFound: no such job, checkpoint or folder; says what there is.
//   - DataLoss, FailedPrecondition: damaged, or of a newer format.
absl::StatusOr<ReferencedCheckpoint> FindReferencedCheckpoint(StoreReader& store, const std::filesystem::path& home,
                                                              const std::string& reference);

}  // namespace amaes
