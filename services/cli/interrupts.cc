#include "services/cli/interrupts.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <utility>

#include "services/cli/exit_codes.h"

namespace amaes {
namespace {

constexpr int kWakeUp = SIGUSR2;  // ends the waiting thread
constexpr int kPatience = 3;

sigset_t Signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, kWakeUp);
  return set;
}

}  // namespace

Interrupts::Interrupts() {
  signal(SIGPIPE, SIG_IGN);
  const sigset_t set = Signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  thread_ = std::thread([this] { WaitForSignals(); });
}

Interrupts::~Interrupts() {
  closing_ = true;
  pthread_kill(thread_.native_handle(), kWakeUp);
  thread_.join();
}

void Interrupts::WaitForSignals() {
  const sigset_t set = Signals();
  for (int received = 0;;) {
    int number = 0;
    if (sigwait(&set, &number) != 0) continue;
    if (closing_) return;
    if (number == kWakeUp) continue;
    if (++received == kPatience) _exit(kExitInterrupted);
    stop_ = true;
    MutexLock lock(mutex_);
    for (const auto& callback : callbacks_) callback();
  }
}

Interrupts::Scope::Scope(Interrupts& interrupts, std::function<void()> callback) : interrupts_(interrupts) {
  MutexLock lock(interrupts_.mutex_);
  if (interrupts_.stop_) callback();
  position_ = interrupts_.callbacks_.insert(interrupts_.callbacks_.end(), std::move(callback));
}

Interrupts::Scope::~Scope() {
  MutexLock lock(interrupts_.mutex_);
  interrupts_.callbacks_.erase(position_);
}

}  // namespace amaes
