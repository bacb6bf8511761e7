// How fast training goes, between two reports.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/worker_protocol/messages.h"

namespace amaes {

// Not thread-safe.
class ProgressMeter {
 public:
  // Reports are due at most every `interval`.
  ProgressMeter(Clock& clock, absl::Duration interval)
      : clock_(clock), interval_(interval), since_(clock.Monotonic()) {}

  // Time that is not training (validation, checkpoints) does not count.
  void Resume() { step_began_ = clock_.Monotonic(); }
  // A step of `samples` samples has ended. `data_wait` is a running total.
  void StepDone(std::int64_t samples, absl::Duration data_wait);
  bool Due() const { return !reported_ || clock_.Monotonic() - since_ >= interval_; }
  // Fills the speeds of `progress` over the steps since the last report, and begins anew.
  void Fill(TrainProgress& progress);

 private:
  Clock& clock_;
  const absl::Duration interval_;
  absl::Duration since_, step_began_, busy_, data_wait_, data_wait_before_;
  std::int64_t steps_ = 0, samples_ = 0;
  bool reported_ = false;
};

// Highest memory use of this process so far, in bytes: resident memory, or what the GPU's allocator held.
std::int64_t PeakMemoryBytes(c10::Device device);

}  // namespace amaes
