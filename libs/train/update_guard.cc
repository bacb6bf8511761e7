#include "libs/train/update_guard.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "libs/train/failure.h"

namespace amaes {
namespace {

double Median(const std::deque<double>& values) {
  std::vector<double> sorted(values.begin(), values.end());
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle;
}

}  // namespace

UpdateGuardOptions GuardOptionsOf(const JobSpec& spec) {
  const auto& guard = spec.training().guard;
  return {.spike_factor = guard.spike_factor,
          .max_skipped = guard.max_skipped,
          .loss_scale = spec.kind == JobKind::kFinetune ? 1.0 : 0.0};
}

UpdateLimits UpdateGuard::Limits() const {
  if (options_.spike_factor <= 0 || losses_.size() < kFirst) return {};
  const double usual = Median(losses_);
  return {.loss = usual + (options_.spike_factor - 1) * std::max(std::abs(usual), options_.loss_scale),
          .norm = options_.spike_factor * Median(norms_)};
}

absl::Status UpdateGuard::Note(std::int64_t update, double loss, double norm, bool left_out) {
  if (!left_out) {
    in_a_row_ = 0;
    losses_.push_back(loss);
    norms_.push_back(norm);
    if (losses_.size() > kWindow) {
      losses_.pop_front();
      norms_.pop_front();
    }
    return absl::OkStatus();
  }
  ++left_out_;
  if (++in_a_row_ <= options_.max_skipped) return absl::OkStatus();
  const bool finite = std::isfinite(loss) && std::isfinite(norm);
  const std::string what = finite ? absl::StrCat("loss ", loss, " or gradient norm ", norm, " is a spike")
                                  : "the loss or its gradient is not finite";
  return WithReason(
      absl::OutOfRangeError(absl::StrCat(
          "update ", update, " is left out (", what, "), and so were the ", in_a_row_ - 1, " before it; lower ",
          finite ? "optimizer.learning_rate or raise guard.spike_factor" : "optimizer.learning_rate",
          ", or look at the volumes of this step with `amaes job audit`")),
      finite ? "TOO_MANY_SPIKES" : "NON_FINITE_LOSS", /*retryable=*/false);
}

std::vector<double> UpdateGuard::State() const {
  std::vector<double> state = {static_cast<double>(in_a_row_), static_cast<double>(left_out_)};
  state.insert(state.end(), losses_.begin(), losses_.end());
  state.insert(state.end(), norms_.begin(), norms_.end());
  return state;
}

void UpdateGuard::Restore(const std::vector<double>& state) {
  losses_.clear();
  norms_.clear();
  in_a_row_ = left_out_ = 0;
  if (state.size() < 2 || state.size() % 2 != 0) return;
  in_a_row_ = static_cast<std::int64_t>(state[0]);
  left_out_ = static_cast<std::int64_t>(state[1]);
  const auto middle = state.begin() + 2 + static_cast<std::ptrdiff_t>(state.size() - 2) / 2;
  losses_.assign(state.begin() + 2, middle);
  norms_.assign(middle, state.end());
}

}  // namespace amaes
