#include "libs/train/best_checkpoint.h"

#include <cmath>
#include <limits>

#include "absl/strings/match.h"
#include "libs/spec/probe.h"

namespace amaes {

bool LowerIsBetter(const std::string& metric) {
  return absl::StartsWith(metric, "loss") || absl::StartsWith(metric, "hausdorff");
}

double WatchedValue(absl::Span<const ValidationResult> results, const std::string& metric) {
  double value = std::numeric_limits<double>::quiet_NaN();
  const bool of_probe = metric == kProbeMetric;
  for (const ValidationResult& result : results) {
    if ((result.split == kProbeSplit) != of_probe) continue;
    value = MetricOf(result.metrics, of_probe ? "dice" : metric);
    if (result.split == "held_out") return value;
  }
  return value;
}

BestSoFar Better(const BestSoFar& best, const std::string& metric, std::int64_t step, double value) {
  if (std::isnan(value)) return best;
  const bool better = LowerIsBetter(metric) ? value < best.value : value > best.value;
  return best.step < 0 || better ? BestSoFar{step, value} : best;
}

}  // namespace amaes
