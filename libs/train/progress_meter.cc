#include "libs/train/progress_meter.h"

#include <c10/core/CachingDeviceAllocator.h>
#include <sys/resource.h>

namespace amaes {

void ProgressMeter::StepDone(std::int64_t samples, absl::Duration data_wait) {
  const absl::Duration now = clock_.Monotonic();
  busy_ += now - step_began_;
  step_began_ = now;
  data_wait_ = data_wait;
  ++steps_;
  samples_ += samples;
}

void ProgressMeter::Fill(TrainProgress& progress) {
  const double seconds = absl::ToDoubleSeconds(busy_);
  if (steps_ > 0 && seconds > 0) {
    progress.samples_per_second = static_cast<double>(samples_) / seconds;
    progress.step_seconds = seconds / static_cast<double>(steps_);
    progress.data_wait_ratio = absl::ToDoubleSeconds(data_wait_ - data_wait_before_) / seconds;
  }
  data_wait_before_ = data_wait_;
  busy_ = absl::ZeroDuration();
  steps_ = samples_ = 0;
  since_ = clock_.Monotonic();
  reported_ = true;
}

std::int64_t PeakMemoryBytes(c10::Device device) {
  if (device.is_cuda()) {
    const auto total = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    return at::getDeviceAllocator(device.type())->getDeviceStats(device.index()).reserved_bytes[total].peak;
  }
  struct rusage usage {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace amaes
