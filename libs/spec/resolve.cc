#include <algorithm>
#include <cmath>

#include "libs/spec/network_facts.h"
#include "libs/spec/spec_io.h"

namespace amaes {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;

NetworkOptions NetworkOf(const TrainingSpec& spec) {
  return {.name = spec.network.name, .filters = spec.network.filters, .seed = spec.seed};
}

}  // namespace

JobSpec ResolveSpec(JobSpec spec, const DatasetFacts& dataset) {
  if (!spec.trains()) return spec;
  TrainingSpec& job = spec.training();
  job.dataset.version = dataset.version;
  job.dataset.digest = dataset.digest;
  job.dataset.selection = dataset.selection;
  job.network.filters = FiltersOf(NetworkOf(job));
  TrainingSpec::Schedule& schedule = job.schedule;
  if (schedule.steps == 0) {
    const double steps =
        std::floor(schedule.passes * static_cast<double>(dataset.pass_length) / static_cast<double>(job.global_batch));
    schedule.steps = std::max<std::int64_t>(1, static_cast<std::int64_t>(steps));
  }
  if (schedule.warmup_steps < 0) schedule.warmup_steps = schedule.steps / 20;
  schedule.warmup_steps = std::min(schedule.warmup_steps, schedule.steps);
  return spec;
}

SpecEstimate EstimateSpec(const JobSpec& spec) {
  SpecEstimate out;
  if (!spec.trains()) {
    if (spec.kind != JobKind::kIngest) return out;
    out.memory_per_worker_bytes =
        std::max<std::int64_t>(1, spec.ingest.processes) * spec.ingest.memory_limit_mib * kMiB;
    return out;
  }
  const TrainingSpec& job = spec.training();
  const std::int64_t voxels = VoxelCount(job.patch);
  const NetworkSize size = SizeOfNetwork(NetworkOf(job), job.patch);
  out.parameters = size.parameters;
  // Weights, gradients and two moments, all fp32.
  const std::int64_t state = 16 * out.parameters;
  // Kept for the backward pass: each convolution's output and what its normalisation and activation make of it; a third
  // copy for gradients on their way.
  const std::int64_t element = job.precision == "bf16" ? 2 : 4;
  const std::int64_t activations = 3 * element * job.micro_batch * size.activations;
  // Input, target and mask of each sample ready ahead.
  const std::int64_t loader = 3 * 4 * voxels * (job.loader.prefetch + job.loader.threads + job.micro_batch);
  const std::int64_t program = (job.device == "gpu" ? 1536 : 512) * kMiB;
  const std::int64_t cache = job.loader.cache_mib * kMiB;
  out.memory_per_worker_bytes = state + activations + loader + cache + program;
  out.checkpoint_bytes = 12 * out.parameters;                         // weights and two moments
  out.disk_bytes = (job.checkpoint.keep + 1) * out.checkpoint_bytes;  // one more while the newest is written
  return out;
}

}  // namespace amaes
