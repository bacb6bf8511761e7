// A RendezvousStore for ranks that are threads of one process.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/mutex.h"
#include "libs/collective/communicator.h"

namespace amaes {

class MemoryStore final : public RendezvousStore {
 public:
  absl::Status Set(const std::string& key, const std::string& value) override {
    MutexLock lock(mutex_);
    values_[key] = value;
    changed_.NotifyAll();
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Wait(const std::string& key, absl::Duration timeout) override {
    MutexLock lock(mutex_);
    while (true) {
      if (over_) return absl::AbortedError("the attempt is over");
      if (auto found = values_.find(key); found != values_.end()) return found->second;
      if (!changed_.WaitFor(mutex_, timeout)) return absl::DeadlineExceededError(absl::StrCat("no ", key));
    }
  }

  void EndAttempt() {
    MutexLock lock(mutex_);
    over_ = true;
    changed_.NotifyAll();
  }

  std::map<std::string, std::string> values() {
    MutexLock lock(mutex_);
    return values_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, std::string> values_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace amaes
