// A job from submit to its end, and everything that may go wrong with its gang on the way.
#include "tests/integration/coordinator/engine_fixture.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::SizeIs;

TEST_F(EngineTest, FromSubmitToSuccess) {
  TestAgent agent("a", 2);
  ASSERT_OK(agent.Register(*engine_));
  const JobId id = Submit(2);
  engine_->Tick();
  EXPECT_EQ(State(id), JobState::kStarting);
  ASSERT_THAT(agent.started(), SizeIs(2));
  const StartWorkerCommand start = agent.started()[1];
  EXPECT_EQ(start.worker, (WorkerName{id, 1, 1}));
  EXPECT_EQ(start.kind, "pretrain");
  EXPECT_EQ(start.log_file, (home_.path() / "jobs" / id.value / "logs" / "001-001.log").string());
  EXPECT_EQ(start.start.world_size, 2);
  EXPECT_EQ(start.start.first_lane, 8);
  EXPECT_EQ(start.start.last_lane, 16);
  EXPECT_EQ(start.start.dataset_folder, (home_.path() / "datasets" / "brains" / "1").string());
  EXPECT_EQ(start.start.bind_address, "10.0.0.1");
  EXPECT_EQ(start.start.device_index, -1);
  EXPECT_OK(SpecFromCompleteJson(start.start.spec_json));

  EXPECT_OK(agent.Report({id, 1, 0}, WorkerPhase{"train", 0}));
  EXPECT_EQ(State(id), JobState::kStarting);  // one rank is not the gang
  EXPECT_OK(agent.Report({id, 1, 1}, WorkerPhase{"train", 0}));
  EXPECT_EQ(State(id), JobState::kRunning);
  FinishAll(agent, id, 1);
  EXPECT_EQ(State(id), JobState::kSucceeded);
  EXPECT_THAT(EventKinds(id), ElementsAre("CREATED", "PLACED", "RUNNING", "SUCCEEDED"));
  EXPECT_TRUE(engine_->Nodes()[0].used.empty());
  EXPECT_EQ(store_->GetAttempt(id, 1)->cause, "FINISHED");
  EXPECT_EQ(Metric("amaes_jobs_finished_total{outcome=\"succeeded\"}"), 1);
  EXPECT_EQ(Metric("amaes_attempts_total{cause=\"finished\"}"), 1);
}

TEST_F(EngineTest, TheKeyValueTableBringsRanksTogether) {
  TestAgent agent("a", 2);
  ASSERT_OK(agent.Register(*engine_));
  const JobId id = Submit(2);
  engine_->Tick();
  EXPECT_OK(agent.Report({id, 1, 1}, KeyWait{"address/0"}));
  EXPECT_THAT(agent.sink->All<WorkerCommandTo>(), SizeIs(0));
  EXPECT_OK(agent.Report({id, 1, 0}, KeyValue{"address/0", "10.0.0.1:99", false}));
  EXPECT_OK(agent.Report({id, 1, 0}, KeyWait{"address/0"}));
  const auto sent = agent.sink->All<WorkerCommandTo>();
  ASSERT_THAT(sent, SizeIs(2));
  EXPECT_EQ(sent[0].worker.rank, 1);
  EXPECT_EQ(std::get<KeyValue>(sent[0].command), (KeyValue{"address/0", "10.0.0.1:99", false}));
  EXPECT_EQ(sent[1].worker.rank, 0);
}

TEST_F(EngineTest, AFailedRankEndsTheGangAndItStartsAgain) {
  TestAgent agent("a", 2);
  const JobId id = RunTwoRanks(agent);
  EXPECT_OK(agent.Report({id, 1, 0}, KeyWait{"never"}));
  EXPECT_OK(agent.Exit({id, 1, 1}, "KILLED", "killed by signal 9 (Killed)"));
  EXPECT_EQ(State(id), JobState::kStopping);
  EXPECT_THAT(Job(id).record.message, AllOf(HasSubstr("rank 1 on a"), HasSubstr("signal 9")));
  const auto stops = agent.sink->All<StopWorkersCommand>();
  ASSERT_THAT(stops, SizeIs(1));
  EXPECT_TRUE(stops[0].now);
  EXPECT_TRUE(std::get<KeyValue>(agent.sink->All<WorkerCommandTo>().back().command).aborted);
  // The attempt is not over before the last worker is gone.
  engine_->Tick();
  EXPECT_THAT(agent.started(), SizeIs(2));
  EXPECT_OK(agent.Exit({id, 1, 0}, "ENDED", "ended by the agent"));
  EXPECT_EQ(State(id), JobState::kQueued);
  EXPECT_EQ(Job(id).record.budget.restarts, 1);
  engine_->Tick();
  EXPECT_EQ(State(id), JobState::kStarting);
  EXPECT_EQ(Job(id).record.attempt, 2);
  EXPECT_THAT(agent.started(), SizeIs(4));
  EXPECT_EQ(store_->GetAttempt(id, 1)->cause, "KILLED");
  EXPECT_EQ(store_->GetAttempt(id, 1)->first_failed_rank, 1);
  EXPECT_EQ(Metric("amaes_attempts_total{cause=\"killed\"}"), 1);
}

