// Several ranks of one ingest, as threads: what they make is what one makes.
#include <map>
#include <thread>

#include "libs/base/mutex.h"
#include "libs/dataset/ingest_readers.h"
#include "tests/unit/dataset/ingest_fixture.h"

namespace amaes {
namespace {

using ::testing::SizeIs;

// Words between threads. `deaf`: every word gets lost, so that only the files are left.
class Words {
 public:
  explicit Words(bool deaf) : deaf_(deaf) {}

  IngestGang Gang(int rank, int world_size) {
    IngestGang gang;
    gang.rank = rank;
    gang.world_size = world_size;
    gang.attempt = 3;
    gang.tell = [this](const std::string& key) {
      MutexLock lock(mutex_);
      if (!deaf_) told_[key] = true;
      changed_.NotifyAll();
    };
    gang.wait = [this](const std::string& key, absl::Duration timeout) -> absl::Status {
      MutexLock lock(mutex_);
      if (!told_[key]) changed_.WaitFor(mutex_, deaf_ ? absl::Milliseconds(5) : timeout);
      return absl::OkStatus();
    };
    return gang;
  }

 private:
  const bool deaf_;
  Mutex mutex_;
  CondVar changed_;
  std::map<std::string, bool> told_ ABSL_GUARDED_BY(mutex_);
};

class IngestGangTest : public IngestFixture {
 protected:
  // Runs all ranks; their last progress.
  std::vector<IngestProgress> RunRanks(const std::string& run, int ranks, bool deaf) {
    Words words(deaf);
    std::vector<IngestProgress> last(ranks);
    std::vector<std::thread> threads;
    for (int rank = 0; rank < ranks; ++rank) {
      threads.emplace_back([&, rank] {
        IngestOptions options = Options(run);
        options.processes = 1;
        options.gang = words.Gang(rank, ranks);
        EXPECT_OK(RunIngest(options, SystemClock(), [&](const IngestProgress& progress) {
          last[rank] = progress;
          return true;
        }));
      });
    }
    for (std::thread& thread : threads) thread.join();
    return last;
  }
};

TEST_F(IngestGangTest, SeveralRanksMakeWhatOneMakes) {
  WriteSubjects(7);
  Write("sub-1_copy_T1w.nii.gz", Scan(1));
  ASSERT_OK(files::WriteAtomic(from() / "broken.nii", "no scan"));
  ASSERT_OK(files::WriteAtomic(from() / "README", "text"));
  ASSERT_OK(Ingest(Options("one")));
  for (const bool deaf : {false, true}) {
    const std::string run = deaf ? "deaf" : "three";
    const std::vector<IngestProgress> last = RunRanks(run, 3, deaf);
    ExpectSameFiles(staging(run), staging("one"));
    std::int64_t files = 0, done = 0, stored = 0;
    for (const IngestProgress& progress : last) {
      files += progress.files;
      done += progress.done;
      stored += progress.stored;
      EXPECT_GE(progress.stored, 1);
    }
    EXPECT_EQ(files, 10);
    EXPECT_EQ(done, 10);
    EXPECT_GE(stored, 7);  // the copy may be written twice, by two ranks at the same time
  }
}

TEST_F(IngestGangTest, MoreRanksThanFiles) {
  WriteSubjects(2);
  RunRanks("", 4, false);
  ASSERT_OK_AND_ASSIGN(const DatasetVersion version, ReadVersion(staging()));
  EXPECT_THAT(version.entries, SizeIs(2));
}

TEST_F(IngestGangTest, AWaitThatEndsEndsTheIngest) {
  WriteSubjects(2);
  IngestOptions options = Options();
  options.gang.rank = 1;
  options.gang.world_size = 2;
  options.gang.wait = [](const std::string&, absl::Duration) { return absl::CancelledError("over"); };
  EXPECT_THAT(Ingest(options), StatusIs(absl::StatusCode::kCancelled));
}

TEST(ThreadsForReader, FreeCoresGoToTheLastFiles) {
  EXPECT_EQ(ThreadsForReader(8, 0, 100), 1);
  EXPECT_EQ(ThreadsForReader(8, 7, 100), 1);
  EXPECT_EQ(ThreadsForReader(8, 0, 1), 8);
  EXPECT_EQ(ThreadsForReader(8, 0, 3), 2);
  EXPECT_EQ(ThreadsForReader(8, 2, 2), 3);
  EXPECT_EQ(ThreadsForReader(8, 5, 1), 3);
  EXPECT_EQ(ThreadsForReader(1, 3, 5), 1);
}

}  // namespace
}  // namespace amaes
