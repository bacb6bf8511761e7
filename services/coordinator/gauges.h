// What /metrics shows beside the engine's counters: taken from the state at every scrape.
#pragma once

#include <set>
#include <string>

#include "libs/base/mutex.h"
#include "libs/telemetry/metrics.h"
#include "services/coordinator/engine.h"

namespace amaes {

// Thread-safe.
class Gauges {
 public:
  Gauges(Engine& engine, Metrics& metrics) : engine_(engine), metrics_(metrics) {}
  // Prometheus text.
  std::string Scrape();

 private:
  void SetCounts();
  void SetNodes();
  void SetJobs() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Engine& engine_;
  Metrics& metrics_;
  Mutex mutex_;
  std::set<std::string> shown_ ABSL_GUARDED_BY(mutex_);  // jobs that have series
};

}  // namespace amaes
