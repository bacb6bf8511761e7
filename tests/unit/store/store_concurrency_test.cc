#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/unit/store/piled_up_writes.h"
#include "tests/unit/store/sample_records.h"

namespace amaes {
namespace {

class StoreConcurrencyTest : public StoreTest {};

TEST_F(StoreConcurrencyTest, WaitingChangesShareOneCommit) {
  constexpr int kWaiting = 20;
  const Store::Statistics before = store_->statistics();
  PiledUpWrites writes(*store_);
  for (int i = 0; i < kWaiting; ++i) {
    writes.Add([i](StoreTransaction& transaction) { return transaction.PutJob(SampleJob(absl::StrCat("job-", i))); });
  }
  for (const absl::Status& status : writes.ReleaseAndJoin()) EXPECT_OK(status);
  const Store::Statistics after = store_->statistics();
  EXPECT_EQ(after.commits - before.commits, 2) << "the blocking change, and all that came after it";
  EXPECT_EQ(after.changes - before.changes, kWaiting + 1);
  EXPECT_EQ(after.waiting, 0);
  EXPECT_GT(after.last_commit_seconds, 0);
  for (int i = 0; i < kWaiting; ++i) EXPECT_OK(store_->GetJob(JobId(absl::StrCat("job-", i))));
}

TEST_F(StoreConcurrencyTest, AFailingChangeTakesNoNeighbourOfItsGroupWithIt) {
  PiledUpWrites writes(*store_);
  for (int i = 0; i < 9; ++i) {
    writes.Add([i](StoreTransaction& transaction) {
      const absl::Status put = transaction.PutJob(SampleJob(absl::StrCat("job-", i)));
      return i % 3 == 1 ? absl::InvalidArgumentError(absl::StrCat("no ", i)) : put;
    });
  }
  const std::vector<absl::Status> statuses = writes.ReleaseAndJoin();
  for (int i = 0; i < 9; ++i) {
    const absl::StatusCode expected = i % 3 == 1 ? absl::StatusCode::kInvalidArgument : absl::StatusCode::kOk;
    EXPECT_THAT(statuses[static_cast<std::size_t>(i)], StatusIs(expected)) << i;
    EXPECT_THAT(store_->GetJob(JobId(absl::StrCat("job-", i))),
                StatusIs(i % 3 == 1 ? absl::StatusCode::kNotFound : absl::StatusCode::kOk));
  }
}

TEST_F(StoreConcurrencyTest, AGroupOfFailuresCommitsNothing) {
  const Store::Statistics before = store_->statistics();
  EXPECT_THAT(store_->Write([](StoreTransaction&) { return absl::AbortedError("no"); }),
              StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(store_->statistics().commits, before.commits);
}

TEST_F(StoreConcurrencyTest, ReadersSeeWholeChangesOnly) {
  constexpr int kRounds = 200;
  ASSERT_OK(PutJob(SampleJob("job-a")));
  ASSERT_OK(PutJob(SampleJob("job-b")));
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&] {
      while (!done) {
        const auto page = store_->ListJobs({}, 10, "");
        ASSERT_OK(page);
        ASSERT_EQ(page->records.size(), 2u);
        EXPECT_EQ(page->records[0].revision, page->records[1].revision);
        std::this_thread::yield();
      }
    });
  }
  for (int i = 0; i < kRounds; ++i) {
    EXPECT_OK(store_->Write([](StoreTransaction& transaction) {
      const absl::Status first = transaction.PutJob(SampleJob("job-a"));
      return first.ok() ? transaction.PutJob(SampleJob("job-b")) : first;
    }));
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
}

TEST_F(StoreConcurrencyTest, ReadModifyWriteLosesNothing) {
  constexpr int kThreads = 4, kEach = 50;
  JobRecord job = SampleJob("job-1");
  job.priority = 0;
  ASSERT_OK(PutJob(job));
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < kEach; ++i) {
        EXPECT_OK(store_->Write([](StoreTransaction& transaction) {
          absl::StatusOr<JobRecord> current = transaction.GetJob(JobId("job-1"));
          if (!current.ok()) return current.status();
          ++current->priority;
          return transaction.PutJob(*current);
        }));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_OK_AND_ASSIGN(const JobRecord back, store_->GetJob(JobId("job-1")));
  EXPECT_EQ(back.priority, kThreads * kEach);
}

}  // namespace
}  // namespace amaes
