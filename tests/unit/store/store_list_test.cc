#include <set>

#include "absl/strings/str_cat.h"
#include "libs/base/rng.h"
#include "tests/unit/store/sample_records.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

class StoreListTest : public StoreTest {
 protected:
  void PutJobs(int count, int first = 0) {
    ASSERT_OK(store_->Write([&](StoreTransaction& transaction) {
      for (int i = first; i < first + count; ++i) {
        JobRecord job = SampleJob(absl::StrCat("job-", i), i % 2 == 0 ? JobState::kQueued : JobState::kSucceeded);
        job.kind = i % 3 == 0 ? "ingest" : "pretrain";
        job.name = absl::StrCat("name-", i % 5);
        if (absl::Status status = transaction.PutJob(job); !status.ok()) return status;
      }
      return absl::OkStatus();
    }));
  }
  // All pages, as job numbers.
  std::vector<int> Numbers(const StoreReader::JobFilter& filter, int page_size) {
    std::vector<int> numbers;
    std::string cursor;
    do {
      const auto page = store_->ListJobs(filter, page_size, cursor);
      EXPECT_OK(page);
      if (!page.ok()) return numbers;
      EXPECT_LE(page->records.size(), static_cast<std::size_t>(page_size));
      for (const JobRecord& job : page->records) numbers.push_back(std::stoi(job.id.value.substr(4)));
      cursor = page->next_cursor;
    } while (!cursor.empty());
    return numbers;
  }
};

TEST_F(StoreListTest, AnEmptyStoreHasEmptyLists) {
  ASSERT_OK_AND_ASSIGN(const Page<JobRecord> page, store_->ListJobs({}, 10, ""));
  EXPECT_THAT(page.records, IsEmpty());
  EXPECT_EQ(page.next_cursor, "");
  ASSERT_OK_AND_ASSIGN(const std::vector<JobRecord> live, store_->LiveJobs());
  EXPECT_THAT(live, IsEmpty());
}

TEST_F(StoreListTest, JobsComeNewestFirstInPagesOfAnySize) {
  PutJobs(7);
  for (int page_size : {1, 2, 3, 6, 7, 8}) {
    EXPECT_THAT(Numbers({}, page_size), ElementsAre(6, 5, 4, 3, 2, 1, 0)) << page_size;
  }
}

TEST_F(StoreListTest, TheLastFullPageHasNoCursor) {
  PutJobs(4);
  ASSERT_OK_AND_ASSIGN(const Page<JobRecord> page, store_->ListJobs({}, 4, ""));
  EXPECT_EQ(page.next_cursor, "");
}

TEST_F(StoreListTest, FiltersMustAllHold) {
  PutJobs(12);
  EXPECT_THAT(Numbers({.state = JobState::kQueued}, 2), ElementsAre(10, 8, 6, 4, 2, 0));
  EXPECT_THAT(Numbers({.kind = "ingest"}, 2), ElementsAre(9, 6, 3, 0));
  EXPECT_THAT(Numbers({.name = "name-1"}, 2), ElementsAre(11, 6, 1));
  EXPECT_THAT(Numbers({.state = JobState::kQueued, .kind = "ingest", .name = "name-1"}, 2), ElementsAre(6));
  EXPECT_THAT(Numbers({.state = JobState::kFailed}, 2), IsEmpty());
}

TEST_F(StoreListTest, WhatIsMadeBetweenTwoPagesDoesNotDisturbThem) {
  PutJobs(4);
  ASSERT_OK_AND_ASSIGN(const Page<JobRecord> first, store_->ListJobs({}, 2, ""));
  PutJobs(3, 4);
  ASSERT_OK_AND_ASSIGN(const Page<JobRecord> second, store_->ListJobs({}, 2, first.next_cursor));
  ASSERT_EQ(second.records.size(), 2u);
  EXPECT_EQ(second.records[0].id, JobId("job-1"));
  EXPECT_EQ(second.next_cursor, "");
}

