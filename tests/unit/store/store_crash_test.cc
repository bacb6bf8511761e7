#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <functional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "libs/base/rng.h"
#include "tests/unit/store/piled_up_writes.h"
#include "tests/unit/store/sample_records.h"

namespace amaes {
namespace {

// Forks; the child runs `body` and ends with 1 if an expectation failed in it. Call only while this process has one
// thread.
pid_t Fork(const std::function<void()>& body) {
  fflush(nullptr);
  const pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  body();
  fflush(nullptr);
  _exit(::testing::Test::HasFailure() ? 1 : 0);
}

class StoreCrashTest : public ::testing::Test {
 protected:
  std::filesystem::path path() const { return folder_.path() / "store.sqlite"; }
  TempDir folder_;
};

// One acknowledgement on the pipe: short enough that the kernel writes it whole.
using Acknowledgement = std::array<char, 32>;

// Writes jobs from three threads without end, and says so on `pipe` after each Write that returned OK.
void WriteWithoutEnd(const std::filesystem::path& path, int iteration, int pipe) {
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(path);
  ASSERT_OK(store);
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int n = 0;; ++n) {
        Acknowledgement acknowledgement{};
        std::snprintf(acknowledgement.data(), acknowledgement.size(), "job-%d-%d-%d", iteration, t, n);
        const std::string id = acknowledgement.data();
        ASSERT_OK((*store)->Write([&](StoreTransaction& transaction) {
          const absl::Status put = transaction.PutJob(SampleJob(id));
          return put.ok() ? transaction.AppendEvent(JobId(id), SampleTime(n), "CREATED", id) : put;
        }));
        ASSERT_EQ(write(pipe, acknowledgement.data(), acknowledgement.size()),
                  static_cast<ssize_t>(acknowledgement.size()));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(StoreCrashTest, WhatWasAcknowledgedIsThereAfterKill) {
  constexpr int kKills = 50;
  RandomStream random(7, Purpose::kPhantom, 0);
  std::vector<std::string> acknowledged;
  for (int kill_number = 0; kill_number < kKills; ++kill_number) {
    int pipe[2];
    ASSERT_EQ(pipe2(pipe, O_CLOEXEC), 0);
    const pid_t child = Fork([&] {
      close(pipe[0]);
      WriteWithoutEnd(path(), kill_number, pipe[1]);
    });
    ASSERT_GT(child, 0);
    close(pipe[1]);
    const std::uint32_t until = random.UniformInt(30);
    std::uint32_t seen = 0;
    for (Acknowledgement got; true;) {
      if (seen == until) kill(child, SIGKILL);
      if (read(pipe[0], got.data(), got.size()) != static_cast<ssize_t>(got.size())) break;
      acknowledged.emplace_back(got.data());
      ++seen;
    }
    close(pipe[0]);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "the child ended by itself: " << status;
    ASSERT_GE(seen, until);
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Store> store, Store::Open(path()));
    for (const std::string& id : acknowledged) {
      ASSERT_OK(store->GetJob(JobId(id))) << "kill " << kill_number;
      ASSERT_OK_AND_ASSIGN(const Page<EventRecord> events, store->ListEvents(JobId(id), 10, ""));
      ASSERT_EQ(events.records.size(), 1u) << id << ": all of a change or nothing";
    }
  }
  EXPECT_GT(acknowledged.size(), 300u);
}

// As far as files may grow in this process: a disk that is full.
void LimitFileSize(rlim_t bytes) {
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = std::min(bytes, limit.rlim_max);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

JobRecord LargeJob(const std::string& id) {
  JobRecord job = SampleJob(id);
  job.spec_json = std::string(100'000, 's');
  return job;
}

void FillTheDiskAndFreeItAgain(const std::filesystem::path& path) {
  signal(SIGXFSZ, SIG_IGN);
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<Store> store, Store::Open(path));
  LimitFileSize(1 << 20);
  const auto put = [&](const std::string& id) {
    return store->Write([&](StoreTransaction& transaction) { return transaction.PutJob(LargeJob(id)); });
  };
  int kept = 0;
  absl::Status status;
  while ((status = put(absl::StrCat("job-", kept))).ok()) ++kept;
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_GT(kept, 3);
  {
    PiledUpWrites writes(*store);
    for (int i = 0; i < 8; ++i) {
      writes.Add(
          [i](StoreTransaction& transaction) { return transaction.PutJob(LargeJob(absl::StrCat("group-", i))); });
    }
    for (const absl::Status& each : writes.ReleaseAndJoin())
      EXPECT_THAT(each, StatusIs(absl::StatusCode::kResourceExhausted));
  }
  EXPECT_THAT(store->GetJob(JobId(absl::StrCat("job-", kept))), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_OK(store->GetJob(JobId("job-0"))) << "reading goes on";
  LimitFileSize(RLIM_INFINITY);
  EXPECT_OK(put("afterwards"));
  store.reset();
  ASSERT_OK_AND_ASSIGN(store, Store::Open(path));
  ASSERT_OK_AND_ASSIGN(const Page<JobRecord> all, store->ListJobs({}, 1000, ""));
  EXPECT_EQ(all.records.size(), static_cast<std::size_t>(kept) + 1) << "what was acknowledged, and nothing else";
}

TEST_F(StoreCrashTest, AFullDiskKeepsNothingOfAChangeAndLaterWritesWork) {
  const pid_t child = Fork([&] { FillTheDiskAndFreeItAgain(path()); });
  ASSERT_GT(child, 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST_F(StoreCrashTest, AKilledHolderOfTheLockDoesNotKeepTheNextOut) {
  int pipe[2];
  ASSERT_EQ(pipe2(pipe, O_CLOEXEC), 0);
  const pid_t child = Fork([&] {
    const absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(path());
    ASSERT_OK(store);
    ASSERT_EQ(write(pipe[1], "x", 1), 1);
    pause();
  });
  ASSERT_GT(child, 0);
  char opened = 0;
  ASSERT_EQ(read(pipe[0], &opened, 1), 1);
  EXPECT_THAT(Store::Open(path()), StatusIs(absl::StatusCode::kFailedPrecondition));
  kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_OK(Store::Open(path()));
  close(pipe[0]);
  close(pipe[1]);
}

}  // namespace
}  // namespace amaes
