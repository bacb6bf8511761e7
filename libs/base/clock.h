// Time as a constructor argument. Nobody else calls absl::Now().
#pragma once

#include "absl/time/time.h"

namespace amaes {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Wall-clock time, for records that people read.
  virtual absl::Time Now() = 0;
  // Time since an arbitrary start; never goes back. For deadlines and durations.
  virtual absl::Duration Monotonic() = 0;
};

// The system's clocks. Never destroyed.
Clock& SystemClock();

}  // namespace amaes