TEST_F(EngineTest, TheCauseIsNotTheOneThatOnlyLostItsPeer) {
  TestAgent agent("a", 2);
  const JobId id = RunTwoRanks(agent);
  EXPECT_OK(agent.Report({id, 1, 0}, WorkerFailed{"PEER_LOST", "rank 1 is gone", true}));
  EXPECT_OK(agent.Exit({id, 1, 1}, "KILLED", "killed by signal 9 (Killed)"));
  EXPECT_OK(agent.Exit({id, 1, 0}, "PEER_LOST", "rank 1 is gone"));
  EXPECT_EQ(store_->GetAttempt(id, 1)->cause, "KILLED");
  EXPECT_EQ(store_->GetAttempt(id, 1)->first_failed_rank, 1);
}

TEST_F(EngineTest, WhatWouldHappenAgainIsNotTriedAgain) {
  TestAgent agent("a", 2);
  const JobId id = RunTwoRanks(agent);
  EXPECT_OK(agent.Report({id, 1, 1}, WorkerFailed{"DATA_DAMAGED", "chunk 3 of volume ab does not fit", false}));
  EXPECT_OK(agent.Exit({id, 1, 1}, "DATA_DAMAGED", "exit code 1", false));
  EXPECT_OK(agent.Exit({id, 1, 0}, "ENDED"));
  const JobView job = Job(id);
  EXPECT_EQ(job.record.state, JobState::kFailed);
  EXPECT_EQ(job.record.reason, "NOT_RETRYABLE");
  EXPECT_THAT(job.record.message, AllOf(HasSubstr("DATA_DAMAGED"), HasSubstr("rank 1 on a"), HasSubstr("chunk 3")));
  EXPECT_NE(job.record.ended, absl::InfinitePast());
}

TEST_F(EngineTest, FailuresWithoutProgressBackOffAndEnd) {
  TestAgent agent("a", 2);
  ASSERT_OK(agent.Register(*engine_));
  const JobId id = Submit(2);
  engine_->Tick();
  int attempts = 0;
  while (State(id) != JobState::kFailed && attempts < 20) {
    ++attempts;
    const AttemptNumber attempt = Job(id).record.attempt;
    EXPECT_OK(agent.Exit({id, attempt, 0}, "FAILED", "exit code 1"));
    EXPECT_OK(agent.Exit({id, attempt, 1}, "ENDED"));
    engine_->Tick();
    EXPECT_EQ(Job(id).record.reason, attempts < 3 ? "BACKOFF" : "NO_PROGRESS");
    ASSERT_OK(agent.Heartbeat());
    for (int i = 0; i < 70 && State(id) == JobState::kQueued; ++i) {
      Pass(absl::Seconds(1));
      ASSERT_OK(agent.Heartbeat());
    }
  }
  EXPECT_EQ(attempts, 3);
  EXPECT_EQ(Job(id).record.reason, "NO_PROGRESS");
}

TEST_F(EngineTest, AFinishedProcessThatDidNotFinishItsWorkHasFailed) {
  TestAgent agent("a", 2);
  const JobId id = RunTwoRanks(agent);
  EXPECT_OK(agent.Exit({id, 1, 0}, "FINISHED"));
  EXPECT_EQ(State(id), JobState::kStopping);
}

