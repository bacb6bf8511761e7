#include "libs/spec/probe.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "libs/spec/fields.h"

namespace amaes {
namespace {

// Fields of ProbeJob, and the pretraining's that they come from. A longer name comes before one that it begins with.
constexpr std::array kNames = {
    std::pair{"dataset.validation_share", "probe.validation_share"},
    std::pair{"dataset.train_cases", "probe.train_cases"},
    std::pair{"dataset.channels", "probe.channels"},
    std::pair{"dataset.name", "probe.dataset"},
    std::pair{"labels.classes", "probe.classes"},
    std::pair{"labels.regions", "probe.regions"},
    std::pair{"labels.background", "probe.background"},
};

}  // namespace

JobSpec ProbeJob(const PretrainSpec& spec) {
  const PretrainSpec::Probe& probe = spec.probe;
  JobSpec job;
  job.kind = JobKind::kFinetune;
  FinetuneSpec& out = job.finetune;
  out.dataset = {.name = probe.dataset, .version = probe.version, .digest = probe.digest};
  out.network = spec.network;
  out.network.decoder = out.network.skips = "auto";
  out.patch = spec.patch;
  out.optimizer.learning_rate = probe.learning_rate;
  out.schedule.steps = probe.steps;
  out.schedule.warmup_steps = probe.steps / 20;
  out.epochs = {.epochs = probe.steps, .epoch_steps = 1, .period_ratio = 1, .floor = 0};
  out.global_batch = probe.global_batch;
  out.micro_batch = 1;
  out.workers = spec.workers;
  out.device = spec.device;
  out.precision = spec.precision;
  out.deterministic = spec.deterministic;
  out.threads_per_worker = spec.threads_per_worker;
  out.seed = spec.seed;
  out.validation.crops = probe.crops;
  out.loader = spec.loader;
  out.loader.cache_mib = 0;  // nothing of it stays in memory between probes
  out.cases.channels = probe.channels;
  out.cases.train_cases = probe.train_cases;
  out.cases.validation_share = probe.validation_share;
  out.labels = {.classes = probe.classes, .regions = probe.regions, .background = probe.background};
  out.outputs.in_channels = probe.in_channels;
  out.outputs.out_channels = probe.out_channels;
  return job;
}

std::int64_t StepsOfPasses(double passes, std::int64_t pass_length, std::int64_t global_batch) {
  double in_a_pass = static_cast<double>(pass_length) / static_cast<double>(global_batch);
  if (in_a_pass >= 1) in_a_pass = std::floor(in_a_pass);
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::floor(passes * in_a_pass)));
}

bool IsProbeStep(std::int64_t step, std::int64_t every, std::int64_t steps) {
  return every > 0 && step > 0 && (step % every == 0 || step == steps);
}

SpecProblem ProblemOfProbe(const SpecProblem& problem) {
  SpecProblem out{problem.field == "dataset" ? "probe.dataset" : problem.field,
                  absl::StrReplaceAll(problem.message, kNames)};
  for (const auto& [finetune, probe] : kNames) {
    if (problem.field == finetune) out.field = probe;
  }
  return out;
}

std::vector<SpecProblem> CheckProbe(const JobSpec& pretraining) {
  const PretrainSpec& spec = pretraining.pretrain;
  std::vector<SpecProblem> out;
  if (!HasProbe(pretraining)) {
    JobSpec defaults;
    defaults.kind = JobKind::kPretrain;
    for (const Field& field : SpecFields()) {
      if (!absl::StartsWith(field.path, "probe.") || field.path == "probe.every_passes") continue;
      if (FieldValueJson(field, pretraining) == FieldValueJson(field, defaults)) continue;
      out.push_back({field.path, "is of a probe, and there is none: set probe.every_passes, or leave it out"});
    }
    return out;
  }
  if (spec.probe.dataset.empty()) {
    out.push_back({"probe.dataset", "is required for a probe: the name of a dataset with labels"});
  }
  if (spec.network.name == kScriptNetwork) {
    out.push_back(
        {"probe.every_passes", "network script has no counterpart for segmentation that a probe could train: set 0"});
  }
  if (spec.workers > spec.probe.global_batch) {
    out.push_back({"probe.global_batch", absl::StrCat(spec.probe.global_batch, " is less than workers ", spec.workers,
                                                      ": every worker needs at least one sample per step")});
  }
  return out;
}

}  // namespace amaes
