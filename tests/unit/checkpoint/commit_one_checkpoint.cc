// commit_one_checkpoint FOLDER STEP ATTEMPT: commits a small checkpoint under FOLDER. AMAES_FAULT may kill it on the
// way.
#include <cstdio>
#include <cstdlib>

#include "tests/unit/checkpoint/small_checkpoint.h"

namespace amaes {
namespace {

absl::Status Run(const std::filesystem::path& folder, std::int64_t step, AttemptNumber attempt) {
  AMAES_ASSIGN_OR_RETURN(const CheckpointManifest manifest, StageCheckpoint(folder, step, attempt));
  return CommitCheckpoint(folder / CheckpointName(step, attempt), manifest);
}

}  // namespace
}  // namespace amaes

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const absl::Status status = amaes::Run(argv[1], std::atoll(argv[2]), std::atoi(argv[3]));
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
