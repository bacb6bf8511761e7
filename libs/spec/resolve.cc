#include "libs/spec/resolve.h"

#include <algorithm>
#include <cmath>

#include "libs/spec/spec_io.h"

namespace amaes {
namespace {

constexpr int kLevels = 5;
constexpr std::int64_t kMiB = std::int64_t{1} << 20;

// A 3x3x3 convolution with bias and its affine normalisation.
std::int64_t UnitParameters(std::int64_t in, std::int64_t out) { return 27 * in * out + out + 2 * out; }

}  // namespace

std::int64_t FiltersOfNetwork(const std::string& name) {
  if (name == "unet_b") return 32;
  if (name == "unet_xl") return 64;
  return 0;
}

std::int64_t LightUNetParameters(std::int64_t filters) {
  std::int64_t total = UnitParameters(1, filters) + UnitParameters(filters, filters);
  for (int level = 1; level < kLevels; ++level) {
    const std::int64_t fine = filters << (level - 1);
    const std::int64_t coarse = filters << level;
    total += UnitParameters(fine, coarse) + UnitParameters(coarse, coarse);
    total += 8 * coarse * fine + fine;    // transposed 2x2x2 convolution with bias
    total += UnitParameters(fine, fine);  // one unit per level, no skips
  }
  return total + filters + 1;  // 1x1x1 convolution with bias
}

std::int64_t LightUNetActivations(std::int64_t filters, std::int64_t patch) {
  std::int64_t total = patch * patch * patch;  // output
  for (int level = 0; level < kLevels; ++level) {
    const std::int64_t side = patch >> level;
    const std::int64_t outputs = level + 1 < kLevels ? 4 : 2;  // two of the encoder, two of the decoder
    total += outputs * (filters << level) * side * side * side;
  }
  return total;
}

JobSpec ResolveSpec(JobSpec spec, const DatasetFacts& dataset) {
  if (spec.kind != JobKind::kPretrain) return spec;
  PretrainSpec& job = spec.pretrain;
  job.dataset.version = dataset.version;
  job.dataset.digest = dataset.digest;
  job.dataset.selection = dataset.selection;
  if (job.network.filters == 0) job.network.filters = FiltersOfNetwork(job.network.name);
  PretrainSpec::Schedule& schedule = job.schedule;
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
  if (spec.kind == JobKind::kIngest) {
    out.memory_per_worker_bytes =
        std::max<std::int64_t>(1, spec.ingest.processes) * spec.ingest.memory_limit_mib * kMiB;
    return out;
  }
  const PretrainSpec& job = spec.pretrain;
  const std::int64_t filters = job.network.filters > 0 ? job.network.filters : FiltersOfNetwork(job.network.name);
  const std::int64_t voxels = job.patch * job.patch * job.patch;
  out.parameters = LightUNetParameters(filters);
  // Weights, gradients and two moments, all fp32.
  const std::int64_t state = 16 * out.parameters;
  // Kept for the backward pass: each convolution's output and what its normalisation and activation make of it; a third
  // copy for gradients on their way.
  const std::int64_t element = job.precision == "bf16" ? 2 : 4;
  const std::int64_t activations = 3 * element * job.micro_batch * LightUNetActivations(filters, job.patch);
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
