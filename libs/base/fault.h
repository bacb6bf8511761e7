// Named points at which a test can have a process killed. Compiled to nothing unless AMAES_WITH_FAULTS is on.
//
// AMAES_FAULT="point=backward,step=5,rank=1,attempt=1,kill=self|parent|FILE" — every field but `point` and `kill` may be
// left out and then matches anything. `kill` names the victim: this process, its parent, or the process whose id is in
// FILE. The signal is always SIGKILL. A fault fires at most once per process.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace amaes {

struct FaultAddress {
  std::int64_t step = -1;
  int rank = -1;
  int attempt = -1;
};

void FaultPoint(absl::string_view point, const FaultAddress& address);

}  // namespace amaes