TEST_F(StoreListTest, ACursorIsBoundToItsListAndFilter) {
  PutJobs(6);
  ASSERT_OK_AND_ASSIGN(const Page<JobRecord> page, store_->ListJobs({.state = JobState::kQueued}, 1, ""));
  ASSERT_NE(page.next_cursor, "");
  const auto refused = StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("another filter"));
  EXPECT_THAT(store_->ListJobs({}, 1, page.next_cursor), refused);
  EXPECT_THAT(store_->ListJobs({.state = JobState::kRunning}, 1, page.next_cursor), refused);
  EXPECT_THAT(store_->ListJobs({.state = JobState::kQueued, .name = "x"}, 1, page.next_cursor), refused);
  EXPECT_THAT(store_->ListDatasets("", 1, page.next_cursor), refused);
  EXPECT_THAT(store_->ListEvents(JobId("job-1"), 1, page.next_cursor), refused);
  EXPECT_OK(store_->ListJobs({.state = JobState::kQueued}, 5, page.next_cursor)) << "the page size may change";
}

TEST_F(StoreListTest, HostileCursorsAreRefused) {
  PutJobs(2);
  RandomStream random(3, Purpose::kPhantom, 0);
  std::vector<std::string> cursors = {"x",    "!!!!", "====", std::string(10'000, 'A'), std::string("\0\0", 2),
                                      "MTox", "Og"};
  for (int i = 0; i < 200; ++i) {
    std::string noise(1 + random.UniformInt(40), ' ');
    for (char& c : noise) c = static_cast<char>(random.NextUint32());
    cursors.push_back(noise);
  }
  for (const std::string& cursor : cursors) {
    EXPECT_THAT(store_->ListJobs({}, 1, cursor), StatusIs(absl::StatusCode::kInvalidArgument)) << cursor;
  }
}

TEST_F(StoreListTest, PageSizesAreBounded) {
  PutJobs(1100);
  ASSERT_OK_AND_ASSIGN(const Page<JobRecord> usual, store_->ListJobs({}, 0, ""));
  EXPECT_EQ(usual.records.size(), 50u);
  ASSERT_OK_AND_ASSIGN(const Page<JobRecord> largest, store_->ListJobs({}, 1'000'000, ""));
  EXPECT_EQ(largest.records.size(), 1000u);
  EXPECT_THAT(store_->ListJobs({}, -1, ""), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("-1")));
}

TEST_F(StoreListTest, LiveJobsAreThoseThatAreNotTerminalOldestFirst) {
  int number = 0;
  for (JobState state : {JobState::kSucceeded, JobState::kRunning, JobState::kQueued, JobState::kFailed,
                         JobState::kStopping, JobState::kCancelled, JobState::kStarting}) {
    ASSERT_OK(PutJob(SampleJob(absl::StrCat("job-", number++), state)));
  }
  ASSERT_OK_AND_ASSIGN(const std::vector<JobRecord> live, store_->LiveJobs());
  std::vector<std::string> ids;
  for (const JobRecord& job : live) ids.push_back(job.id.value);
  EXPECT_THAT(ids, ElementsAre("job-1", "job-2", "job-4", "job-6"));
}

TEST_F(StoreListTest, EveryStateIsCountedAlsoWithNone) {
  PutJobs(5);
  ASSERT_OK_AND_ASSIGN(const auto counts, store_->CountJobs());
  EXPECT_THAT(counts, ElementsAre(Pair(JobState::kQueued, 3), Pair(JobState::kStarting, 0), Pair(JobState::kRunning, 0),
                                  Pair(JobState::kStopping, 0), Pair(JobState::kSucceeded, 2),
                                  Pair(JobState::kFailed, 0), Pair(JobState::kCancelled, 0)));
}

