// Which updates are left out: not finite, or far above what the run has seen lately. All ranks see the same numbers, so all
// decide the same. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "libs/spec/job_spec.h"

namespace amaes {

struct UpdateGuardOptions {
  double spike_factor = 0;        // times the running median; 0 = spikes are let through
  std::int64_t max_skipped = 10;  // left out in a row; one more fails the run
  double loss_scale = 0;  // of a loss that goes to zero and below: what counts as its median there. 0: it never does

  bool operator==(const UpdateGuardOptions&) const = default;
};

// Finetuning's loss begins at -1, that of its Dice.
UpdateGuardOptions GuardOptionsOf(const JobSpec& spec);

// Above either, or not finite: the update is left out.
struct UpdateLimits {
  double loss = std::numeric_limits<double>::infinity();  // mean of the global batch
  double norm = std::numeric_limits<double>::infinity();  // of the gradient, before clipping
};

// Not thread-safe.
class UpdateGuard {
 public:
  // The medians are over the last kWindow updates that were done, and count from kFirst of them on.
  static constexpr std::size_t kWindow = 65;
  static constexpr std::size_t kFirst = 17;

  explicit UpdateGuard(const UpdateGuardOptions& options) : options_(options) {}

  // For the next update. Of the loss: median + (factor - 1) * max(|median|, loss_scale), which of losses above the scale is factor
  // * median.
  UpdateLimits Limits() const;
  // What update `update` gave, and whether it was left out.
  //   - OutOfRange (NON_FINITE_LOSS, TOO_MANY_SPIKES): one too many in a row.
  absl::Status Note(std::int64_t update, double loss, double norm, bool left_out);

  std::int64_t left_out() const { return left_out_; }  // in all

  // All of it, for a checkpoint, and back. What does not fit is an empty history.
  std::vector<double> State() const;
  void Restore(const std::vector<double>& state);

 private:
  const UpdateGuardOptions options_;
  std::int64_t in_a_row_ = 0, left_out_ = 0;
  std::deque<double> losses_, norms_;  // equally long, oldest first
};

}  // namespace amaes
