#include "services/coordinator/time_estimate.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/spec/probe.h"
#include "services/coordinator/progress.h"

namespace amaes {
namespace {

constexpr int kJobsLookedAt = 200;

// The same network with as much arithmetic per sample, which patch, objective, decoder and skips decide, on the same hardware.
bool SameWork(const JobSpec& one, const JobSpec& other) {
  const TrainingSpec &a = one.training(), &b = other.training();
  return one.kind == other.kind && a.network.name == b.network.name && a.precision == b.precision &&
         a.device == b.device && a.threads_per_worker == b.threads_per_worker &&
         EstimateSpec(one).flops_per_sample == EstimateSpec(other).flops_per_sample;
}

// Samples per second of `spec`'s workers, as an earlier job did.
std::optional<double> MeasuredRate(StoreReader& store, const JobSpec& spec, std::string& basis) {
  const auto jobs = store.ListJobs({}, kJobsLookedAt, "");
  if (!jobs.ok()) return std::nullopt;
  for (const JobRecord& record : jobs->records) {
    const absl::StatusOr<JobSpec> other = SpecFromCompleteJson(record.spec_json);
    if (!other.ok() || !other->trains() || !SameWork(*other, spec)) continue;
    const absl::StatusOr<JobProgress> progress = ProgressFromJson(record.progress_json);
    if (!progress.ok() || !(progress->training.samples_per_second > 0)) continue;
    basis = absl::StrCat("the speed of ", record.id.value);
    return progress->training.samples_per_second * static_cast<double>(spec.training().workers) /
           static_cast<double>(other->training().workers);
  }
  return std::nullopt;
}

// As measured, else as assumed; 0 = not known.
double RateOf(StoreReader& store, const JobSpec& spec, std::string& basis) {
  const double measured = MeasuredRate(store, spec, basis).value_or(0);
  return measured > 0 ? measured : AssumedSamplesPerSecond(spec, basis);
}

double ProbeSeconds(StoreReader& store, const JobSpec& spec, std::int64_t pass_length) {
  if (!HasProbe(spec) || pass_length == 0) return 0;
  const PretrainSpec& job = spec.pretrain;
  const std::int64_t every = StepsOfPasses(job.probe.every_passes, pass_length, job.global_batch);
  const std::int64_t probes = (job.schedule.steps + every - 1) / every;
  std::string basis;
  const double rate = RateOf(store, ProbeJob(job), basis);
  return rate > 0 ? static_cast<double>(probes * job.probe.steps * job.probe.global_batch) / rate : 0;
}

}  // namespace

void EstimateTime(StoreReader& store, const JobSpec& spec, std::int64_t pass_length, SpecEstimate& estimate) {
  if (!spec.trains()) return;
  std::string basis;
  const double samples_per_second = RateOf(store, spec, basis);
  if (!(samples_per_second > 0)) return;
  const TrainingSpec& job = spec.training();
  estimate.seconds = static_cast<double>(job.schedule.steps * job.global_batch) / samples_per_second +
                     ProbeSeconds(store, spec, pass_length);
  estimate.basis = basis;
}

}  // namespace amaes
