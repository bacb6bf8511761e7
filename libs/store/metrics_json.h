// Metrics as the text of a column. Internal to libs/store.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "libs/base/metric_map.h"

namespace amaes::store {

// Numbers that are not finite have no JSON form: null, which reads as NaN.
std::string MetricsToJson(const MetricMap& metrics);
// - DataLoss: not such a text.
absl::StatusOr<MetricMap> MetricsFromJson(const std::string& text);

}  // namespace amaes::store
