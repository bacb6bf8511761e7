// Collectives on the GPU through NCCL, on a stream of their own beside the compute stream.
//
// After an error the NCCL communicator is aborted, never destroyed, on a thread of its own: even the abort can block.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/collective/communicator.h"
#include "libs/collective/nccl_api.h"

namespace amaes {

class NcclHandle;

struct NcclEnvironment {
  NcclApi api;
  Clock* clock = nullptr;                                   // outlives the communicator
  std::function<void()> pause;                              // called between two looks of a call that blocks
  std::function<void(absl::string_view)> log_error;         // any thread
  absl::Duration watchdog_period = absl::Milliseconds(20);  // zero: no thread; the owner calls Poll
  absl::Duration abort_timeout = absl::Seconds(10);         // how long the destructor waits for an abort
};

class NcclCommunicator final : public Communicator {
 public:
  // Rank 0 publishes NCCL's id through `store`; all ranks join.
  //   - DeadlineExceeded: not all came within start_timeout.   - Errors of the store and of NCCL.
  static absl::StatusOr<std::unique_ptr<NcclCommunicator>> Create(const CommunicatorOptions& options,
                                                                  RendezvousStore& store, NcclEnvironment environment);
  // Must run before the CUDA context ends. An abort that does not return in time is logged and left behind: then the
  // process can only be ended with _exit.
  ~NcclCommunicator() override;

  int rank() const override { return options_.rank; }
  int world_size() const override { return options_.world_size; }
  absl::StatusOr<Ticket> StartAllReduceSum(Buffer buffer) override;
  absl::Status Wait(Ticket ticket) override;
  absl::Status Synchronize() override;
  absl::Status Broadcast(Buffer buffer, int root) override;
  void Abort(absl::string_view reason) override;

  // One look: collects what is done, and breaks the communicator on an asynchronous error or a time-out. Thread-safe.
  void Poll();

 private:
  struct Events {
    GpuEvent compute_done = nullptr, begun = nullptr, ended = nullptr;
  };
  struct Collective {
    Ticket ticket;
    Events events;
    std::string name;
    std::optional<absl::Duration> begun_at;  // when it was first seen on the GPU with all before it done
  };

  NcclCommunicator(const CommunicatorOptions& options, NcclEnvironment environment);
  absl::Status Join(RendezvousStore& store);
  absl::StatusOr<NcclId> MeetAt(RendezvousStore& store);
  absl::StatusOr<Ticket> Start(Buffer buffer, std::optional<int> root);
  absl::Status Enqueue(const Buffer& buffer, std::optional<int> root, const Events& events);
  absl::StatusOr<Events> TakeEvents();
  absl::Status WaitUntilReady(absl::Duration timeout, absl::string_view what);
  absl::Status FirstError();
  absl::Status Break(const absl::Status& status);
  absl::Status BreakLocked(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The error that a look finds, if any.
  absl::Status Look() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status LookAtFront(bool& front_done) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void End();
  void Watch();

  const CommunicatorOptions options_;
  const NcclEnvironment environment_;
  const NcclApi& api_;
  std::shared_ptr<NcclHandle> handle_;
  GpuStream stream_ = nullptr;
  std::vector<GpuEvent> all_events_;  // the calling thread's

  Mutex mutex_;  // never held over a call that puts work on a stream: with a hung GPU those block
  CondVar stopping_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
  Ticket started_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<Collective> in_flight_ ABSL_GUARDED_BY(mutex_);
  std::vector<Events> free_events_ ABSL_GUARDED_BY(mutex_);
  std::thread watchdog_;
};

}  // namespace amaes
