#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/spec/augment_choice.h"
#include "libs/spec/network_facts.h"
#include "libs/spec/probe.h"
#include "libs/spec/spec_io.h"

namespace amaes {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;

bool IsSwinPretraining(const JobSpec& spec) {
  return spec.kind == JobKind::kPretrain && spec.pretrain.objective.name == "swinunetr";
}

void ResolveFinetune(const DatasetFacts& dataset, FinetuneSpec& job) {
  job.outputs.in_channels = dataset.in_channels;
  job.outputs.out_channels = dataset.out_channels;
  job.labels.classes = dataset.classes;
  job.init.path = dataset.init_path;
  job.init.sha256 = dataset.init_sha256;
  if (job.init.scratch) job.init.freeze_encoder_steps = 0;  // a random encoder must train
  job.cases.case_seed = static_cast<std::int64_t>(job.CaseSeed());
  if (job.schedule.steps == 0) job.schedule.steps = job.epochs.epochs * job.epochs.epoch_steps;
}

}  // namespace

NetworkOptions NetworkOptionsOf(const JobSpec& spec) {
  const TrainingSpec& job = spec.training();
  const TrainingSpec::Network& network = job.network;
  const bool segments = spec.kind == JobKind::kFinetune;
  const bool standard = network.decoder == "auto" ? segments : network.decoder == "standard";
  const NetworkFacts* facts = FindNetwork(network.name);
  const bool tied = facts != nullptr && facts->forms == DecoderForms::kTied;
  NetworkOptions options{.name = network.name,
                         .filters = network.filters,
                         .seed = job.seed,
                         .decoder = standard ? Decoder::kStandard : Decoder::kLight,
                         .skips = network.skips == "auto" ? (tied ? standard : segments) : network.skips == "on",
                         .script = network.script,
                         .encoder_prefix = network.encoder_prefix,
                         .script_parameters = network.script_parameters};
  if (IsSwinPretraining(spec)) options.decoder = Decoder::kHeads;
  if (!segments) return options;
  options.in_channels = std::max<std::int64_t>(1, spec.finetune.outputs.in_channels);
  options.out_channels = std::max<std::int64_t>(1, spec.finetune.outputs.out_channels);
  options.deep_supervision = spec.finetune.outputs.deep_supervision;
  options.head = Head::kSegmentation;
  return options;
}

JobSpec ResolveSpec(JobSpec spec, const DatasetFacts& dataset) {
  if (!spec.trains()) return spec;
  TrainingSpec& job = spec.training();
  job.dataset.version = dataset.version;
  job.dataset.digest = dataset.digest;
  job.dataset.selection = dataset.selection;
  job.network.filters = FiltersOf(NetworkOptionsOf(spec));
  if (spec.kind == JobKind::kFinetune) ResolveFinetune(dataset, spec.finetune);
  TrainingSpec::Schedule& schedule = job.schedule;
  if (schedule.steps == 0) {
    // Whole steps per pass, as the reference counts. The stream goes on over the end of a pass, so that every volume comes.
    schedule.steps = StepsOfPasses(schedule.passes, dataset.pass_length, job.global_batch);
  }
  if (schedule.warmup_steps < 0) schedule.warmup_steps = schedule.steps / 20;
  schedule.warmup_steps = std::min(schedule.warmup_steps, schedule.steps);
  return spec;
}

