#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/volume/contract.h"
#include "nlohmann/json.hpp"

namespace amaes {
namespace {

using nlohmann::json;

constexpr int kNewestVersion = 1;
constexpr char kAmaes[] = "amaes";

absl::Status WrongField(const char* name, const char* wanted) {
  return absl::InvalidArgumentError(absl::StrCat("contract: field \"", name, "\" is missing or not ", wanted));
}

// What a contract is called and which version of it, before any field that they decide about.
absl::Status CheckName(const std::string& name, double version) {
  if (name != kAmaes && name != "zscore") {
    return absl::InvalidArgumentError(absl::StrCat("contract: unknown name \"", name, "\"; known: amaes, zscore"));
  }
  if (!(version >= 1 && version <= kNewestVersion)) {
    return absl::InvalidArgumentError(
        absl::StrCat("contract: version ", version, " is not known here (newest: ", kNewestVersion, ")"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckContract(const Contract& contract) {
  AMAES_RETURN_IF_ERROR(CheckName(contract.name, contract.version));
  for (const double spacing : contract.spacing_mm) {
    if (!std::isfinite(spacing) || spacing < 0) {
      return absl::InvalidArgumentError(absl::StrCat("contract: spacing_mm ", spacing, " is negative or not finite"));
    }
  }
  if (contract.name != kAmaes) {
    const Contract fresh;
    if (contract.clip_quantile == fresh.clip_quantile && contract.reference_crop == fresh.reference_crop) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        absl::StrCat("contract: ", contract.name, " has neither clip_quantile nor reference_crop"));
  }
  if (!(contract.clip_quantile > 0 && contract.clip_quantile <= 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("contract: clip_quantile ", contract.clip_quantile, " is not in (0, 1]"));
  }
  return absl::OkStatus();
}

std::string ContractJson(const Contract& contract) {
  json value{{"name", contract.name}, {"version", contract.version}, {"spacing_mm", contract.spacing_mm}};
  if (contract.name == kAmaes) {
    value["clip_quantile"] = contract.clip_quantile;
    value["reference_crop"] = contract.reference_crop;
  }
  // Keys are sorted, and numbers the shortest text that reads back as the same double.
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

absl::StatusOr<Contract> ParseContract(const std::string& text) {
  const json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!value.is_object()) return absl::InvalidArgumentError("contract: not a JSON object");
  const auto field = [&](const char* name) { return value.contains(name) ? value[name] : json(); };
  Contract contract;
  const json name = field("name"), version = field("version"), spacing = field("spacing_mm");
  if (!name.is_string()) return WrongField("name", "a string");
  if (!version.is_number_integer()) return WrongField("version", "a whole number");
  contract.name = name.get<std::string>();
  AMAES_RETURN_IF_ERROR(CheckName(contract.name, version.get<double>()));
  contract.version = version.get<int>();
  const auto is_number = [](const json& item) { return item.is_number(); };
  if (!spacing.is_array() || spacing.size() != 3 || !std::all_of(spacing.begin(), spacing.end(), is_number)) {
    return WrongField("spacing_mm", "three numbers");
  }
  contract.spacing_mm = spacing.get<std::array<double, 3>>();
  if (contract.name == kAmaes) {
    const json quantile = field("clip_quantile"), crop = field("reference_crop");
    if (!quantile.is_number()) return WrongField("clip_quantile", "a number");
    if (!crop.is_boolean()) return WrongField("reference_crop", "true or false");
    contract.clip_quantile = quantile.get<double>();
    contract.reference_crop = crop.get<bool>();
  }
  const json known = json::parse(ContractJson(contract));
  for (const auto& [key, unused] : value.items()) {
    if (!known.contains(key)) {
      return absl::InvalidArgumentError(absl::StrCat("contract: unknown field \"", key, "\" of ", contract.name));
    }
  }
  AMAES_RETURN_IF_ERROR(CheckContract(contract));
  return contract;
}

}  // namespace amaes
