#include <cmath>

#include "absl/strings/str_cat.h"
#include "tests/unit/store/sample_records.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class StoreRecordTest : public StoreTest {};

void ExpectEqual(const JobRecord& a, const JobRecord& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.spec_json, b.spec_json);
  EXPECT_EQ(a.state, b.state);
  EXPECT_EQ(a.reason, b.reason);
  EXPECT_EQ(a.message, b.message);
  EXPECT_EQ(a.priority, b.priority);
  EXPECT_EQ(a.attempt, b.attempt);
  EXPECT_EQ(a.budget.restarts, b.budget.restarts);
  EXPECT_EQ(a.budget.without_progress, b.budget.without_progress);
  EXPECT_EQ(a.budget.max_restarts, b.budget.max_restarts);
  EXPECT_EQ(a.budget.no_progress_limit, b.budget.no_progress_limit);
  EXPECT_EQ(a.not_before, b.not_before);
  EXPECT_EQ(a.cancel_requested, b.cancel_requested);
  EXPECT_EQ(a.created, b.created);
  EXPECT_EQ(a.started, b.started);
  EXPECT_EQ(a.ended, b.ended);
  EXPECT_EQ(a.dataset, b.dataset);
  EXPECT_EQ(a.progress_json, b.progress_json);
  EXPECT_EQ(a.revision, b.revision);
}

TEST_F(StoreRecordTest, AJobComesBackWholeAlsoAfterReopening) {
  ASSERT_OK(PutJob(SampleJob("job-1")));
  for (int round = 0; round < 2; ++round) {
    ASSERT_OK_AND_ASSIGN(const JobRecord back, store_->GetJob(JobId("job-1")));
    ExpectEqual(back, SampleJob("job-1"));
    Reopen();
  }
}

TEST_F(StoreRecordTest, AJobAtItsDefaultsComesBackToo) {
  ASSERT_OK(PutJob({.id = JobId("job-1")}));
  ASSERT_OK_AND_ASSIGN(const JobRecord back, store_->GetJob(JobId("job-1")));
  EXPECT_EQ(back.started, absl::InfinitePast());
  EXPECT_EQ(back.not_before, absl::InfinitePast());
  EXPECT_EQ(back.name, "");
}

TEST_F(StoreRecordTest, EveryPutRaisesTheRevisionWhateverTheRecordSays) {
  for (int i = 1; i <= 3; ++i) {
    ASSERT_OK(PutJob(SampleJob("job-1")));
    ASSERT_OK_AND_ASSIGN(const JobRecord back, store_->GetJob(JobId("job-1")));
    EXPECT_EQ(back.revision, i);
  }
}

TEST_F(StoreRecordTest, AnOlderAttemptIsAborted) {
  ASSERT_OK(PutJob(SampleJob("job-1")));
  JobRecord late = SampleJob("job-1");
  late.attempt = 2;
  EXPECT_THAT(PutJob(late),
              StatusIs(absl::StatusCode::kAborted, AllOf(HasSubstr("attempt 3"), HasSubstr("attempt 2"))));
}

TEST_F(StoreRecordTest, ATerminalStateIsFinalButItsRecordMayStillGrow) {
  for (JobState end : {JobState::kSucceeded, JobState::kFailed, JobState::kCancelled}) {
    JobRecord job = SampleJob(absl::StrCat("job-", JobStateName(end)), end);
    ASSERT_OK(PutJob(job));
    job.message = "more";
    EXPECT_OK(PutJob(job));
    job.state = JobState::kQueued;
    EXPECT_THAT(PutJob(job), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(JobStateName(end))));
    ASSERT_OK_AND_ASSIGN(const JobRecord back, store_->GetJob(job.id));
    EXPECT_EQ(back.state, end);
  }
}

TEST_F(StoreRecordTest, ANameMeansTheNewestJob) {
  ASSERT_OK(PutJob(SampleJob("job-2")));
  ASSERT_OK(PutJob(SampleJob("job-1")));
  ASSERT_OK(PutJob(SampleJob("job-2")));  // changed later, made earlier
  ASSERT_OK_AND_ASSIGN(const JobRecord back, store_->FindJobByName("nightly"));
  EXPECT_EQ(back.id, JobId("job-1"));
}

