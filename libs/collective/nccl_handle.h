// One NCCL communicator, and the guard that nobody calls it during or after its abort.
#pragma once

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/base/mutex.h"
#include "libs/collective/nccl_api.h"

namespace amaes {

// Thread-safe. Shared with the thread of the abort, which may outlive the communicator.
class NcclHandle {
 public:
  NcclHandle(NcclApi api, NcclComm comm) : api_(std::move(api)), comm_(comm) {}

  // Runs `call(api, comm)`, unless the abort has begun.   - Aborted: it has.   - What `call` returns.
  template <typename Call>
  auto Use(const Call& call) -> decltype(call(std::declval<const NcclApi&>(), NcclComm{})) {
    {
      MutexLock lock(mutex_);
      if (abort_begun_) return absl::AbortedError("nccl: communicator aborted");
      ++users_;
    }
    auto result = call(api_, comm_);
    MutexLock lock(mutex_);
    --users_;
    changed_.NotifyAll();
    return result;
  }

  // Begins the abort on a thread of its own; the first call counts. Calls in progress get `grace` to return: after that
  // NCCL is aborted under them, which ends them.
  static void BeginAbort(const std::shared_ptr<NcclHandle>& handle, absl::Duration grace);

  // False: not done within `timeout`.
  bool WaitForAbort(absl::Duration timeout);

 private:
  void RunAbort(absl::Duration grace);

  const NcclApi api_;
  const NcclComm comm_;
  Mutex mutex_;
  CondVar changed_;
  int users_ ABSL_GUARDED_BY(mutex_) = 0;
  bool abort_begun_ ABSL_GUARDED_BY(mutex_) = false;
  bool abort_done_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace amaes
