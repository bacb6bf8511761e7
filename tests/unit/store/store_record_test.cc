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
  EXPECT_EQ(back.loss_masked, 0.1);
  EXPECT_EQ(back.created, SampleTime(9));
  checkpoint.state = CheckpointState::kDeleted;
  checkpoint.loss_masked = std::nan("");
  ASSERT_OK(put());
  ASSERT_OK_AND_ASSIGN(back, store_->GetCheckpoint(JobId("job-1"), "000500-2"));
  EXPECT_EQ(back.state, CheckpointState::kDeleted);
  EXPECT_TRUE(std::isnan(back.loss_masked)) << back.loss_masked;
}

TEST_F(StoreRecordTest, DatasetsComeBackWholeAndVersionZeroIsTheNewest) {
  ASSERT_OK(store_->Write([&](StoreTransaction& transaction) {
    for (std::int64_t version : {1, 3, 2}) {
      if (absl::Status status = transaction.PutDataset(SampleDataset("brains", version)); !status.ok()) return status;
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
