#include "libs/store/metrics_json.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace amaes::store {

std::string MetricsToJson(const MetricMap& metrics) {
  nlohmann::json out = nlohmann::json::object();
  for (const auto& [name, value] : metrics) out[name] = std::isfinite(value) ? nlohmann::json(value) : nlohmann::json();
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

absl::StatusOr<MetricMap> MetricsFromJson(const std::string& text) {
  const nlohmann::json json = nlohmann::json::parse(text, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::DataLossError(absl::StrCat("store: metrics '", text, "'"));
  MetricMap metrics;
  for (const auto& [name, value] : json.items()) {
    metrics[name] = value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
  }
  return metrics;
}

}  // namespace amaes::store
