// The stored form of a plan.
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "services/coordinator/dataset_plan.h"

namespace amaes {

using nlohmann::json;

std::string PlanJson(const DatasetPlan& plan) {
  json exclusions = json::array();
  for (const Exclusion& e : plan.exclusions) {
    exclusions.push_back({{"kind", e.kind}, {"value", e.value}, {"reason", e.reason}, {"time", e.time}});
  }
  const json object = {{"kind", plan.kind},        {"dataset", plan.dataset}, {"base", plan.base},
                       {"digest", plan.digest},    {"reason", plan.reason},   {"retire", plan.retire},
                       {"exclusions", exclusions}, {"remove", plan.remove}};
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

absl::StatusOr<DatasetPlan> ParsePlan(const std::string& text) {
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  DatasetPlan plan;
  try {
    object.at("kind").get_to(plan.kind);
    object.at("dataset").get_to(plan.dataset);
    object.at("base").get_to(plan.base);
    object.at("digest").get_to(plan.digest);
    object.at("reason").get_to(plan.reason);
    object.at("retire").get_to(plan.retire);
    object.at("remove").get_to(plan.remove);
    for (const json& e : object.at("exclusions")) {
      plan.exclusions.push_back({e.at("kind").get<std::string>(), e.at("value").get<std::string>(),
                                 e.at("reason").get<std::string>(), e.at("time").get<std::string>()});
    }
  } catch (const json::exception& error) {
    return absl::DataLossError(absl::StrCat("a planned change of a dataset cannot be read: ", error.what()));
  }
  return plan;
}

}  // namespace amaes
