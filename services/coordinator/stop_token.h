// Asks a daemon to end. Thread-safe; Request may be called from a signal handler.
#pragma once

#include "absl/time/time.h"

namespace amaes {

class StopToken {
 public:
  StopToken();
  ~StopToken();
  StopToken(const StopToken&) = delete;
  StopToken& operator=(const StopToken&) = delete;

  void Request();
  bool requested() const { return WaitFor(absl::ZeroDuration()); }
  // Whether it was requested before `timeout` passed.
  bool WaitFor(absl::Duration timeout) const;
  void Wait() const {
    while (!WaitFor(absl::Hours(1))) {
    }
  }

 private:
  int descriptor_;
};

// SIGTERM and SIGINT request `token`, which lives as long as the process does or until the call with nullptr, which gives
// both signals back their defaults.
void StopOnSignals(StopToken* token);

}  // namespace amaes
