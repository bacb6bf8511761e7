// Which step is the best so far, by a metric of its validation. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "libs/worker_protocol/messages.h"

namespace amaes {

struct BestSoFar {
  std::int64_t step = -1;  // -1: none yet
  double value = 0;
  bool operator==(const BestSoFar&) const = default;
};

// "loss…" and "hausdorff…": the lower the better.
bool LowerIsBetter(const std::string& metric);

// Of the held-out crops, or where there are none of the training crops; probe_dice: of the probe. NaN where nothing has the
// metric.
double WatchedValue(absl::Span<const ValidationResult> results, const std::string& metric);

// `best`, or the new one when it is better. The first of equals stays; NaN is never better.
BestSoFar Better(const BestSoFar& best, const std::string& metric, std::int64_t step, double value);

}  // namespace amaes
