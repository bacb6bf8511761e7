#include "libs/train/lr_schedule.h"

#include <cmath>
#include <numbers>

namespace amaes {

double LearningRateAt(const LrSchedule& schedule, std::int64_t step) {
  const double lr = schedule.learning_rate;
  if (step < schedule.warmup_steps) {
    const double start = lr * schedule.warmup_start_factor;
    return start + (lr - start) * static_cast<double>(step) / static_cast<double>(schedule.warmup_steps);
  }
  if (step >= schedule.steps) return 0.0;
  const double done = static_cast<double>(step - schedule.warmup_steps);
  const double all = static_cast<double>(schedule.steps - schedule.warmup_steps);
  return 0.5 * lr * (1.0 + std::cos(std::numbers::pi * done / all));
}

}  // namespace amaes