namespace {

// Of a worker of a job that trains, in bytes.
struct MemoryParts {
  std::int64_t state = 0;        // weights, gradients and what the optimiser keeps
  std::int64_t activations = 0;  // given back after each step
  std::int64_t samples = 0;      // ready ahead, their transforms, chunks in memory
};

std::int64_t Views(const JobSpec& spec) {
  return IsSwinPretraining(spec) ? 2 : 1;
}  // of a sample, in the network at once

MemoryParts MemoryOf(const JobSpec& spec, const NetworkSize& size) {
  const TrainingSpec& job = spec.training();
  const std::int64_t voxels = VoxelCount(job.patch);
  MemoryParts out;
  // Weights, gradients and two moments, all fp32.
  out.state = (job.ema.decay > 0 ? 20 : 16) * size.parameters;
  const std::int64_t micro_batch = std::max<std::int64_t>(1, job.micro_batch);
  // Kept for the backward pass: each convolution's output and what its normalisation and activation make of it; a third
  // copy for gradients on their way.
  const std::int64_t element = job.precision == "bf16" ? 2 : 4;
  out.activations = 3 * element * micro_batch * Views(spec) * size.activations;
  // Input, target and mask of each sample ready ahead.
  const Augmentation augmentation = AugmentationOf(spec);
  const std::int64_t samples = 3 * 4 * voxels * (job.loader.prefetch + job.loader.threads + micro_batch);
  // Of each thread: the region read and its spline's coefficients, and the displacement of every voxel.
  const std::int64_t region = VoxelCount(augmentation.spatial() ? WideCrop(job.patch) : job.patch);
  const std::int64_t transforms = augmentation.spatial() ? 4 * (2 * region + 3 * voxels) * job.loader.threads : 0;
  out.samples = samples + transforms + job.loader.cache_mib * kMiB;
  return out;
}

}  // namespace

SpecEstimate EstimateSpec(const JobSpec& spec) {
  SpecEstimate out;
  if (!spec.trains()) {
    if (spec.kind != JobKind::kIngest) return out;
    out.memory_per_worker_bytes =
        std::max<std::int64_t>(1, spec.ingest.processes) * spec.ingest.memory_limit_mib * kMiB;
    return out;
  }
  const TrainingSpec& job = spec.training();
  const NetworkSize size = SizeOfNetwork(NetworkOptionsOf(spec), job.patch);
  out.parameters = size.parameters;
  MemoryParts memory = MemoryOf(spec, size);
  if (HasProbe(spec)) {
    const JobSpec probe = ProbeJob(spec.pretrain);
    const MemoryParts more = MemoryOf(probe, SizeOfNetwork(NetworkOptionsOf(probe), job.patch));
    memory.state += more.state;
    memory.samples += more.samples;
    memory.activations = std::max(memory.activations, more.activations);
  }
  const std::int64_t program = (job.device == "gpu" ? 1536 : 512) * kMiB;
  out.memory_per_worker_bytes = memory.state + memory.activations + memory.samples + program;
  // Two per multiply-add; backward costs twice the forward pass.
  out.flops_per_sample = 6 * Views(spec) * size.multiply_adds;
  out.checkpoint_bytes = (job.ema.decay > 0 ? 16 : 12) * out.parameters;  // weights and two moments
  // One more while the newest is written, and the best one.
  const std::int64_t checkpoints = job.checkpoint.keep + (job.checkpoint.best_metric.empty() ? 1 : 2);
  out.disk_bytes = checkpoints * out.checkpoint_bytes;
  return out;
}

double AssumedSamplesPerSecond(const JobSpec& spec, std::string& basis) {
  if (!spec.trains()) return 0;
  const TrainingSpec& job = spec.training();
  const auto flops = static_cast<double>(EstimateSpec(spec).flops_per_sample);
  if (flops == 0) return 0;
  // Sustained, networks of this kind: docs/job-spec.md.
  constexpr double kGpuBf16 = 50e12, kGpuFp32 = 30e12, kCpuThread = 40e9;
  const bool gpu = job.device == "gpu";
  const double threads = gpu ? 1 : static_cast<double>(job.threads_per_worker);
  const double rate = threads * (!gpu ? kCpuThread : job.precision == "bf16" ? kGpuBf16 : kGpuFp32);
  basis = absl::StrCat("an assumed ", rate / 1e9, " GFLOP/s per worker",
                       job.device == "auto" ? ", as if there were no GPU" : "");
  return static_cast<double>(job.workers) * rate / flops;
}

}  // namespace amaes