TEST_F(StoreListTest, CheckpointsAndDatasetsComeNewestFirst) {
  ASSERT_OK(store_->Write([&](StoreTransaction& transaction) {
    for (int i = 0; i < 6; ++i) {
      CheckpointRecord checkpoint = SampleCheckpoint(i < 4 ? "job-1" : "job-2", absl::StrCat("c", i));
      checkpoint.state = i % 2 == 0 ? CheckpointState::kCommitted : CheckpointState::kDeleted;
      if (absl::Status status = transaction.PutCheckpoint(checkpoint); !status.ok()) return status;
      if (absl::Status status = transaction.PutDataset(SampleDataset(i < 4 ? "a" : "b", i + 1)); !status.ok())
        return status;
    }
    return absl::OkStatus();
  }));
  ASSERT_OK_AND_ASSIGN(const auto all, store_->ListCheckpoints({}, 10, ""));
  EXPECT_EQ(all.records.size(), 6u);
  ASSERT_OK_AND_ASSIGN(const auto first,
                       store_->ListCheckpoints({.job = "job-1", .state = CheckpointState::kCommitted}, 1, ""));
  ASSERT_OK_AND_ASSIGN(
      const auto second,
      store_->ListCheckpoints({.job = "job-1", .state = CheckpointState::kCommitted}, 1, first.next_cursor));
  EXPECT_EQ(first.records.at(0).name, "c2");
  EXPECT_EQ(second.records.at(0).name, "c0");
  EXPECT_EQ(second.next_cursor, "");
  ASSERT_OK_AND_ASSIGN(const auto datasets, store_->ListDatasets("a", 3, ""));
  ASSERT_EQ(datasets.records.size(), 3u);
  EXPECT_EQ(datasets.records[0].version, 4);
  ASSERT_OK_AND_ASSIGN(const auto every, store_->ListDatasets("", 10, ""));
  EXPECT_EQ(every.records.size(), 6u);
}

TEST_F(StoreListTest, EventsComeOldestFirstWithRisingNumbers) {
  ASSERT_OK(store_->Write([&](StoreTransaction& transaction) {
    for (int i = 0; i < 5; ++i) {
      const JobId job(i == 2 ? "job-2" : "job-1");
      if (absl::Status status = transaction.AppendEvent(job, SampleTime(i), "PLACED", absl::StrCat("event ", i));
          !status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }));
  ASSERT_OK_AND_ASSIGN(const Page<EventRecord> first, store_->ListEvents(JobId("job-1"), 3, ""));
  ASSERT_OK_AND_ASSIGN(const Page<EventRecord> second, store_->ListEvents(JobId("job-1"), 3, first.next_cursor));
  ASSERT_EQ(first.records.size(), 3u);
  ASSERT_EQ(second.records.size(), 1u);
  EXPECT_EQ(first.records[0].message, "event 0");
  EXPECT_EQ(first.records[2].message, "event 3");
  EXPECT_EQ(second.records[0].message, "event 4");
  EXPECT_EQ(second.records[0].time, SampleTime(4));
  EXPECT_EQ(second.records[0].kind, "PLACED");
  EXPECT_GT(second.records[0].sequence, first.records[2].sequence);
}

TEST_F(StoreListTest, TenThousandJobsAreListedWhole) {
  constexpr int kJobs = 10'000;
  for (int first = 0; first < kJobs; first += 1000) PutJobs(1000, first);
  const std::vector<int> numbers = Numbers({}, 1000);
  ASSERT_EQ(numbers.size(), static_cast<std::size_t>(kJobs));
  for (int i = 0; i < kJobs; ++i) ASSERT_EQ(numbers[static_cast<std::size_t>(i)], kJobs - 1 - i);
  EXPECT_EQ(Numbers({.state = JobState::kQueued, .name = "name-2"}, 100).size(), static_cast<std::size_t>(kJobs / 10));
  ASSERT_OK_AND_ASSIGN(const std::vector<JobRecord> live, store_->LiveJobs());
  EXPECT_EQ(live.size(), static_cast<std::size_t>(kJobs / 2));
}

}  // namespace
}  // namespace amaes
