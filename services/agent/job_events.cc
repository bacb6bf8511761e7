#include "services/agent/job_events.h"

#include <utility>

#include "libs/base/log.h"

namespace amaes {
namespace {

constexpr std::size_t kMostQueued = 1000;

}  // namespace

JobEvents::JobEvents(Clock& clock) : clock_(clock), thread_([this] { Run(); }) {}

JobEvents::~JobEvents() {
  {
    MutexLock lock(mutex_);
    ending_ = true;
    posted_.NotifyAll();
  }
  thread_.join();
}

void JobEvents::Begin(const WorkerKey& key, const std::filesystem::path& job_folder) {
  Post([this, key, job_folder] { entries_.emplace(key, Entry{TrainingEvents(job_folder, key.attempt)}); });
}

void JobEvents::Note(const WorkerKey& key, const WorkerReport& report) {
  const bool may_be_lost = std::holds_alternative<TrainProgress>(report);
  const bool wanted = may_be_lost || std::holds_alternative<WorkerPhase>(report) ||
                      std::holds_alternative<ValidationResult>(report) ||
                      std::holds_alternative<PictureWritten>(report);
  if (!wanted) return;
  if (may_be_lost) {
    MutexLock lock(mutex_);
    if (work_.size() >= kMostQueued) return;
  }
  Post([this, key, report, now = clock_.Now()] {
    const auto entry = entries_.find(key);
    if (entry != entries_.end()) Complain(key, entry->second.events.Note(report, now));
  });
}

void JobEvents::End(const WorkerKey& key) {
  Post([this, key] {
    const auto entry = entries_.find(key);
    if (entry == entries_.end()) return;
    Complain(key, entry->second.events.Finish());
    entries_.erase(key);
  });
}

void JobEvents::Post(std::function<void()> work) {
  MutexLock lock(mutex_);
  work_.push_back(std::move(work));
  posted_.NotifyAll();
}

void JobEvents::Complain(const WorkerKey& key, const absl::Status& status) {
  Entry& entry = entries_.at(key);
  if (status.ok() || entry.complained) return;
  entry.complained = true;
  LogWarning("agent", "TensorBoard events are missing",
             {{"job", key.job}, {"reason", absl::StatusCodeToString(status.code())}});
}

void JobEvents::Run() {
  while (true) {
    std::vector<std::function<void()>> work;
    {
      MutexLock lock(mutex_);
      while (work_.empty() && !ending_) posted_.Wait(mutex_);
      work.swap(work_);
    }
    if (work.empty()) break;
    for (const std::function<void()>& item : work) item();
  }
  for (auto& [key, entry] : entries_) Complain(key, entry.events.Finish());
}

}  // namespace amaes
