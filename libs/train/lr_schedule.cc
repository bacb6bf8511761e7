#include "libs/train/lr_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace amaes {

namespace {

double EpochCosine(const LrSchedule& schedule, std::int64_t step) {
  const std::int64_t epochs = (schedule.steps + schedule.epoch_steps - 1) / schedule.epoch_steps;
  const double period = std::max(1.0, std::floor(schedule.period_ratio * static_cast<double>(epochs)));
  const std::int64_t epoch = step / schedule.epoch_steps;
  return schedule.floor + 0.5 * (schedule.learning_rate - schedule.floor) *
                              (1.0 + std::cos(std::numbers::pi * static_cast<double>(epoch) / period));
}

}  // namespace

double LearningRateAt(const LrSchedule& schedule, std::int64_t step) {
  const double lr = schedule.learning_rate;
  if (step < schedule.warmup_steps) {
    const double start = lr * schedule.warmup_start_factor;
    return start + (lr - start) * static_cast<double>(step) / static_cast<double>(schedule.warmup_steps);
  }
  if (schedule.epoch_steps > 0) return EpochCosine(schedule, step);
  if (step >= schedule.steps) return 0.0;
  const double done = static_cast<double>(step - schedule.warmup_steps);
  const double all = static_cast<double>(schedule.steps - schedule.warmup_steps);
  return 0.5 * lr * (1.0 + std::cos(std::numbers::pi * done / all));
}

LrSchedule ScheduleOf(const JobSpec& spec) {
  const TrainingSpec& training = spec.training();
  LrSchedule out{.learning_rate = training.optimizer.learning_rate,
                 .steps = training.schedule.steps,
                 .warmup_steps = training.schedule.warmup_steps,
                 .warmup_start_factor = training.schedule.warmup_start_factor};
  if (spec.kind != JobKind::kFinetune) return out;
  out.epoch_steps = spec.finetune.epochs.epoch_steps;
  out.period_ratio = spec.finetune.epochs.period_ratio;
  out.floor = spec.finetune.epochs.floor;
  return out;
}

}  // namespace amaes
