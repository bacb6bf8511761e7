#include "libs/collective/nccl_handle.h"

#include <chrono>
#include <thread>

namespace amaes {

void NcclHandle::BeginAbort(const std::shared_ptr<NcclHandle>& handle, absl::Duration grace) {
  {
    MutexLock lock(handle->mutex_);
    if (handle->abort_begun_) return;
    handle->abort_begun_ = true;
  }
  std::thread([handle, grace] { handle->RunAbort(grace); }).detach();
}

void NcclHandle::RunAbort(absl::Duration grace) {
  {
    MutexLock lock(mutex_);
    while (users_ > 0 && changed_.WaitFor(mutex_, grace)) {
    }
  }
  // Nothing can be done about an error here: the communicator is broken and reports why.
  if (api_.enter_thread().ok()) (void)api_.abort(comm_);
  MutexLock lock(mutex_);
  abort_done_ = true;
  changed_.NotifyAll();
}

bool NcclHandle::WaitForAbort(absl::Duration timeout) {
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(timeout);
  MutexLock lock(mutex_);
  while (!abort_done_) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= left.zero()) return false;
    changed_.WaitFor(mutex_, absl::FromChrono(left));
  }
  return true;
}

}  // namespace amaes
