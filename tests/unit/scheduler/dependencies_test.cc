#include "libs/scheduler/dependencies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace amaes {
namespace {

using ::testing::HasSubstr;
using Outcome = DependencyVerdict::Outcome;

TEST(JudgeDependencies, ReadyOnceAllHaveSucceeded) {
  EXPECT_EQ(JudgeDependencies({}).outcome, Outcome::kReady);
  EXPECT_EQ(JudgeDependencies({{JobId("a"), JobState::kSucceeded}, {JobId("b"), JobState::kSucceeded}}).outcome,
            Outcome::kReady);
}

TEST(JudgeDependencies, WaitsForWhatHasNotEnded) {
  for (const JobState state : {JobState::kQueued, JobState::kStarting, JobState::kRunning, JobState::kStopping}) {
    const DependencyVerdict verdict = JudgeDependencies({{JobId("a"), JobState::kSucceeded}, {JobId("b"), state}});
    EXPECT_EQ(verdict.outcome, Outcome::kWait);
    EXPECT_EQ(verdict.reason, "WAITING_FOR_JOB");
    EXPECT_THAT(verdict.message, HasSubstr("b ("));
    EXPECT_THAT(verdict.message, Not(HasSubstr("a (")));
  }
}

TEST(JudgeDependencies, FailsAsSoonAsOneDidNotSucceed) {
  for (const JobState state : {JobState::kFailed, JobState::kCancelled}) {
    const DependencyVerdict verdict = JudgeDependencies({{JobId("a"), JobState::kRunning}, {JobId("b"), state}});
    EXPECT_EQ(verdict.outcome, Outcome::kFail);
    EXPECT_EQ(verdict.reason, "DEPENDENCY_FAILED");
    EXPECT_THAT(verdict.message, HasSubstr("b ("));
  }
}

}  // namespace
}  // namespace amaes
