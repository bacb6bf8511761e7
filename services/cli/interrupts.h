// Ctrl-C and SIGTERM as a flag and, for calls that block, as a callback.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <thread>

#include "libs/base/mutex.h"

namespace amaes {

// Make one in main before any other thread: it blocks the two signals in this thread and all that follow, and waits for
// them in a thread of its own. A third signal ends the process at once.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();

  const std::atomic<bool>& stop() const { return stop_; }

  // While it lives, an interrupt calls `callback` (from the waiting thread). Called at once if one came before.
  class Scope {
   public:
    Scope(Interrupts& interrupts, std::function<void()> callback);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Interrupts& interrupts_;
    std::list<std::function<void()>>::iterator position_;
  };

 private:
  void WaitForSignals();

  std::atomic<bool> stop_{false};
  std::atomic<bool> closing_{false};
  Mutex mutex_;
  std::list<std::function<void()>> callbacks_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace amaes
