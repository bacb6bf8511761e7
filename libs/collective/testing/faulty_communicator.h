// A communicator that fails or hangs at a chosen collective, around a real one. For tests.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/mutex.h"
#include "libs/base/status_macros.h"
#include "libs/collective/communicator.h"

namespace amaes {

struct CollectiveFault {
  enum class Kind { kFail, kHang };
  Kind kind = Kind::kFail;
  int rank = 0;
  std::int64_t collective = 0;  // the n-th all-reduce or broadcast of this rank, from 0
  absl::Status error = absl::UnavailableError("injected fault");  // of kFail
};

// kFail: the collective and all later calls give `error`, and the peers lose this rank.
// kHang: the rank never starts the collective; waits for it block until Abort.
class FaultyCommunicator final : public Communicator {
 public:
  FaultyCommunicator(std::unique_ptr<Communicator> inner, CollectiveFault fault)
      : inner_(std::move(inner)), fault_(std::move(fault)) {}

  int rank() const override { return inner_->rank(); }
  int world_size() const override { return inner_->world_size(); }

  absl::StatusOr<Ticket> StartAllReduceSum(Buffer buffer) override {
    AMAES_RETURN_IF_ERROR(Count());
    {
      MutexLock lock(mutex_);
      if (hanging_) return kHangingTicket;
    }
    return inner_->StartAllReduceSum(buffer);
  }

  absl::Status Wait(Ticket ticket) override {
    if (ticket == kHangingTicket) return HangIfHanging();
    AMAES_RETURN_IF_ERROR(FirstError());
    return inner_->Wait(ticket);
  }

  absl::Status Synchronize() override {
    AMAES_RETURN_IF_ERROR(HangIfHanging());
    return inner_->Synchronize();
  }

  absl::Status Broadcast(Buffer buffer, int root) override {
    AMAES_RETURN_IF_ERROR(Count());
    AMAES_RETURN_IF_ERROR(HangIfHanging());
    return inner_->Broadcast(buffer, root);
  }

  void Abort(absl::string_view reason) override {
    {
      MutexLock lock(mutex_);
      if (hanging_ && error_.ok()) error_ = absl::AbortedError(absl::StrCat("aborted: ", reason));
      aborted_.NotifyAll();
    }
    inner_->Abort(reason);
  }

 private:
  static constexpr Ticket kHangingTicket = -1;

  // Counts one collective and triggers the fault when it is due.
  absl::Status Count() {
    {
      MutexLock lock(mutex_);
      if (!error_.ok()) return error_;
      if (inner_->rank() != fault_.rank || started_++ != fault_.collective) return absl::OkStatus();
      if (fault_.kind == CollectiveFault::Kind::kHang) {
        hanging_ = true;
        return absl::OkStatus();
      }
      error_ = fault_.error;
    }
    inner_->Abort("injected fault");
    return fault_.error;
  }

  absl::Status FirstError() {
    MutexLock lock(mutex_);
    return error_;
  }

  absl::Status HangIfHanging() {
    MutexLock lock(mutex_);
    while (hanging_ && error_.ok()) aborted_.Wait(mutex_);
    return error_;
  }

  const std::unique_ptr<Communicator> inner_;
  const CollectiveFault fault_;
  Mutex mutex_;
  CondVar aborted_;
  std::int64_t started_ ABSL_GUARDED_BY(mutex_) = 0;
  bool hanging_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace amaes
