#include "libs/scheduler/job_state.h"

#include <map>
#include <set>
#include <utility>

#include "libs/base/testing/status_matchers.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using S = JobState;
using E = JobEvent;

constexpr S kStates[] = {S::kQueued, S::kStarting, S::kRunning, S::kStopping, S::kSucceeded, S::kFailed, S::kCancelled};
constexpr E kEvents[] = {E::kPlaced,          E::kFirstStep,      E::kAllFinished,
                         E::kCancelRequested, E::kWorkerFailed,   E::kGangGoneRestart,
                         E::kGangGoneFail,    E::kGangGoneCancel, E::kDependencyFailed};

// Every legal move, written down a second time: a change of the table must be meant.
const std::map<std::pair<S, E>, S> kLegal = {
    {{S::kQueued, E::kPlaced}, S::kStarting},
    {{S::kQueued, E::kCancelRequested}, S::kCancelled},
    {{S::kStarting, E::kFirstStep}, S::kRunning},
    {{S::kStarting, E::kAllFinished}, S::kSucceeded},
    {{S::kStarting, E::kCancelRequested}, S::kStopping},
    {{S::kStarting, E::kWorkerFailed}, S::kStopping},
    {{S::kStarting, E::kGangGoneRestart}, S::kQueued},
    {{S::kQueued, E::kDependencyFailed}, S::kFailed},
    {{S::kStarting, E::kGangGoneFail}, S::kFailed},
    {{S::kRunning, E::kAllFinished}, S::kSucceeded},
    {{S::kRunning, E::kCancelRequested}, S::kStopping},
    {{S::kRunning, E::kWorkerFailed}, S::kStopping},
    {{S::kRunning, E::kGangGoneRestart}, S::kQueued},
    {{S::kRunning, E::kGangGoneFail}, S::kFailed},
    {{S::kStopping, E::kAllFinished}, S::kSucceeded},
    {{S::kStopping, E::kCancelRequested}, S::kStopping},
    {{S::kStopping, E::kWorkerFailed}, S::kStopping},
    {{S::kStopping, E::kGangGoneRestart}, S::kQueued},
    {{S::kStopping, E::kGangGoneFail}, S::kFailed},
    {{S::kStopping, E::kGangGoneCancel}, S::kCancelled},
};

TEST(JobStateTest, EveryPairIsLegalOrRefusedWithBothNames) {
  for (S state : kStates) {
    for (E event : kEvents) {
      const auto legal = kLegal.find({state, event});
      const absl::StatusOr<S> got = NextJobState(state, event);
      if (legal != kLegal.end()) {
        ASSERT_OK(got) << JobStateName(state) << " " << JobEventName(event);
        EXPECT_EQ(*got, legal->second) << JobStateName(state) << " " << JobEventName(event);
      } else {
        EXPECT_THAT(got, StatusIs(absl::StatusCode::kFailedPrecondition,
                                  AllOf(HasSubstr(JobStateName(state)), HasSubstr(JobEventName(event)))));
      }
    }
  }
}

TEST(JobStateTest, TableHoldsEachPairOnce) {
  std::set<std::pair<S, E>> seen;
  for (const JobTransition& transition : JobTransitions()) {
    EXPECT_TRUE(seen.insert({transition.from, transition.event}).second)
        << JobStateName(transition.from) << " " << JobEventName(transition.event);
  }
  EXPECT_EQ(seen.size(), kLegal.size());
}

TEST(JobStateTest, NothingLeavesATerminalState) {
  for (const JobTransition& transition : JobTransitions()) EXPECT_FALSE(IsTerminal(transition.from));
}

TEST(JobStateTest, EveryStateIsReachedAndEveryLiveStateCanEnd) {
  std::set<S> reached = {S::kQueued};
  for (std::size_t i = 0; i < std::size(kStates); ++i) {
    for (const JobTransition& transition : JobTransitions()) {
      if (reached.contains(transition.from)) reached.insert(transition.to);
    }
  }
  EXPECT_EQ(reached.size(), std::size(kStates));
  for (S state : {S::kStarting, S::kRunning, S::kStopping}) {
    EXPECT_OK(NextJobState(state, E::kGangGoneFail)) << JobStateName(state);
    EXPECT_OK(NextJobState(state, E::kGangGoneRestart)) << JobStateName(state);
  }
}

TEST(JobStateTest, NamesComeBack) {
  for (S state : kStates) {
    ASSERT_OK_AND_ASSIGN(const S back, ParseJobState(JobStateName(state)));
    EXPECT_EQ(back, state);
  }
  EXPECT_THAT(ParseJobState("running"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("QUEUED, STARTING, RUNNING, STOPPING, SUCCEEDED, FAILED, CANCELLED")));
}

}  // namespace
}  // namespace amaes