TEST_F(StoreRecordTest, WhatIsNotThereIsNamed) {
  EXPECT_THAT(store_->GetJob(JobId("job-0")), StatusIs(absl::StatusCode::kNotFound, HasSubstr("job-0")));
  EXPECT_THAT(store_->FindJobByName("weekly"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("weekly")));
  EXPECT_THAT(store_->GetAttempt(JobId("job-0"), 4), StatusIs(absl::StatusCode::kNotFound, HasSubstr("attempt 4")));
  EXPECT_THAT(store_->GetCheckpoint(JobId("job-0"), "5-1"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("5-1")));
  EXPECT_THAT(store_->GetDataset("brains", 0), StatusIs(absl::StatusCode::kNotFound, HasSubstr("brains")));
  EXPECT_THAT(store_->GetDataset("brains", 3), StatusIs(absl::StatusCode::kNotFound, HasSubstr("brains@3")));
  EXPECT_THAT(store_->GetRequest("r"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("r")));
}

TEST_F(StoreRecordTest, AttemptsComeBackWithTheirRanksOldestFirst) {
  AttemptRecord attempt{.job = JobId("job-1"),
                        .number = 2,
                        .ranks = {{NodeId("b"), 1, true}, {NodeId("a"), 0, false}},
                        .started = SampleTime(1),
                        .ended = SampleTime(2),
                        .cause = "KILLED",
                        .message = "signal 9",
                        .first_failed_rank = 1};
  const auto put = [&] {
    return store_->Write([&](StoreTransaction& transaction) { return transaction.PutAttempt(attempt); });
  };
  ASSERT_OK(put());
  attempt.number = 1;
  attempt.ranks.resize(1);
  ASSERT_OK(put());
  ASSERT_OK_AND_ASSIGN(const std::vector<AttemptRecord> all, store_->ListAttempts(JobId("job-1")));
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].number, 1);
  EXPECT_EQ(all[0].ranks.size(), 1u);
  EXPECT_EQ(all[1].ranks, (std::vector<SlotRef>{{NodeId("b"), 1, true}, {NodeId("a"), 0, false}}));
  ASSERT_OK_AND_ASSIGN(const AttemptRecord one, store_->GetAttempt(JobId("job-1"), 2));
  EXPECT_EQ(one.ranks, all[1].ranks);
  EXPECT_EQ(one.started, SampleTime(1));
  EXPECT_EQ(one.ended, SampleTime(2));
  EXPECT_EQ(one.cause, "KILLED");
  EXPECT_EQ(one.message, "signal 9");
  EXPECT_EQ(one.first_failed_rank, 1);
}

TEST_F(StoreRecordTest, PuttingAnAttemptAgainReplacesItsRanks) {
  AttemptRecord attempt{
      .job = JobId("job-1"), .number = 1, .ranks = {{NodeId("a"), 0, false}, {NodeId("a"), 1, false}}};
  const auto put = [&] {
    return store_->Write([&](StoreTransaction& transaction) { return transaction.PutAttempt(attempt); });
  };
  ASSERT_OK(put());
  attempt.ranks = {{NodeId("z"), 7, true}};
  ASSERT_OK(put());
  ASSERT_OK_AND_ASSIGN(const AttemptRecord back, store_->GetAttempt(JobId("job-1"), 1));
  EXPECT_EQ(back.ranks, attempt.ranks);
}

TEST_F(StoreRecordTest, ACheckpointComesBackWholeAndCanBeReplaced) {
  CheckpointRecord checkpoint = SampleCheckpoint("job-1", "000500-2");
  const auto put = [&] {
    return store_->Write([&](StoreTransaction& transaction) { return transaction.PutCheckpoint(checkpoint); });
  };
  ASSERT_OK(put());
  ASSERT_OK_AND_ASSIGN(CheckpointRecord back, store_->GetCheckpoint(JobId("job-1"), "000500-2"));
  EXPECT_EQ(back.step, 500);
  EXPECT_EQ(back.attempt, 2);
  EXPECT_EQ(back.state, CheckpointState::kCorrupt);
  EXPECT_EQ(back.message, "block 3 differs");
  EXPECT_EQ(back.size_bytes, std::int64_t{1} << 40);
  EXPECT_EQ(back.manifest_sha256, std::string(64, 'a'));
  EXPECT_EQ(back.parent, "000400-1");
  EXPECT_EQ(back.dataset, "brains@2");
  EXPECT_EQ(back.dataset_digest, std::string(64, 'b'));
  EXPECT_EQ(back.metrics, (MetricMap{{"loss_masked", 0.1}}));
  EXPECT_EQ(back.created, SampleTime(9));
  checkpoint.state = CheckpointState::kDeleted;
  checkpoint.metrics = {{"loss", 2.5}, {"masked_r2", std::nan("")}};
  ASSERT_OK(put());
  ASSERT_OK_AND_ASSIGN(back, store_->GetCheckpoint(JobId("job-1"), "000500-2"));
  EXPECT_EQ(back.state, CheckpointState::kDeleted);
  EXPECT_EQ(back.metrics.at("loss"), 2.5);
  EXPECT_TRUE(std::isnan(back.metrics.at("masked_r2")));
}

