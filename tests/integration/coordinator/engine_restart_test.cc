// A coordinator that is killed and comes back on the same store.
#include "libs/base/files.h"
#include "libs/checkpoint/checkpoint.h"
#include "tests/integration/coordinator/engine_fixture.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(EngineTest, ARunningGangGoesOnUnderANewCoordinator) {
  TestAgent agent("a", 2);
  const JobId id = RunTwoRanks(agent);
  EXPECT_OK(
      agent.Report({id, 1, 0}, ValidationResult{.step = 1, .split = "held_out", .metrics = {{"loss_masked", 0.5}}}));
  Restart();
  EXPECT_EQ(State(id), JobState::kRunning);
  EXPECT_THAT(Job(id).progress.validations, SizeIs(1));
  engine_->Tick();
  ASSERT_OK(
      agent.Register(*engine_, {{{id, 1, 0}, 0, true}, {{id, 1, 1}, 1, true}, {{JobId("job-x"), 1, 0}, 1, true}}));
  EXPECT_THAT(agent.sink->All<RegisteredCommand>()[0].keep, ElementsAre(WorkerName{id, 1, 0}, WorkerName{id, 1, 1}));
  Pass(absl::Seconds(9));
  ASSERT_OK(agent.Heartbeat());
  Pass(absl::Seconds(9));
  EXPECT_EQ(State(id), JobState::kRunning);
  EXPECT_EQ(Job(id).record.attempt, 1);
  EXPECT_OK(agent.Report({id, 1, 0}, TrainProgress{.step = 50}));
  EXPECT_EQ(Job(id).progress.training.step, 50);
  FinishAll(agent, id, 1);
  EXPECT_EQ(State(id), JobState::kSucceeded);
}

TEST_F(EngineTest, SlotsOfALiveGangAreNotGivenAwayAfterARestart) {
  TestAgent agent("a", 2);
  const JobId id = RunTwoRanks(agent);
  const JobId second = Submit(1, "second");
  Restart();
  ASSERT_OK(agent.Register(*engine_, {{{id, 1, 0}, 0, true}, {{id, 1, 1}, 1, true}}));
  engine_->Tick();
  EXPECT_EQ(State(second), JobState::kQueued);
  EXPECT_THAT(agent.started(), IsEmpty());
}

TEST_F(EngineTest, ANodeThatDoesNotComeBackIsLost) {
  TestAgent agent("a", 2);
  const JobId id = RunTwoRanks(agent);
  Restart();
  Pass(absl::Seconds(5));
  EXPECT_EQ(State(id), JobState::kRunning);
  Pass(absl::Seconds(6));
  EXPECT_EQ(State(id), JobState::kQueued);
  EXPECT_EQ(Job(id).record.budget.restarts, 0);
  EXPECT_EQ(store_->GetAttempt(id, 1)->cause, "NODE_LOST");
}

TEST_F(EngineTest, WhoHadFinishedBeforeTheRestartIsNotMissed) {
  TestAgent agent("a", 2);
  const JobId id = RunTwoRanks(agent);
  EXPECT_OK(agent.Report({id, 1, 0}, WorkerFinished{true, 100}, 1));
  EXPECT_OK(agent.Exit({id, 1, 0}, "FINISHED", "", true, 2));
  EXPECT_EQ(agent.sink->All<AcknowledgeCommand>().back().sequence, 2);
  Restart();
  ASSERT_OK(agent.Register(*engine_, {{{id, 1, 1}, 1, true}}));
  EXPECT_OK(agent.Report({id, 1, 1}, WorkerFinished{true, 100}, 3));
  EXPECT_OK(agent.Exit({id, 1, 1}, "FINISHED", "", true, 4));
  EXPECT_EQ(State(id), JobState::kSucceeded);
}

TEST_F(EngineTest, AGangThatHadNotMetStartsAgain) {
  TestAgent agent("a", 2);
  ASSERT_OK(agent.Register(*engine_));
  const JobId id = Submit(2);
  engine_->Tick();
  EXPECT_OK(agent.Report({id, 1, 0}, KeyValue{"address/0", "x", false}));
  Restart();
  ASSERT_OK(agent.Register(*engine_, {{{id, 1, 0}, 0, false}, {{id, 1, 1}, 1, false}}));
  EXPECT_THAT(agent.sink->All<RegisteredCommand>()[0].keep, IsEmpty());
  EXPECT_EQ(State(id), JobState::kStopping);
  for (int rank = 0; rank < 2; ++rank) EXPECT_OK(agent.Exit({id, 1, rank}, "ENDED"));
  EXPECT_EQ(store_->GetAttempt(id, 1)->cause, "COORDINATOR_LOST");
  EXPECT_EQ(Job(id).record.budget.restarts, 0);
  engine_->Tick();
  EXPECT_EQ(Job(id).record.attempt, 2);
}

