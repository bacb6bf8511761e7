// The module libamaes_gloo.so: the Gloo communicator and its factory. No torch header may be included here.
#include <pthread.h>
#include <signal.h>

#include <deque>
#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/mutex.h"
#include "libs/base/status_macros.h"
#include "libs/collective/buffers.h"
#include "libs/collective/gloo_mesh.h"
#include "libs/collective/module.h"

namespace amaes {

namespace {

// One communication thread runs the collectives in the order they were started, while the caller computes.
class GlooCommunicator final : public Communicator {
 public:
  GlooCommunicator(const CommunicatorOptions& options, std::unique_ptr<GlooMesh> mesh)
      : rank_(options.rank), world_size_(options.world_size), mesh_(std::move(mesh)), thread_([this] { Run(); }) {}

  ~GlooCommunicator() override {
    bool unfinished = false;
    {
      MutexLock lock(mutex_);
      stop_ = true;
      unfinished = completed_ < started_;
      changed_.NotifyAll();
    }
    if (unfinished) Break(absl::AbortedError("communicator destroyed with collectives in flight"));
    thread_.join();
  }

  int rank() const override { return rank_; }
  int world_size() const override { return world_size_; }

  absl::StatusOr<Ticket> StartAllReduceSum(Buffer buffer) override { return Start(buffer, kSum); }

  absl::Status Wait(Ticket ticket) override {
    MutexLock lock(mutex_);
    return WaitLocked(ticket);
  }

  absl::Status Synchronize() override {
    MutexLock lock(mutex_);
    return WaitLocked(started_ - 1);
  }

  absl::Status Broadcast(Buffer buffer, int root) override {
    AMAES_RETURN_IF_ERROR(CheckRoot(root, world_size_));
    AMAES_ASSIGN_OR_RETURN(const Ticket ticket, Start(buffer, root));
    return Wait(ticket);
  }

  void Abort(absl::string_view reason) override { Break(absl::AbortedError(absl::StrCat("aborted: ", reason))); }

 private:
  static constexpr int kSum = -1;  // in place of a root
  struct Collective {
    Buffer buffer;
    int root;
  };

  absl::StatusOr<Ticket> Start(Buffer buffer, int root) {
    AMAES_RETURN_IF_ERROR(CheckBuffer(buffer));
    MutexLock lock(mutex_);
    if (!error_.ok()) return error_;
    queue_.push_back({buffer, root});
    changed_.NotifyAll();
    return started_++;
  }

  // Each collective has its own deadline in the communication thread, so there is none here.
  absl::Status WaitLocked(Ticket ticket) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    while (running_ ? completed_ <= ticket || !error_.ok() : completed_ <= ticket && error_.ok()) changed_.Wait(mutex_);
    return error_;
  }

  void Break(const absl::Status& status) {
    {
      MutexLock lock(mutex_);
      if (error_.ok()) error_ = status;
      queue_.clear();
      changed_.NotifyAll();
    }
    mesh_->Abort();
  }

  void Run() {
    sigset_t set;  // a write to a lost peer must not kill the process
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    while (true) {
      Collective collective;
      std::uint64_t sequence = 0;
      {
        MutexLock lock(mutex_);
        while (queue_.empty() && !stop_) changed_.Wait(mutex_);
        if (queue_.empty()) return;
        collective = queue_.front();
        queue_.pop_front();
        sequence = completed_;
        running_ = true;
      }
      const absl::Status status = collective.root == kSum
                                      ? mesh_->AllReduceSum(collective.buffer, sequence)
                                      : mesh_->Broadcast(collective.buffer, collective.root, sequence);
      if (!status.ok()) Break(status);
      MutexLock lock(mutex_);
      running_ = false;
      if (status.ok()) ++completed_;
      changed_.NotifyAll();
    }
  }

  const int rank_;
  const int world_size_;
  const std::unique_ptr<GlooMesh> mesh_;

  Mutex mutex_;
  CondVar changed_;
  std::deque<Collective> queue_ ABSL_GUARDED_BY(mutex_);
  Ticket started_ ABSL_GUARDED_BY(mutex_) = 0;
  Ticket completed_ ABSL_GUARDED_BY(mutex_) = 0;  // how many; they complete in order
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace

extern "C" __attribute__((visibility("default"))) void amaes_make_gloo_communicator(
    const ModuleHost&, const CommunicatorOptions& options, RendezvousStore& store,
    absl::StatusOr<std::unique_ptr<Communicator>>& out) {
  auto mesh = GlooMesh::Connect(options, store);
  if (mesh.ok()) {
    out = std::make_unique<GlooCommunicator>(options, *std::move(mesh));
  } else {
    out = mesh.status();
  }
}

}  // namespace amaes
