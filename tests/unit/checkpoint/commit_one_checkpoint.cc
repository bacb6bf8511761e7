// commit_one_checkpoint FOLDER STEP ATTEMPT: commits a small checkpoint under FOLDER. AMAES_FAULT may kill it on the
// way.
#include <cstdio>
#include <cstdlib>

#include "tests/unit/checkpoint/small_checkpoint.h"

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const absl::Status status = amaes::MakeCheckpoint(argv[1], std::atoll(argv[2]), std::atoi(argv[3]));
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