TEST_F(StoreRecordTest, DatasetsComeBackWholeAndVersionZeroIsTheNewest) {
  ASSERT_OK(store_->Write([&](StoreTransaction& transaction) {
    for (std::int64_t version : {1, 3, 2}) {
      DatasetRecord dataset = SampleDataset("brains", version);
      if (version == 3) dataset.retired = absl::InfinitePast();
      if (absl::Status status = transaction.PutDataset(dataset); !status.ok()) return status;
    }
    return transaction.PutDataset(SampleDataset("brains-small", 9));
  }));
  ASSERT_OK_AND_ASSIGN(const DatasetRecord newest, store_->GetDataset("brains", 0));
  EXPECT_EQ(newest.version, 3);
  ASSERT_OK_AND_ASSIGN(const DatasetRecord back, store_->GetDataset("brains", 2));
  EXPECT_EQ(back.digest, std::string(64, 'c'));
  EXPECT_EQ(back.contract_json, R"({"spacing":1})");
  EXPECT_EQ(back.volumes, 45'000);
  EXPECT_EQ(back.training_volumes, 44'000);
  EXPECT_EQ(back.held_out_volumes, 1000);
  EXPECT_EQ(back.subjects, 20'000);
  EXPECT_EQ(back.held_out_subjects, 200);
  EXPECT_EQ(back.quarantined, 3);
  EXPECT_EQ(back.duplicates, 4);
  EXPECT_EQ(back.skipped, 5);
  EXPECT_EQ(back.stored_bytes, 1 << 30);
  EXPECT_EQ(back.job, JobId("job-9"));
  EXPECT_EQ(back.created, SampleTime(10));
  EXPECT_EQ(back.made_by, "forget");
  EXPECT_EQ(back.retired, SampleTime(11));
  EXPECT_TRUE(back.is_retired());
  EXPECT_FALSE(newest.is_retired());
}

TEST_F(StoreRecordTest, VersionZeroIsTheNewestThatIsNotRetiredAndNumbersAreNotForgotten) {
  const auto put = [&](std::int64_t version, bool retired) {
    DatasetRecord dataset = SampleDataset("brains", version);
    dataset.retired = retired ? SampleTime(1) : absl::InfinitePast();
    ASSERT_OK(store_->Write([&](StoreTransaction& transaction) { return transaction.PutDataset(dataset); }));
  };
  ASSERT_OK_AND_ASSIGN(std::int64_t last, store_->LastDatasetVersion("brains"));
  EXPECT_EQ(last, 0);
  put(1, false);
  put(2, false);
  put(3, false);
  put(3, true);
  ASSERT_OK_AND_ASSIGN(DatasetRecord newest, store_->GetDataset("brains", 0));
  EXPECT_EQ(newest.version, 2);
  ASSERT_OK_AND_ASSIGN(last, store_->LastDatasetVersion("brains"));
  EXPECT_EQ(last, 3);
  put(1, true);
  put(2, true);
  EXPECT_THAT(store_->GetDataset("brains", 0), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_OK(store_->GetDataset("brains", 2)) << "by its number it is there";
}

TEST_F(StoreRecordTest, AChangeOfADatasetIsPendingUntilItIsDone) {
  using State = DatasetChangeRecord::State;
  DatasetChangeRecord change{.request_id = "r-1",
                             .dataset = "brains",
                             .kind = "forget",
                             .state = State::kPlanned,
                             .plan_json = R"({"retire":[1]})",
                             .result_json = R"({"version":2})",
                             .created = SampleTime(3)};
  const auto put = [&](const DatasetChangeRecord& record) {
    return store_->Write([&](StoreTransaction& transaction) -> absl::Status {
      absl::Status status = transaction.PutRequest(record.request_id, {.body_digest = "d", .job = JobId()});
      status.Update(transaction.PutDatasetChange(record));
      return status;
    });
  };
  ASSERT_OK(put(change));
  change.request_id = "r-2";
  ASSERT_OK(put(change));
  Reopen();
  ASSERT_OK_AND_ASSIGN(const DatasetChangeRecord back, store_->GetDatasetChange("r-1"));
  EXPECT_EQ(back.dataset, "brains");
  EXPECT_EQ(back.kind, "forget");
  EXPECT_EQ(back.state, State::kPlanned);
  EXPECT_EQ(back.plan_json, R"({"retire":[1]})");
  EXPECT_EQ(back.result_json, R"({"version":2})");
  EXPECT_EQ(back.created, SampleTime(3));

  change.state = State::kPublished;
  change.plan_json = "{}";
  ASSERT_OK(put(change));
  const auto drop = [&](const std::string& id) {
    return store_->Write([&](StoreTransaction& transaction) { return transaction.DropDatasetChange(id); });
  };
  EXPECT_THAT(drop("r-2"), StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_OK(drop("r-1"));
  EXPECT_THAT(store_->GetDatasetChange("r-1"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(store_->GetRequest("r-1"), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK_AND_ASSIGN(std::vector<DatasetChangeRecord> pending, store_->PendingDatasetChanges());
  ASSERT_EQ(pending.size(), 1u);
  EXPECT_EQ(pending[0].request_id, "r-2");
  EXPECT_EQ(pending[0].plan_json, "{}");
  change.state = State::kDone;
  ASSERT_OK(put(change));
  ASSERT_OK_AND_ASSIGN(pending, store_->PendingDatasetChanges());
  EXPECT_TRUE(pending.empty());
}

TEST_F(StoreRecordTest, ADatasetVersionIsImmutable) {
  const auto put = [&](const DatasetRecord& dataset) {
    return store_->Write([&](StoreTransaction& transaction) { return transaction.PutDataset(dataset); });
  };
  ASSERT_OK(put(SampleDataset("brains", 1)));
  EXPECT_OK(put(SampleDataset("brains", 1))) << "the same again";
  DatasetRecord other = SampleDataset("brains", 1);
  other.digest = std::string(64, 'd');
  EXPECT_THAT(put(other), StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("brains@1")));
  EXPECT_THAT(put(SampleDataset("brains", 0)), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("count from 1")));
}

TEST_F(StoreRecordTest, ARequestIdMeansOneJob) {
  const auto put = [&](const StoreReader::RequestRecord& request) {
    return store_->Write([&](StoreTransaction& transaction) { return transaction.PutRequest("r-1", request); });
  };
  ASSERT_OK(put({.body_digest = "abc", .job = JobId("job-1")}));
  EXPECT_OK(put({.body_digest = "abc", .job = JobId("job-1")}));
  EXPECT_THAT(put({.body_digest = "abd", .job = JobId("job-1")}),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("r-1")));
  ASSERT_OK_AND_ASSIGN(const StoreReader::RequestRecord back, store_->GetRequest("r-1"));
  EXPECT_EQ(back.body_digest, "abc");
  EXPECT_EQ(back.job, JobId("job-1"));
}

TEST_F(StoreRecordTest, AWriteSeesItsOwnChangesAndAFailedOneLeavesNothing) {
  const absl::Status status = store_->Write([&](StoreTransaction& transaction) -> absl::Status {
    if (absl::Status put = transaction.PutJob(SampleJob("job-1")); !put.ok()) return put;
    EXPECT_OK(transaction.GetJob(JobId("job-1")));
    EXPECT_THAT(store_->GetJob(JobId("job-1")), StatusIs(absl::StatusCode::kNotFound)) << "not committed yet";
    return absl::AbortedError("changed my mind");
  });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kAborted, "changed my mind"));
  EXPECT_THAT(store_->GetJob(JobId("job-1")), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_OK(PutJob(SampleJob("job-1")));
}

TEST_F(StoreRecordTest, TextWithZeroBytesAndNoUtf8ComesBackAsItIs) {
  JobRecord job = SampleJob("job-1");
  job.message = std::string("a\0b\xff", 4);
  ASSERT_OK(PutJob(job));
  ASSERT_OK_AND_ASSIGN(const JobRecord back, store_->GetJob(job.id));
  EXPECT_EQ(back.message, job.message);
}

}  // namespace
}  // namespace amaes