TEST_F(EngineTest, ASilentNodeIsLostAndItsJobMovesOn) {
  TestAgent a("a", 1), b("b", 1), c("c", 1);
  ASSERT_OK(a.Register(*engine_));
  ASSERT_OK(b.Register(*engine_));
  const JobId id = Submit(2);
  engine_->Tick();
  EXPECT_OK(a.Report({id, 1, 0}, TrainProgress{.step = 1}));
  EXPECT_EQ(State(id), JobState::kRunning);
  for (int i = 0; i < 6; ++i) {
    Pass(absl::Seconds(2));
    ASSERT_OK(a.Heartbeat());
  }
  EXPECT_EQ(State(id), JobState::kStopping);
  EXPECT_THAT(Job(id).record.message, HasSubstr("NODE_LOST"));
  EXPECT_FALSE(b.sink->end.ok());
  EXPECT_OK(a.Exit({id, 1, 0}, "ENDED"));
  EXPECT_EQ(State(id), JobState::kQueued);
  EXPECT_EQ(Job(id).record.budget.restarts, 0);  // not the job's fault
  ASSERT_OK(c.Register(*engine_));
  engine_->Tick();
  EXPECT_EQ(Job(id).record.attempt, 2);
  EXPECT_THAT(c.started(), SizeIs(1));
  // The lost node comes back with its old worker, which is not kept; what it says is dropped.
  ASSERT_OK(b.Register(*engine_, {{{id, 1, 1}, 0, true}}));
  EXPECT_THAT(b.sink->All<RegisteredCommand>()[0].keep, SizeIs(0));
  const double fenced = Metric("amaes_fenced_reports_total");
  EXPECT_OK(b.Report({id, 1, 1}, TrainProgress{.step = 5}));
  EXPECT_OK(b.Report({id, 1, 1}, CheckpointCommitted{.name = "00000005-001", .step = 5, .manifest_sha256 = "x"}, 7));
  EXPECT_EQ(Metric("amaes_fenced_reports_total"), fenced + 2);
  EXPECT_EQ(b.sink->All<AcknowledgeCommand>().back().sequence, 7);
  EXPECT_THAT(EventKinds(id), Contains("FENCED"));
  EXPECT_THAT(store_->GetCheckpoint(id, "00000005-001"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(Job(id).progress.training.step, 1);
}

TEST_F(EngineTest, APausedCoordinatorDoesNotMissAnybody) {
  TestAgent agent("a", 2);
  const JobId id = RunTwoRanks(agent);
  Pass(absl::Minutes(10));
  EXPECT_EQ(State(id), JobState::kRunning);
  ASSERT_OK(agent.Heartbeat());  // had waited all the time
  Pass(absl::Seconds(5));
  EXPECT_EQ(State(id), JobState::kRunning);
  Pass(absl::Seconds(6));
  EXPECT_EQ(State(id), JobState::kQueued);  // but silence is still noticed
}

TEST_F(EngineTest, ANewAgentProcessHasLostItsWorkers) {
  TestAgent agent("a", 2);
  const JobId id = RunTwoRanks(agent);
  const std::shared_ptr<RecordingSink> before = agent.sink;
  agent.NewIncarnation();
  ASSERT_OK(agent.Register(*engine_));
  EXPECT_THAT(before->end, StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(ReasonOf(before->end), "AGENT_REPLACED");
  EXPECT_EQ(State(id), JobState::kQueued);
  EXPECT_EQ(Job(id).record.budget.restarts, 0);
  // The stream that was replaced says no more.
  EXPECT_THAT(engine_->Report(NodeId("a"), before.get(), {id, 1, 0}, TrainProgress{.step = 9}, 0),
              StatusIs(absl::StatusCode::kAborted));
}

TEST_F(EngineTest, AReconnectKeepsWorkersAndWaitsForExitsOnTheirWay) {
  TestAgent agent("a", 2);
  const JobId id = RunTwoRanks(agent);
  agent.Detach();
  ASSERT_OK(agent.Register(*engine_, {{{id, 1, 0}, 0, true}}));
  EXPECT_THAT(agent.sink->All<RegisteredCommand>()[0].keep, ElementsAre(WorkerName{id, 1, 0}));
  EXPECT_EQ(State(id), JobState::kRunning);
  EXPECT_OK(agent.Report({id, 1, 1}, WorkerFinished{true, 100}, 1));
  EXPECT_OK(agent.Exit({id, 1, 1}, "FINISHED", "", true, 2));
  EXPECT_OK(agent.Report({id, 1, 0}, WorkerFinished{true, 100}, 3));
  EXPECT_OK(agent.Exit({id, 1, 0}, "FINISHED", "", true, 4));
  EXPECT_EQ(State(id), JobState::kSucceeded);
}

TEST_F(EngineTest, AWorkerThatNobodyHasAnyMoreIsLost) {
  TestAgent agent("a", 2);
  const JobId id = RunTwoRanks(agent);
  agent.Detach();
  ASSERT_OK(agent.Register(*engine_, {{{id, 1, 0}, 0, true}}));
  for (int i = 0; i < 6; ++i) {
    ASSERT_OK(agent.Heartbeat());
    Pass(absl::Seconds(2));
  }
  EXPECT_EQ(State(id), JobState::kStopping);
  EXPECT_THAT(Job(id).record.message, HasSubstr("rank 1"));
}

TEST_F(EngineTest, AWorkerThatNeverSaysAWordIsEnded) {
  TestAgent agent("a", 2);
  ASSERT_OK(agent.Register(*engine_));
  const JobId id = Submit(2);
  engine_->Tick();
  EXPECT_OK(agent.Report({id, 1, 0}, WorkerHello{}));
  for (int i = 0; i < 62; ++i) {
    ASSERT_OK(agent.Heartbeat());
    Pass(absl::Seconds(1));
  }
  EXPECT_EQ(State(id), JobState::kStopping);
  EXPECT_THAT(Job(id).record.message, AllOf(HasSubstr("rank 1"), HasSubstr("NEVER_STARTED")));
  // It does not answer the stop either: the agent has to say what it holds.
  for (int i = 0; i < 42; ++i) {
    ASSERT_OK(agent.Heartbeat());
    Pass(absl::Seconds(1));
  }
  EXPECT_THAT(agent.sink->end, StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(EngineTest, CancelWhileItWaits) {
  const JobId id = Submit(2);
  ASSERT_OK(engine_->CancelJob(id.value));
  EXPECT_EQ(State(id), JobState::kCancelled);
  EXPECT_EQ(engine_->CancelJob(id.value)->record.state, JobState::kCancelled);  // again: unchanged
  EXPECT_TRUE(engine_->LiveJobs().empty());
}

TEST_F(EngineTest, CancelWhileItStartsOrRunsIsAnOrderlyStop) {
  for (const bool running : {false, true}) {
    TestAgent agent("a", 2);
    ASSERT_OK(agent.Register(*engine_));
    const JobId id = Submit(2, absl::StrCat("cancel-", running));
    engine_->Tick();
    if (running) Train(agent, id, 1);
    EXPECT_EQ(engine_->CancelJob(id.value)->record.state, JobState::kStopping);
    ASSERT_OK(engine_->CancelJob(id.value));
    const auto stops = agent.sink->All<StopWorkersCommand>();
    ASSERT_THAT(stops, SizeIs(1));
    EXPECT_FALSE(stops[0].now);
    EXPECT_OK(agent.Report({id, 1, 0}, CheckpointCommitted{.name = "00000007-001", .step = 7, .manifest_sha256 = "x"}));
    for (int rank = 0; rank < 2; ++rank) {
      EXPECT_OK(agent.Report({id, 1, rank}, WorkerFinished{false, 7}));
      EXPECT_OK(agent.Exit({id, 1, rank}, "STOPPED"));
    }
    EXPECT_EQ(State(id), JobState::kCancelled);
    EXPECT_OK(store_->GetCheckpoint(id, "00000007-001"));
    EXPECT_EQ(store_->GetAttempt(id, 1)->cause, "CANCELLED");
  }
}

TEST_F(EngineTest, CancelWhileAFailedGangIsBeingEnded) {
  TestAgent agent("a", 2);
  const JobId id = RunTwoRanks(agent);
  EXPECT_OK(agent.Exit({id, 1, 1}, "KILLED"));
  EXPECT_EQ(engine_->CancelJob(id.value)->record.state, JobState::kStopping);
  EXPECT_OK(agent.Exit({id, 1, 0}, "ENDED"));
  EXPECT_EQ(State(id), JobState::kCancelled);
}

TEST_F(EngineTest, ADrainingAgentGetsNothingNewAndItsJobsAreNotBlamed) {
  TestAgent agent("a", 2);
  const JobId id = RunTwoRanks(agent);
  ASSERT_OK(agent.Drain());
  for (int rank = 0; rank < 2; ++rank) EXPECT_OK(agent.Exit({id, 1, rank}, "STOPPED", "the agent is stopping"));
  EXPECT_EQ(State(id), JobState::kQueued);
  EXPECT_EQ(Job(id).record.budget.restarts, 0);
  engine_->Tick();
  EXPECT_EQ(State(id), JobState::kQueued);
  EXPECT_THAT(agent.started(), SizeIs(2));
}

TEST_F(EngineTest, CheckpointsKeepTheirLineage) {
  TestAgent agent("a", 2);
  const JobId id = RunTwoRanks(agent);
  const CheckpointCommitted first{.name = "00000010-001", .step = 10, .manifest_sha256 = "a", .size_bytes = 5};
  EXPECT_OK(agent.Report({id, 1, 0}, first, 1));
  EXPECT_OK(agent.Report({id, 1, 0}, first, 1));  // its acknowledgement was lost
  EXPECT_OK(agent.Report(
      {id, 1, 0},
      CheckpointCommitted{.name = "00000020-001", .step = 20, .manifest_sha256 = "b", .parent = "00000010-001"}));
  EXPECT_OK(agent.Report({id, 1, 0}, CheckpointDeleted{"00000010-001"}));
  EXPECT_OK(agent.Report({id, 1, 0}, CheckpointRejected{"00000020-001", "block 3 does not fit"}));
  const CheckpointRecord deleted = *store_->GetCheckpoint(id, "00000010-001");
  EXPECT_EQ(deleted.state, CheckpointState::kDeleted);
  EXPECT_EQ(deleted.dataset, "brains@1");
  EXPECT_EQ(deleted.dataset_digest, "digest-1");
  const CheckpointRecord corrupt = *store_->GetCheckpoint(id, "00000020-001");
  EXPECT_EQ(corrupt.state, CheckpointState::kCorrupt);
  EXPECT_EQ(corrupt.message, "block 3 does not fit");
  EXPECT_EQ(corrupt.parent, "00000010-001");
  EXPECT_THAT(EventKinds(id), IsSupersetOf({"CHECKPOINT_COMMITTED", "CHECKPOINT_DELETED", "CHECKPOINT_REJECTED"}));
  EXPECT_EQ(Job(id).progress.checkpoint_step, 20);
}

TEST_F(EngineTest, AGangIsPlacedWholeOrNotAtAll) {
  TestAgent agent("a", 2);
  ASSERT_OK(agent.Register(*engine_));
  const JobId large = Submit(3, "large");
  engine_->Tick();
  EXPECT_EQ(State(large), JobState::kQueued);
  EXPECT_EQ(Job(large).record.reason, "NEVER_FITS");
  TestAgent other("b", 1);
  ASSERT_OK(other.Register(*engine_));
  engine_->Tick();
  EXPECT_EQ(State(large), JobState::kStarting);
}

TEST_F(EngineTest, BadRegistrationsAreRefused) {
  TestAgent none("a", 0), nameless("", 1);
  EXPECT_EQ(ReasonOf(none.Register(*engine_)), "BAD_REGISTRATION");
  EXPECT_EQ(ReasonOf(nameless.Register(*engine_)), "BAD_REGISTRATION");
}

TEST_F(EngineTest, WhatCannotBeStoredHasNotHappened) {
  TestAgent agent("a", 2);
  ASSERT_OK(agent.Register(*engine_));
  const JobId id = Submit(2);
  store_->fail_writes = 1;
  engine_->Tick();
  EXPECT_EQ(State(id), JobState::kQueued);
  EXPECT_THAT(agent.started(), SizeIs(0));
  engine_->Tick();
  EXPECT_EQ(State(id), JobState::kStarting);
  EXPECT_THAT(agent.started(), SizeIs(2));
  // An exit that is not durable is not acknowledged; it comes again and counts once.
  Train(agent, id, 1);
  store_->fail_writes = 1;
  EXPECT_FALSE(agent.Exit({id, 1, 0}, "KILLED", "x", true, 5).ok());
  EXPECT_THAT(agent.sink->All<AcknowledgeCommand>(), SizeIs(0));
  EXPECT_OK(agent.Exit({id, 1, 0}, "KILLED", "x", true, 5));
  EXPECT_THAT(agent.sink->All<AcknowledgeCommand>(), SizeIs(1));
  EXPECT_OK(agent.Exit({id, 1, 1}, "ENDED", "", true, 6));
  EXPECT_EQ(Job(id).record.budget.restarts, 1);
}

}  // namespace
}  // namespace amaes
