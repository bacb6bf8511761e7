// The few-shot probe of a pretraining: a short finetuning of a copy of the encoder, while pretraining goes on. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libs/spec/job_spec.h"
#include "libs/spec/spec_io.h"

namespace amaes {

inline constexpr char kProbeMetric[] = "probe_dice";  // of checkpoint.best_metric
inline constexpr char kProbeSplit[] = "probe";        // of ValidationResult

inline bool HasProbe(const JobSpec& spec) {
  return spec.kind == JobKind::kPretrain && spec.pretrain.probe.every_passes > 0;
}

// What a probe trains: the pretraining's network with finetuning's decoder and skips, same patch, device, precision, threads
// and seed, so that all probes of a job draw the same. One sample per forward pass, a warm-up of 5 %, then a cosine to 0 by
// step. Complete as far as the probe's fields are resolved.
JobSpec ProbeJob(const PretrainSpec& spec);

// Whole steps in so many passes, at least 1. A pass of less than one step counts as its part.
std::int64_t StepsOfPasses(double passes, std::int64_t pass_length, std::int64_t global_batch);

// Whether a probe comes after so many updates: every probe.every_passes passes, and after the last step. `every`: StepsOfPasses
// of them; 0 = never.
bool IsProbeStep(std::int64_t step, std::int64_t every, std::int64_t steps);

// The same problem in the words of the pretraining: "labels.classes" of ProbeJob is "probe.classes", in the message too.
SpecProblem ProblemOfProbe(const SpecProblem& problem);

// What is wrong with the probe's fields beside their ranges, by field.
std::vector<SpecProblem> CheckProbe(const JobSpec& pretraining);

}  // namespace amaes
