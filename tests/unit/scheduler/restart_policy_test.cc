#include "libs/scheduler/restart_policy.h"

#include <gmock/gmock.h>

namespace amaes {
namespace {

using ::testing::HasSubstr;
using Outcome = RestartDecision::Outcome;

struct Case {
  std::string name;
  GangEnd end;
  RestartBudget budget;
  Outcome outcome;
  std::string reason;
  std::int64_t restarts, without_progress;
  absl::Duration back_off;
  std::string message;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class RestartPolicyTest : public ::testing::TestWithParam<Case> {};

TEST_P(RestartPolicyTest, DecidesWithReasonAndNumbers) {
  const Case& c = GetParam();
  const RestartDecision got = DecideRestart(c.end, c.budget);
  EXPECT_EQ(got.outcome, c.outcome);
  EXPECT_EQ(got.reason, c.reason);
  EXPECT_EQ(got.budget.restarts, c.restarts);
  EXPECT_EQ(got.budget.without_progress, c.without_progress);
  EXPECT_EQ(got.budget.max_restarts, c.budget.max_restarts);
  EXPECT_EQ(got.back_off, c.back_off);
  EXPECT_THAT(got.message, HasSubstr(c.message));
}

GangEnd Killed(bool progressed) { return {.cause = "KILLED", .message = "signal 9", .progressed = progressed}; }
GangEnd NodeLost(bool progressed) {
  return {.cause = "NODE_LOST", .message = "node a", .counts = false, .progressed = progressed};
}
RestartBudget Spent(std::int64_t restarts, std::int64_t without_progress, std::int64_t max = 10,
                    std::int64_t limit = 3) {
  return {.restarts = restarts, .without_progress = without_progress, .max_restarts = max, .no_progress_limit = limit};
}

const Case kCases[] = {
    {"AllFinishedSucceeds",
     {.all_finished = true},
     Spent(2, 1),
     Outcome::kSucceed,
     "SUCCEEDED",
     2,
     1,
     absl::ZeroDuration(),
     ""},
    {"FinishedWinsOverALateCancel",
     {.cancelled = true, .all_finished = true},
     Spent(0, 0),
     Outcome::kSucceed,
     "SUCCEEDED",
     0,
     0,
     absl::ZeroDuration(),
     ""},
    {"CancelWinsOverFailure",
     {.cancelled = true, .cause = "KILLED", .retryable = false},
     Spent(0, 0),
     Outcome::kCancel,
     "CANCELLED",
     0,
     0,
     absl::ZeroDuration(),
     ""},
    {"FirstFailureWithProgressRestartsAtOnce", Killed(true), Spent(0, 0), Outcome::kRestart, "RESTARTING", 1, 0,
     absl::ZeroDuration(), "restarts after KILLED: signal 9; restart 1 of at most 10"},
    {"WithoutProgressWaitsASecond", Killed(false), Spent(0, 0), Outcome::kRestart, "RESTARTING", 1, 1, absl::Seconds(1),
     "1 in a row without progress (ends at 3), waits 1s"},
    {"TheWaitDoubles", Killed(false), Spent(1, 1), Outcome::kRestart, "RESTARTING", 2, 2, absl::Seconds(2), "waits 2s"},
    {"TheWaitEndsAtAMinute", Killed(false), Spent(7, 7, 100, 0), Outcome::kRestart, "RESTARTING", 8, 8,
     absl::Seconds(60), "waits 1m"},
    {"AVeryLongRowStillWaitsAMinute", Killed(false), Spent(90, 5000, 100, 0), Outcome::kRestart, "RESTARTING", 91, 5001,
     absl::Seconds(60), ""},
    {"ProgressForgetsTheRow", Killed(true), Spent(2, 2), Outcome::kRestart, "RESTARTING", 3, 0, absl::ZeroDuration(),
     "3 of at most 10"},
    {"ThirdInARowWithoutProgressFails", Killed(false), Spent(2, 2), Outcome::kFail, "NO_PROGRESS", 2, 3,
     absl::ZeroDuration(), "3 failures in a row without a new step or checkpoint, the limit is 3"},
    {"ExhaustedFailsWithNumbers", Killed(true), Spent(10, 0), Outcome::kFail, "RESTARTS_EXHAUSTED", 10, 0,
     absl::ZeroDuration(),
     "restarted 10 times, at most 10 are allowed (restart.max_restarts); last cause: KILLED: signal 9"},
    {"NoRestartAllowedFailsAtOnce", Killed(true), Spent(0, 0, 0), Outcome::kFail, "RESTARTS_EXHAUSTED", 0, 0,
     absl::ZeroDuration(), ""},
    {"NotRetryableFailsAtOnce",
     {.cause = "FAILED", .message = "BAD_SPEC", .retryable = false},
     Spent(0, 0),
     Outcome::kFail,
     "NOT_RETRYABLE",
     0,
     0,
     absl::ZeroDuration(),
     "FAILED: BAD_SPEC"},
    {"LostNodeDoesNotCount", NodeLost(false), Spent(10, 2), Outcome::kRestart, "RESTARTING", 10, 2, absl::Seconds(2),
     "not counted (10 of at most 10 so far)"},
    {"LostNodeWithProgressForgetsTheRow", NodeLost(true), Spent(1, 2), Outcome::kRestart, "RESTARTING", 1, 0,
     absl::ZeroDuration(), ""},
    {"AnUnnamedCauseIsSaidToBeUnknown",
     {},
     Spent(0, 0),
     Outcome::kRestart,
     "RESTARTING",
     1,
     1,
     absl::Seconds(1),
     "after UNKNOWN"},
};
INSTANTIATE_TEST_SUITE_P(Table, RestartPolicyTest, ::testing::ValuesIn(kCases),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace amaes
