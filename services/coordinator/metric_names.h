// Every metric that the engine counts. Gauges are in gauges.h.
#pragma once

#include <string>
#include <vector>

#include "libs/telemetry/metrics.h"

namespace amaes {

struct MetricName {
  const char* name;
  const char* help;
};

inline constexpr MetricName kJobsSubmitted{"amaes_jobs_submitted_total", "Jobs stored by CreateJob."};
inline constexpr MetricName kJobsFinished{"amaes_jobs_finished_total", "Jobs that ended, by outcome."};
inline constexpr MetricName kAttempts{"amaes_attempts_total", "Attempts that ended, by cause."};
inline constexpr MetricName kFencedReports{"amaes_fenced_reports_total",
                                           "Reports that were dropped because their attempt does not hold the job."};
inline constexpr MetricName kReplays{"amaes_idempotent_replays_total",
                                     "CreateJob calls that an earlier call had done."};
inline constexpr MetricName kStoreCommit{"amaes_store_commit_seconds", "From asking for a commit until it is durable."};
inline constexpr MetricName kSchedulerPass{"amaes_scheduler_pass_seconds", "One pass over the waiting jobs."};

inline void Count(Metrics& metrics, const MetricName& metric, const Labels& labels = {}, double amount = 1) {
  metrics.Add(metric.name, metric.help, labels, amount);
}

inline void ObserveSeconds(Metrics& metrics, const MetricName& metric, double seconds) {
  static const auto& buckets = *new std::vector<double>{0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10};
  metrics.Observe(metric.name, metric.help, {}, buckets, seconds);
}

// A closed list, so that a worker's words cannot make new series.
std::string CauseLabel(const std::string& cause);

}  // namespace amaes
