#include "services/coordinator/stop_token.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>

#include "libs/base/log.h"

namespace amaes {
namespace {

std::atomic<StopToken*> stop_on_signal{nullptr};

void OnSignal(int) {
  const int error = errno;
  if (StopToken* token = stop_on_signal.load(); token != nullptr) token->Request();
  errno = error;
}

}  // namespace

StopToken::StopToken() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { AMAES_CHECK(descriptor_ >= 0); }

StopToken::~StopToken() { close(descriptor_); }

void StopToken::Request() {
  const std::uint64_t one = 1;
  // Never read, so it stays readable; it can only fail when it is set already.
  [[maybe_unused]] const ssize_t ignored = write(descriptor_, &one, sizeof(one));
}

bool StopToken::WaitFor(absl::Duration timeout) const {
  pollfd item{descriptor_, POLLIN, 0};
  return poll(&item, 1, static_cast<int>(std::max<std::int64_t>(0, absl::ToInt64Milliseconds(timeout)))) > 0;
}

void StopOnSignals(StopToken* token) {
  stop_on_signal = token;
  struct sigaction action = {};
  action.sa_handler = token == nullptr ? SIG_DFL : OnSignal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
}

}  // namespace amaes
