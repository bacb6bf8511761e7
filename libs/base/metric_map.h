// Named numbers: what a training step, a validation or a checkpoint reports, e.g. {"loss_masked": 0.05}.
#pragma once

#include <limits>
#include <map>
#include <string>

namespace amaes {

using MetricMap = std::map<std::string, double>;

// NaN when there is no such number.
inline double MetricOf(const MetricMap& metrics, const std::string& name) {
  const auto found = metrics.find(name);
  return found == metrics.end() ? std::numeric_limits<double>::quiet_NaN() : found->second;
}

// What a table of runs shows as the loss: on masked voxels where there are such, else what is minimised.
inline double LossOf(const MetricMap& metrics) {
  return MetricOf(metrics, metrics.contains("loss_masked") ? "loss_masked" : "loss");
}

// "loss_masked/T1w" is of a part of the scans.
inline bool IsOfAGroup(const std::string& metric) { return metric.find('/') != std::string::npos; }

// Compares NaN as equal to NaN.
inline bool SameMetrics(const MetricMap& a, const MetricMap& b) {
  if (a.size() != b.size()) return false;
  for (auto x = a.begin(), y = b.begin(); x != a.end(); ++x, ++y) {
    if (x->first != y->first || !(x->second == y->second || (x->second != x->second && y->second != y->second)))
      return false;
  }
  return true;
}

}  // namespace amaes
