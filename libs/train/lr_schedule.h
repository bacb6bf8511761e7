// The learning rate of every step. Pure.
#pragma once

#include <cstdint>

#include "libs/spec/job_spec.h"

namespace amaes {

struct LrSchedule {
  double learning_rate = 1e-4;
  std::int64_t steps = 0;         // T
  std::int64_t warmup_steps = 0;  // T_w
  double warmup_start_factor = 1e-3;
  // Of finetuning. 0: the cosine changes with every step. Else it stands still for so many steps, an epoch: e counts them.
  std::int64_t epoch_steps = 0;
  double period_ratio = 1;  // of half a period to the run
  double floor = 0;         // the learning rate at the end of half a period
};

// Step t counts from 0. For t < T_w linear from warmup_start_factor·lr (t = 0) towards lr (t = T_w), then
// 0.5·lr·(1 + cos(π·(t − T_w) / (T − T_w))): lr at t = T_w, 0 at t = T and after. With epochs: as CosineAnnealingLR,
// floor + 0.5·(lr − floor)·(1 + cos(π·e / int(period_ratio·E))), E = the epochs in T.
double LearningRateAt(const LrSchedule& schedule, std::int64_t step);

// Of a job that trains, its steps and warm-up resolved.
LrSchedule ScheduleOf(const JobSpec& spec);

}  // namespace amaes
