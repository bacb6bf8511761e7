#include "libs/scheduler/restart_policy.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace amaes {
namespace {

using Outcome = RestartDecision::Outcome;

constexpr absl::Duration kFirstBackOff = absl::Seconds(1), kLongestBackOff = absl::Seconds(60);

absl::Duration BackOff(std::int64_t without_progress) {
  if (without_progress <= 0) return absl::ZeroDuration();
  constexpr std::int64_t kDoublings = 6;  // enough to pass the longest
  return std::min(kLongestBackOff, kFirstBackOff * (std::int64_t{1} << std::min(without_progress - 1, kDoublings)));
}

std::string CauseInWords(const GangEnd& end) {
  const std::string cause = end.cause.empty() ? "UNKNOWN" : end.cause;
  return end.message.empty() ? cause : absl::StrCat(cause, ": ", end.message);
}

RestartDecision Fail(const GangEnd& end, const RestartBudget& budget, const std::string& reason,
                     const std::string& why) {
  return {.outcome = Outcome::kFail,
          .budget = budget,
          .back_off = absl::ZeroDuration(),
          .reason = reason,
          .message = absl::StrCat(why, "; last cause: ", CauseInWords(end))};
}

RestartDecision Restart(const GangEnd& end, const RestartBudget& budget) {
  const absl::Duration back_off = BackOff(budget.without_progress);
  std::string message = absl::StrCat("restarts after ", CauseInWords(end));
  if (end.counts) {
    absl::StrAppend(&message, "; restart ", budget.restarts, " of at most ", budget.max_restarts);
  } else {
    absl::StrAppend(&message, "; not counted (", budget.restarts, " of at most ", budget.max_restarts, " so far)");
  }
  if (budget.without_progress > 0) {
    absl::StrAppend(&message, ", ", budget.without_progress, " in a row without progress",
                    budget.no_progress_limit > 0 ? absl::StrCat(" (ends at ", budget.no_progress_limit, ")") : "",
                    ", waits ", absl::FormatDuration(back_off));
  }
  return {
      .outcome = Outcome::kRestart, .budget = budget, .back_off = back_off, .reason = "RESTARTING", .message = message};
}

}  // namespace

RestartDecision DecideRestart(const GangEnd& end, const RestartBudget& budget) {
  if (end.all_finished) {
    return {.outcome = Outcome::kSucceed,
            .budget = budget,
            .back_off = absl::ZeroDuration(),
            .reason = "SUCCEEDED",
            .message = "every rank finished its work"};
  }
  if (end.cancelled) {
    return {.outcome = Outcome::kCancel,
            .budget = budget,
            .back_off = absl::ZeroDuration(),
            .reason = "CANCELLED",
            .message = "cancelled by its user"};
  }
  RestartBudget after = budget;
  if (end.progressed) after.without_progress = 0;
  if (!end.retryable) {
    return Fail(end, after, "NOT_RETRYABLE", "the same would happen again");
  }
  if (!end.counts) return Restart(end, after);
  if (!end.progressed) ++after.without_progress;
  if (budget.no_progress_limit > 0 && after.without_progress >= budget.no_progress_limit) {
    return Fail(
        end, after, "NO_PROGRESS",
        absl::StrCat(after.without_progress, " failures in a row without a new step or checkpoint, the limit is ",
                     budget.no_progress_limit, " (restart.no_progress_limit)"));
  }
  if (budget.restarts >= budget.max_restarts) {
    return Fail(end, after, "RESTARTS_EXHAUSTED",
                absl::StrCat("restarted ", budget.restarts, " times, at most ", budget.max_restarts,
                             " are allowed (restart.max_restarts)"));
  }
  ++after.restarts;
  return Restart(end, after);
}

}  // namespace amaes
