#include "libs/metrics/summary.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "libs/base/log.h"

namespace amaes {

MeasureSummary Summarise(absl::Span<const double> values) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  MeasureSummary out{.mean = kNone, .standard_deviation = kNone, .minimum = kNone, .median = kNone, .maximum = kNone};
  std::vector<double> finite;
  for (const double value : values) {
    if (std::isfinite(value)) {
      finite.push_back(value);
    } else {
      ++(std::isnan(value) ? out.undefined : out.infinite);
    }
  }
  out.cases = static_cast<std::int64_t>(finite.size());
  if (finite.empty()) return out;
  std::sort(finite.begin(), finite.end());
  const auto n = static_cast<double>(finite.size());
  double sum = 0;
  for (const double value : finite) sum += value;
  out.mean = sum / n;
  out.minimum = finite.front();
  out.maximum = finite.back();
  const std::size_t half = finite.size() / 2;
  out.median = finite.size() % 2 == 1 ? finite[half] : (finite[half - 1] + finite[half]) / 2;
  if (finite.size() < 2) return out;
  double squares = 0;
  for (const double value : finite) squares += (value - out.mean) * (value - out.mean);
  out.standard_deviation = std::sqrt(squares / (n - 1));
  return out;
}

std::vector<RegionSummary> SummariseCases(absl::Span<const std::vector<RegionScores>> cases) {
  std::vector<RegionSummary> out;
  if (cases.empty()) return out;
  for (std::size_t r = 0; r < cases.front().size(); ++r) {
    RegionSummary summary{.region = cases.front()[r].region};
    for (const Measure& measure : Measures()) {
      std::vector<double> values;
      for (const std::vector<RegionScores>& rows : cases) {
        AMAES_CHECK(rows.size() == cases.front().size() && rows[r].region == summary.region);
        if (rows[r].has_surface || std::string(measure.unit).empty()) values.push_back(measure.of(rows[r]));
      }
      summary.measures.push_back(Summarise(values));
    }
    for (const std::vector<RegionScores>& rows : cases) {
      summary.truth_ml += rows[r].truth_ml / static_cast<double>(cases.size());
      summary.prediction_ml += rows[r].prediction_ml / static_cast<double>(cases.size());
    }
    out.push_back(std::move(summary));
  }
  return out;
}

}  // namespace amaes
