#include "libs/collective/local_communicator.h"

#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/mutex.h"
#include "libs/base/status_macros.h"
#include "libs/collective/buffers.h"
#include "libs/collective/make_communicator.h"

namespace amaes {

namespace {
constexpr int kSum = -1;  // in place of a root
}  // namespace

// The meeting place of the ranks of one process. Thread-safe.
class LocalGroup {
 public:
  LocalGroup(int world_size, absl::Duration timeout)
      : world_size_(world_size),
        timeout_(timeout),
        started_(world_size, 0),
        left_(world_size, false),
        errors_(world_size) {}

  int world_size() const { return world_size_; }

  absl::StatusOr<Communicator::Ticket> Start(int rank, Buffer buffer, int root) {
    AMAES_RETURN_IF_ERROR(CheckBuffer(buffer));
    MutexLock lock(mutex_);
    if (!broken_by_.ok()) return Fail(rank);
    const Communicator::Ticket ticket = started_[rank]++;
    Collective& collective = pending_.try_emplace(ticket, world_size_).first->second;
    collective.buffers[rank] = buffer;
    collective.roots[rank] = root;
    if (++collective.arrived == world_size_) {
      const absl::Status status = Perform(collective, ticket);
      pending_.erase(ticket);
      if (!status.ok()) {
        Break(status);
        return Fail(rank);
      }
      ++completed_;
      changed_.NotifyAll();
    } else if (const int gone = RankThatLeftBefore(ticket); gone >= 0) {
      Break(absl::UnavailableError(absl::StrCat("local: rank ", gone, " is gone")));
      return Fail(rank);
    }
    return ticket;
  }

  absl::Status Wait(int rank, Communicator::Ticket ticket) {
    MutexLock lock(mutex_);
    return WaitLocked(rank, ticket);
  }

  absl::Status WaitForAll(int rank) {
    MutexLock lock(mutex_);
    return WaitLocked(rank, started_[rank] - 1);
  }

  // The rank itself fails with Aborted; its peers, who lose it, with Unavailable.
  void Abort(int rank, absl::string_view reason) {
    MutexLock lock(mutex_);
    if (errors_[rank].ok()) errors_[rank] = absl::AbortedError(absl::StrCat("aborted: ", reason));
    Break(absl::UnavailableError(absl::StrCat("local: rank ", rank, " aborted: ", reason)));
  }

  void Leave(int rank) {
    MutexLock lock(mutex_);
    left_[rank] = true;
    if (!pending_.empty()) Break(absl::UnavailableError(absl::StrCat("local: rank ", rank, " is gone")));
  }

 private:
  struct Collective {
    explicit Collective(int world_size) : buffers(world_size), roots(world_size, kSum) {}
    std::vector<Buffer> buffers;
    std::vector<int> roots;
    int arrived = 0;
  };

  absl::Status WaitLocked(int rank, Communicator::Ticket ticket) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    while (errors_[rank].ok() && completed_ <= ticket && broken_by_.ok()) {
      const Communicator::Ticket before = completed_;
      if (changed_.WaitFor(mutex_, timeout_) || completed_ > before || !broken_by_.ok()) continue;
      errors_[rank] = absl::DeadlineExceededError(absl::StrCat("local: rank ", rank, ": collective ", before,
                                                               " not done within ", absl::FormatDuration(timeout_),
                                                               "; missing: ", MissingRanks(before)));
      Break(absl::UnavailableError(absl::StrCat("local: rank ", rank, " gave up on collective ", before)));
    }
    if (errors_[rank].ok() && completed_ > ticket) return absl::OkStatus();
    return Fail(rank);
  }