TEST_F(EngineTest, AGangThatHadMetButTookNoStepGoesOn) {
  TestAgent agent("a", 2);
  ASSERT_OK(agent.Register(*engine_));
  const JobId id = Submit(2);
  engine_->Tick();
  Restart();
  ASSERT_OK(agent.Register(*engine_, {{{id, 1, 0}, 0, true}, {{id, 1, 1}, 1, true}}));
  EXPECT_EQ(State(id), JobState::kRunning);
  EXPECT_EQ(Job(id).record.attempt, 1);
}

TEST_F(EngineTest, ACancelledGangIsStillToldToStop) {
  TestAgent agent("a", 2);
  const JobId id = RunTwoRanks(agent);
  ASSERT_OK(engine_->CancelJob(id.value));
  Restart();
  EXPECT_EQ(State(id), JobState::kStopping);
  engine_->Tick();
  ASSERT_OK(agent.Register(*engine_, {{{id, 1, 0}, 0, true}, {{id, 1, 1}, 1, true}}));
  EXPECT_THAT(agent.sink->All<RegisteredCommand>()[0].keep, SizeIs(2));
  ASSERT_THAT(agent.sink->All<StopWorkersCommand>(), SizeIs(1));
  EXPECT_FALSE(agent.sink->All<StopWorkersCommand>()[0].now);
  for (int rank = 0; rank < 2; ++rank) EXPECT_OK(agent.Exit({id, 1, rank}, "STOPPED"));
  EXPECT_EQ(State(id), JobState::kCancelled);
}

TEST_F(EngineTest, BackOffAndBudgetOutliveTheCoordinator) {
  TestAgent agent("a", 2);
  ASSERT_OK(agent.Register(*engine_));
  const JobId id = Submit(2);
  engine_->Tick();
  EXPECT_OK(agent.Exit({id, 1, 0}, "FAILED"));
  EXPECT_OK(agent.Exit({id, 1, 1}, "ENDED"));
  Restart();
  EXPECT_EQ(Job(id).record.budget.restarts, 1);
  ASSERT_OK(agent.Register(*engine_));
  engine_->Tick();
  EXPECT_EQ(Job(id).record.reason, "BACKOFF");
}

TEST_F(EngineTest, ACheckpointThatNobodyCouldReportIsFoundThroughItsChild) {
  TestAgent agent("a", 2);
  const JobId id = RunTwoRanks(agent);
  // Attempt 1 committed on disk and died before its report arrived.
  const std::filesystem::path folder = home_.path() / "jobs" / id.value / "checkpoints" / CheckpointName(10, 1);
  const std::filesystem::path staged = folder.string() + ".tmp";
  ASSERT_OK(files::MakeFolders(staged));
  ASSERT_OK(files::WriteAtomic(staged / "model.safetensors", "weights"));
  CheckpointManifest manifest;
  manifest.job = id.value;
  manifest.attempt = 1;
  manifest.step = 10;
  ASSERT_OK_AND_ASSIGN(const CheckpointFile file, DescribeFile(staged / "model.safetensors"));
  manifest.files = {file};
  ASSERT_OK(CommitCheckpoint(folder, manifest));
  EXPECT_OK(agent.Exit({id, 1, 0}, "KILLED"));
  EXPECT_OK(agent.Exit({id, 1, 1}, "ENDED"));
  engine_->Tick();
  ASSERT_EQ(Job(id).record.attempt, 2);
  EXPECT_OK(agent.Report(
      {id, 2, 0},
      CheckpointCommitted{
          .name = CheckpointName(20, 2), .step = 20, .manifest_sha256 = "b", .parent = CheckpointName(10, 1)}));
  const auto parent = store_->GetCheckpoint(id, CheckpointName(10, 1));
  ASSERT_OK(parent);
  EXPECT_EQ(parent->step, 10);
  EXPECT_EQ(parent->attempt, 1);
  EXPECT_EQ(parent->manifest_sha256.size(), 64u);
}

TEST_F(EngineTest, TheLastNumbersOfAnEndedJobAreKept) {
  TestAgent agent("a", 2);
  const JobId id = RunTwoRanks(agent);
  EXPECT_OK(agent.Report({id, 1, 0}, ValidationResult{.step = 0, .split = "train", .metrics = {{"masked_r2", 0.25}}}));
  EXPECT_OK(agent.Report({id, 1, 0}, TrainProgress{.step = 99, .metrics = {{"loss_masked", 0.125}}}));
  FinishAll(agent, id, 1);
  Restart();
  const JobView job = Job(id);
  EXPECT_EQ(job.record.state, JobState::kSucceeded);
  EXPECT_EQ(job.progress.training.step, 100);
  EXPECT_EQ(job.progress.training.metrics.at("loss_masked"), 0.125);
  ASSERT_THAT(job.progress.validations, SizeIs(1));
  EXPECT_EQ(job.progress.validations[0].metrics.at("masked_r2"), 0.25);
}

}  // namespace
}  // namespace amaes
