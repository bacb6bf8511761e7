// A clock that moves only when told to.
#pragma once

#include "libs/base/clock.h"
#include "libs/base/mutex.h"

namespace amaes {

class FakeClock final : public Clock {
 public:
  absl::Time Now() override {
    MutexLock lock(mutex_);
    return start_ + elapsed_;
  }
  absl::Duration Monotonic() override {
    MutexLock lock(mutex_);
    return elapsed_;
  }
  void Advance(absl::Duration by) {
    MutexLock lock(mutex_);
    elapsed_ += by;
  }

 private:
  const absl::Time start_ = absl::FromUnixSeconds(1'800'000'000);
  Mutex mutex_;
  absl::Duration elapsed_ ABSL_GUARDED_BY(mutex_) = absl::ZeroDuration();
};

}  // namespace amaes
