// Jobs that come after other jobs.
#include "tests/integration/coordinator/engine_fixture.h"

namespace amaes {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class EngineAfterTest : public EngineTest {
 protected:
  JobId SubmitAfter(const std::string& after, const std::string& request_id) {
    CreateRequest request = Pretrain(1, request_id);
    request.parsed.spec.after = after;
    const absl::StatusOr<CreateResult> result = engine_->CreateJob(request);
    EXPECT_OK(result);
    return result.ok() ? result->job.record.id : JobId();
  }
};

TEST_F(EngineAfterTest, StartsOnceAllHaveSucceeded) {
  TestAgent agent("a", 4);
  const JobId first = RunTwoRanks(agent);
  const JobId second = SubmitAfter(first.value, "r2");
  const JobId third = SubmitAfter(first.value + ", " + second.value, "r3");
  EXPECT_EQ(Job(third).spec.after, first.value + "," + second.value);
  Pass(absl::Seconds(1));
  EXPECT_EQ(State(second), JobState::kQueued);
  EXPECT_EQ(Job(second).record.reason, "WAITING_FOR_JOB");
  EXPECT_THAT(Job(third).record.message, HasSubstr(second.value));
  Restart();
  ASSERT_OK(agent.Register(*engine_, {{{first, 1, 0}, 0, true}, {{first, 1, 1}, 1, true}}));
  engine_->Tick();
  EXPECT_EQ(State(second), JobState::kQueued);
  FinishAll(agent, first, 1);
  engine_->Tick();
  EXPECT_EQ(State(second), JobState::kStarting);
  EXPECT_EQ(State(third), JobState::kQueued);
}

TEST_F(EngineAfterTest, FailsWithTheJobThatItComesAfterAndSoDoItsOwnDependents) {
  TestAgent agent("a", 2);
  const JobId first = Submit(2);
  const JobId second = SubmitAfter(first.value, "r2");
  const JobId third = SubmitAfter(second.value, "r3");
  ASSERT_OK(engine_->CancelJob(first.value));
  engine_->Tick();
  engine_->Tick();
  EXPECT_EQ(State(second), JobState::kFailed);
  EXPECT_EQ(Job(second).record.reason, "DEPENDENCY_FAILED");
  EXPECT_THAT(Job(second).record.message, HasSubstr(first.value));
  EXPECT_EQ(State(third), JobState::kFailed);
  EXPECT_NE(Job(third).record.ended, absl::InfinitePast());
}

TEST_F(EngineAfterTest, AJobThatIsNotThereIsAProblemOfTheSpec) {
  CreateRequest request = Pretrain(1, "r1");
  request.parsed.spec.after = "no-such-job";
  const absl::Status status = engine_->CreateJob(request).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_THAT(ProblemsOf(status), SizeIs(1));
  EXPECT_EQ(ProblemsOf(status)[0].field, "after");
  EXPECT_THAT(ProblemsOf(status)[0].message, HasSubstr("no-such-job"));
}

}  // namespace
}  // namespace amaes
