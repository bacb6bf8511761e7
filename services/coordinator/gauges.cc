#include "services/coordinator/gauges.h"

#include <unistd.h>

#include <cmath>
#include <map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "libs/base/files.h"
#include "libs/base/version.h"
#include "services/coordinator/metric_names.h"

namespace amaes {
namespace {

constexpr MetricName kBuildInfo{"amaes_build_info", "1, with the version of this program."};
constexpr MetricName kJobs{"amaes_jobs", "Jobs in the store, by state."};
constexpr MetricName kNodes{"amaes_nodes", "Nodes, by state."};
constexpr MetricName kSlots{"amaes_slots", "Slots, by state; those of lost nodes are lost."};
constexpr MetricName kMemory{"process_resident_memory_bytes", "Resident memory of the coordinator."};

// One series for every live job.
struct JobGauge {
  MetricName metric;
  double (*value)(const JobView&);
  bool training, ingest;  // kinds that have it
};

constexpr JobGauge kJobGauges[] = {
    {{"amaes_job_step", "Optimiser updates done; of an ingest: files done; of an evaluation: cases done."},
     [](const JobView& v) {
       return static_cast<double>(v.spec.trains()                     ? v.progress.training.step
                                  : v.spec.kind == JobKind::kEvaluate ? v.progress.evaluation.done
                                                                      : v.progress.ingest.done);
     },
     true,
     true},
    {{"amaes_job_ingest_files", "Files of an ingest, all of them."},
     [](const JobView& v) { return static_cast<double>(v.progress.ingest.files); },
     false,
     true},
    {{"amaes_job_ingest_quarantined", "Files of an ingest that could not be read."},
     [](const JobView& v) { return static_cast<double>(v.progress.ingest.quarantined); },
     false,
     true},
    {{"amaes_job_ingest_voxels_per_second", "Source voxels read, preprocessed and stored per second, all workers."},
     [](const JobView& v) { return v.progress.ingest.voxels_per_second; },
     false,
     true},
    {{"amaes_job_loss_masked", "Mean squared error on masked voxels, last report."},
     [](const JobView& v) { return MetricOf(v.progress.training.metrics, "loss_masked"); },
     true,
     false},
    {{"amaes_job_masked_r2", "1 - error on masked voxels / error of filling them with the visible mean."},
     [](const JobView& v) { return MetricOf(v.progress.training.metrics, "masked_r2"); },
     true,
     false},
    {{"amaes_job_samples_per_second", "Samples trained on per second."},
     [](const JobView& v) { return v.progress.training.samples_per_second; },
     true,
     false},
    {{"amaes_job_data_wait_ratio", "Share of the time spent waiting for samples, 0 to 1."},
     [](const JobView& v) { return v.progress.training.data_wait_ratio; },
     true,
     false},
    {{"amaes_job_disk_bytes", "Compressed bytes that rank 0 read from stored volumes in this attempt."},
     [](const JobView& v) { return static_cast<double>(v.progress.training.disk_bytes); },
     true,
     false},
    {{"amaes_job_cache_hits", "Chunks of stored volumes that rank 0 had in memory, in this attempt."},
     [](const JobView& v) { return static_cast<double>(v.progress.training.cache_hits); },
     true,
     false},
    {{"amaes_job_gradient_norm", "L2 norm of the whole gradient before clipping, last report."},
     [](const JobView& v) { return MetricOf(v.progress.training.metrics, "gradient_norm"); },
     true,
     false},
    {{"amaes_job_updates_left_out", "Updates that were not finite or a spike and were left out, so far."},
     [](const JobView& v) { return MetricOf(v.progress.training.metrics, "updates_left_out"); },
     true,
     false},
    {{"amaes_job_last_checkpoint_step", "Step of the newest committed checkpoint; -1 = none."},
     [](const JobView& v) { return static_cast<double>(v.progress.checkpoint_step); },
     true,
     false},
};

double ResidentBytes() {
  const absl::StatusOr<std::string> text = files::Read("/proc/self/statm");
  if (!text.ok()) return 0;
  const std::vector<std::string> fields = absl::StrSplit(*text, ' ');
  std::int64_t pages = 0;
  if (fields.size() < 2 || !absl::SimpleAtoi(fields[1], &pages)) return 0;
  return static_cast<double>(pages * sysconf(_SC_PAGESIZE));
}

}  // namespace

std::string Gauges::Scrape() {
  MutexLock lock(mutex_);
  metrics_.Set(kBuildInfo.name, kBuildInfo.help, {{"version", kProgramVersion}}, 1);
  metrics_.Set(kMemory.name, kMemory.help, {}, ResidentBytes());
  SetCounts();
  SetNodes();
  SetJobs();
  return metrics_.Serialize();
}

void Gauges::SetCounts() {
  const auto counts = engine_.store().CountJobs();
  if (!counts.ok()) return;
  std::map<JobState, std::int64_t> by_state(counts->begin(), counts->end());
  for (const JobState state : {JobState::kQueued, JobState::kStarting, JobState::kRunning, JobState::kStopping,
                               JobState::kSucceeded, JobState::kFailed, JobState::kCancelled}) {
    metrics_.Set(kJobs.name, kJobs.help, {{"state", JobStateName(state)}}, static_cast<double>(by_state[state]));
  }
}

void Gauges::SetNodes() {
  std::map<std::string, double> nodes = {{"ready", 0}, {"lost", 0}};
  std::map<std::string, double> slots = {{"free", 0}, {"used", 0}, {"lost", 0}};
  for (const NodeState& node : engine_.Nodes()) {
    ++nodes[node.ready ? "ready" : "lost"];
    for (const SlotInfo& slot : node.info.slots) {
      ++slots[!node.ready ? "lost" : node.used.contains(slot.index) ? "used" : "free"];
    }
  }
  for (const auto& [state, count] : nodes) metrics_.Set(kNodes.name, kNodes.help, {{"state", state}}, count);
  for (const auto& [state, count] : slots) metrics_.Set(kSlots.name, kSlots.help, {{"state", state}}, count);
}

void Gauges::SetJobs() {
  std::set<std::string> live;
  for (const JobView& view : engine_.LiveJobs()) {
    if (view.record.attempt == 0) continue;
    live.insert(view.record.id.value);
    for (const JobGauge& gauge : kJobGauges) {
      if (!(view.spec.trains() ? gauge.training : gauge.ingest)) continue;
      if (view.spec.kind == JobKind::kEvaluate && !gauge.training) continue;  // of ingests alone
      const double value = gauge.value(view);
      if (std::isnan(value)) continue;  // not of this objective
      metrics_.Set(gauge.metric.name, gauge.metric.help, {{"job", view.record.id.value}}, value);
    }
  }
  for (const std::string& job : shown_) {
    if (live.contains(job)) continue;
    for (const JobGauge& gauge : kJobGauges) metrics_.Remove(gauge.metric.name, {{"job", job}});
  }
  shown_ = std::move(live);
}

}  // namespace amaes
