#include "libs/base/clock.h"

#include <time.h>

#include "absl/time/clock.h"

namespace amaes {
namespace {

class RealClock final : public Clock {
 public:
  absl::Time Now() override { return absl::Now(); }
  absl::Duration Monotonic() override {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return absl::DurationFromTimespec(now);
  }
};

}  // namespace

Clock& SystemClock() {
  static Clock& clock = *new RealClock;
  return clock;
}

}  // namespace amaes
