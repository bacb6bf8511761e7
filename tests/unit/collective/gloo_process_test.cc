// Gloo between processes, one of which is killed. All processes are forked before any thread exists; the parent only
// watches.
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <new>
#include <vector>

#include "libs/collective/make_communicator.h"

namespace amaes {
namespace {

// A key-value table in memory that forked processes share.
class SharedStore final : public RendezvousStore {
 public:
  static SharedStore* Create() {
    void* memory = mmap(nullptr, sizeof(SharedStore), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? nullptr : new (memory) SharedStore();
  }

  absl::Status Set(const std::string& key, const std::string& value) override {
    if (key.size() >= sizeof(Entry::key) || value.size() > sizeof(Entry::value)) {
      return absl::ResourceExhaustedError("entry too large");
    }
    pthread_mutex_lock(&mutex_);
    Entry& entry = entries_[used_++];
    std::memcpy(entry.key, key.c_str(), key.size() + 1);
    std::memcpy(entry.value, value.data(), entry.size = value.size());
    pthread_cond_broadcast(&changed_);
    pthread_mutex_unlock(&mutex_);
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Wait(const std::string& key, absl::Duration timeout) override {
    timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += static_cast<time_t>(absl::ToInt64Seconds(timeout)) + 1;
    pthread_mutex_lock(&mutex_);
    absl::StatusOr<std::string> found = absl::DeadlineExceededError(key);
    for (int error = 0; error == 0; error = pthread_cond_timedwait(&changed_, &mutex_, &deadline)) {
      for (int i = 0; i < used_; ++i) {
        if (key == entries_[i].key) found = std::string(entries_[i].value, entries_[i].size);
      }
      if (found.ok()) break;
    }
    pthread_mutex_unlock(&mutex_);
    return found;
  }

 private:
  struct Entry {
    char key[64];
    char value[1024];
    std::size_t size;
  };

  SharedStore() {
    pthread_mutexattr_t mutex_attributes;
    pthread_mutexattr_init(&mutex_attributes);
    pthread_mutexattr_setpshared(&mutex_attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&mutex_, &mutex_attributes);
    pthread_condattr_t condition_attributes;
    pthread_condattr_init(&condition_attributes);
    pthread_condattr_setpshared(&condition_attributes, PTHREAD_PROCESS_SHARED);
    pthread_condattr_setclock(&condition_attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&changed_, &condition_attributes);
  }

  pthread_mutex_t mutex_;
  pthread_cond_t changed_;
  int used_ = 0;
  Entry entries_[16];
};

constexpr int kWorldSize = 3;
constexpr int kVictim = 1;
enum ExitCode { kNoticed = 0, kNotConnected = 10, kFirstFailed = 11, kWrongSum = 12, kWrongError = 13, kTold = 14 };

// In the child. The victim tells `ready` when the first collective is done, and never starts the second.
int RunRank(int rank, SharedStore& store, int ready) {
  CommunicatorOptions options;
  options.rank = rank;
  options.world_size = kWorldSize;
  options.bind_address = "127.0.0.1";
  options.collective_timeout = absl::Minutes(10);  // longer than the test may run: only the loss can end the wait
  auto communicator = MakeGlooCommunicator(options, store);
  if (!communicator.ok()) return kNotConnected;
  std::vector<float> values(1'000'000, static_cast<float>(rank + 1));
  const Buffer buffer{values.data(), static_cast<std::int64_t>(values.size()), DataType::kFloat32};
  if (!(*communicator)->AllReduceSum(buffer).ok()) return kFirstFailed;
  if (values[0] != 6.0f || values.back() != 6.0f) return kWrongSum;
  if (rank == kVictim) {
    if (write(ready, "x", 1) != 1) return kTold;
    while (true) pause();
  }
  const absl::Status status = (*communicator)->AllReduceSum(buffer);
  std::fprintf(stderr, "rank %d: %s\n", rank, status.ToString().c_str());
  if (status.code() != absl::StatusCode::kUnavailable) return kWrongError;
  if ((*communicator)->Synchronize() != status) return kWrongError;
  return kNoticed;
}

TEST(GlooProcessTest, KilledPeerIsUnavailableOnAllOthers) {
  SharedStore* store = SharedStore::Create();
  ASSERT_NE(store, nullptr);
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  std::vector<pid_t> ranks;
  for (int rank = 0; rank < kWorldSize; ++rank) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) _exit(RunRank(rank, *store, ready[1]));
    ranks.push_back(child);
  }
  close(ready[1]);
  char byte;
  ASSERT_EQ(read(ready[0], &byte, 1), 1) << "the victim ended before its first collective was done";
  ASSERT_EQ(kill(ranks[kVictim], SIGKILL), 0);
  for (int rank = 0; rank < kWorldSize; ++rank) {
    int status = 0;
    ASSERT_EQ(waitpid(ranks[rank], &status, 0), ranks[rank]);
    if (rank == kVictim) {
      EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    } else {
      EXPECT_TRUE(WIFEXITED(status)) << "rank " << rank << " was killed by signal " << WTERMSIG(status);
      EXPECT_EQ(WEXITSTATUS(status), kNoticed) << "rank " << rank;
    }
  }
}

}  // namespace
}  // namespace amaes
