// TensorBoard event files of the training jobs whose rank 0 runs on this node, written on a thread of its own: a slow disk
// holds up neither the agent nor a worker.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/tensorboard/training_events.h"
#include "services/agent/worker_process.h"

namespace amaes {

// Thread-safe; nothing blocks. An error is logged once per worker and costs events, never the job.
class JobEvents {
 public:
  explicit JobEvents(Clock& clock);
  ~JobEvents();  // writes what is queued

  // Events of `key` are taken from here on.
  void Begin(const WorkerKey& key, const std::filesystem::path& job_folder);
  // Of a worker that has not begun: nothing. Progress is left out when the disk cannot keep up.
  void Note(const WorkerKey& key, const WorkerReport& report);
  void End(const WorkerKey& key);

 private:
  void Post(std::function<void()> work);
  void Run();
  void Complain(const WorkerKey& key, const absl::Status& status);

  struct Entry {
    TrainingEvents events;
    bool complained = false;
  };
  Clock& clock_;
  std::map<WorkerKey, Entry> entries_;  // of the thread
  Mutex mutex_;
  CondVar posted_;
  std::vector<std::function<void()>> work_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace amaes
