// Numbers of several cases as one: mean ± standard deviation. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "libs/metrics/case_scores.h"

namespace amaes {

// Over the finite values only. What is left out is counted, never silently dropped.
struct MeasureSummary {
  std::int64_t cases = 0;  // finite values
  std::int64_t undefined =
      0;                      // NaN: nothing to divide by (the region is in neither map, or not in the one that counts)
  std::int64_t infinite = 0;  // distances of a region that is in one map only
  double mean = 0;            // NaN without cases, like those that follow
  double standard_deviation = 0;  // of the sample (n - 1); NaN below two cases
  double minimum = 0, median = 0, maximum = 0;
};

MeasureSummary Summarise(absl::Span<const double> values);

struct RegionSummary {
  std::string region{};
  std::vector<MeasureSummary> measures{};  // in the order of Measures()
  double truth_ml = 0, prediction_ml = 0;  // means over all cases
};

// `cases`: the rows of each case, the same regions in the same order in all.
std::vector<RegionSummary> SummariseCases(absl::Span<const std::vector<RegionScores>> cases);

}  // namespace amaes