  // What this rank is told from now on.
  absl::Status Fail(int rank) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (errors_[rank].ok()) errors_[rank] = broken_by_;
    return errors_[rank];
  }

  absl::Status Perform(const Collective& collective, Communicator::Ticket ticket) {
    for (int rank = 1; rank < world_size_; ++rank) {
      if (collective.buffers[rank].count != collective.buffers[0].count ||
          collective.buffers[rank].type != collective.buffers[0].type ||
          collective.roots[rank] != collective.roots[0]) {
        return absl::InternalError(
            absl::StrCat("local: collective ", ticket, " of rank ", rank, " is not the one of rank 0"));
      }
    }
    const std::int64_t count = collective.buffers[0].count;
    // Alone there is nothing to do, and the buffer may lie where the host cannot read: on a GPU.
    if (count == 0 || world_size_ == 1) return absl::OkStatus();
    const DataType type = collective.buffers[0].type;
    std::vector<const void*> inputs;
    for (const Buffer& buffer : collective.buffers) inputs.push_back(buffer.data);
    const int root = collective.roots[0];
    void* result = collective.buffers[root == kSum ? 0 : root].data;
    if (root == kSum) SumInRankOrder(inputs.data(), world_size_, result, count, type);
    for (const Buffer& buffer : collective.buffers) {
      if (buffer.data != result) std::memcpy(buffer.data, result, count * BytesPerElement(type));
    }
    return absl::OkStatus();
  }

  int RankThatLeftBefore(Communicator::Ticket ticket) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (int rank = 0; rank < world_size_; ++rank) {
      if (left_[rank] && started_[rank] <= ticket) return rank;
    }
    return -1;
  }

  std::string MissingRanks(Communicator::Ticket ticket) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::string out;
    for (int rank = 0; rank < world_size_; ++rank) {
      if (started_[rank] <= ticket) absl::StrAppend(&out, out.empty() ? "rank " : ", rank ", rank);
    }
    return out;
  }

  // No buffer is touched after this: the work is only ever done by the rank that comes last.
  void Break(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (broken_by_.ok()) broken_by_ = status;
    pending_.clear();
    changed_.NotifyAll();
  }

  const int world_size_;
  const absl::Duration timeout_;
  Mutex mutex_;
  CondVar changed_;
  std::map<Communicator::Ticket, Collective> pending_ ABSL_GUARDED_BY(mutex_);
  Communicator::Ticket completed_ ABSL_GUARDED_BY(mutex_) = 0;  // how many; they complete in order
  std::vector<Communicator::Ticket> started_ ABSL_GUARDED_BY(mutex_);
  std::vector<bool> left_ ABSL_GUARDED_BY(mutex_);
  absl::Status broken_by_ ABSL_GUARDED_BY(mutex_);            // why nothing will complete any more
  std::vector<absl::Status> errors_ ABSL_GUARDED_BY(mutex_);  // the first error each rank was told
};

LocalCommunicator::LocalCommunicator(std::shared_ptr<LocalGroup> group, int rank)
    : group_(std::move(group)), rank_(rank) {}
LocalCommunicator::~LocalCommunicator() { group_->Leave(rank_); }
int LocalCommunicator::world_size() const { return group_->world_size(); }

absl::StatusOr<Communicator::Ticket> LocalCommunicator::StartAllReduceSum(Buffer buffer) {
  return group_->Start(rank_, buffer, kSum);
}
absl::Status LocalCommunicator::Wait(Ticket ticket) { return group_->Wait(rank_, ticket); }
absl::Status LocalCommunicator::Synchronize() { return group_->WaitForAll(rank_); }

absl::Status LocalCommunicator::Broadcast(Buffer buffer, int root) {
  AMAES_RETURN_IF_ERROR(CheckRoot(root, world_size()));
  AMAES_ASSIGN_OR_RETURN(const Ticket ticket, group_->Start(rank_, buffer, root));
  return group_->Wait(rank_, ticket);
}

void LocalCommunicator::Abort(absl::string_view reason) { group_->Abort(rank_, reason); }

std::vector<std::unique_ptr<Communicator>> MakeLocalCommunicators(int world_size, absl::Duration collective_timeout) {
  auto group = std::make_shared<LocalGroup>(world_size, collective_timeout);
  std::vector<std::unique_ptr<Communicator>> out;
  for (int rank = 0; rank < world_size; ++rank) out.push_back(std::make_unique<LocalCommunicator>(group, rank));
  return out;
}

std::unique_ptr<Communicator> MakeSingleCommunicator() {
  return std::move(MakeLocalCommunicators(1, absl::InfiniteDuration()).front());
}

}  // namespace amaes
