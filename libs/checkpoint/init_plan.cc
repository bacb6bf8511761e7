#include "libs/checkpoint/init_plan.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace amaes {
namespace {

constexpr std::size_t kNamesShown = 3;
constexpr const char* kWrappers[] = {"model.", "module.", "_orig_mod."};
constexpr const char* kHeads[] = {"rec_head.", "pred_head.", "decoder."};
constexpr const char* kLists[] = {"repeated", "missing", "unexpected", "mismatched", "left_out", "fresh"};

// The name with one word for every head.
std::string Corresponding(const std::string& name) {
  for (const char* head : kHeads) {
    if (absl::StartsWith(name, head)) return absl::StrCat("head.", absl::StripPrefix(name, head));
  }
  return name;
}

// How often the file's tensor has to be repeated along the second axis to have the network's shape; nothing: it never has.
std::optional<std::int64_t> Repeats(const std::vector<std::int64_t>& file, const std::vector<std::int64_t>& network) {
  if (file == network) return 1;
  if (file.size() != network.size() || file.size() < 3 || file[1] != 1) return std::nullopt;
  std::vector<std::int64_t> repeated = file;
  repeated[1] = network[1];
  if (repeated != network) return std::nullopt;
  return network[1];
}

using Sources = std::map<std::string, const TensorShape*>;  // by corresponding name

std::string LayerOf(const std::string& name) { return name.substr(0, name.rfind('.')); }

// Layers of the decoder of which some tensor is not there or does not fit: a weight goes nowhere without its bias.
std::set<std::string> UnfitLayers(const Sources& sources, const std::vector<TensorShape>& network,
                                  const std::string& encoder_prefix) {
  std::set<std::string> layers;
  for (const TensorShape& target : network) {
    if (absl::StartsWith(target.name, encoder_prefix)) continue;
    const auto found = sources.find(Corresponding(target.name));
    if (found == sources.end() || found->second->shape != target.shape) layers.insert(LayerOf(target.name));
  }
  return layers;
}

std::string ShapeText(const std::vector<std::int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ","), "]");
}

std::string Some(const std::vector<std::string>& names) {
  const std::vector<std::string> shown(names.begin(), names.begin() + std::min(names.size(), kNamesShown));
  return absl::StrCat(absl::StrJoin(shown, "; "),
                      names.size() > shown.size() ? absl::StrCat("; and ", names.size() - shown.size(), " more") : "");
}

}  // namespace

std::string BareTensorName(absl::string_view name) {
  for (bool stripped = true; stripped;) {
    stripped = false;
    for (const char* wrapper : kWrappers) stripped = absl::ConsumePrefix(&name, wrapper) || stripped;
  }
  return std::string(name);
}

InitPlan PlanInit(const std::vector<TensorShape>& file, const std::vector<TensorShape>& network,
                  const InitRules& rules) {
  InitPlan plan;
  Sources sources;  // what is not taken remains
  for (const TensorShape& source : file) sources.emplace(Corresponding(BareTensorName(source.name)), &source);
  const std::set<std::string> unfit = UnfitLayers(sources, network, rules.encoder_prefix);
  for (const TensorShape& target : network) {
    const bool encoder = absl::StartsWith(target.name, rules.encoder_prefix);
    if (!encoder && (!rules.load_decoder || unfit.contains(LayerOf(target.name)))) {
      plan.fresh.push_back(target.name);
      continue;
    }
    const auto found = sources.find(Corresponding(target.name));
    if (found == sources.end()) {
      plan.missing.push_back(target.name);
      continue;
    }
    const TensorShape& source = *found->second;
    const std::optional<std::int64_t> repeat = Repeats(source.shape, target.shape);
    if (repeat) {
      plan.loads.push_back({target.name, source.name, *repeat});
    } else {
      plan.mismatched.push_back(absl::StrCat(target.name, ": ", ShapeText(source.shape), " in the file, ",
                                             ShapeText(target.shape), " in the network"));
    }
    sources.erase(found);
  }
  for (const TensorShape& source : file) {
    const std::string bare = BareTensorName(source.name);
    if (!sources.contains(Corresponding(bare))) continue;
    (absl::StartsWith(bare, rules.encoder_prefix) ? plan.unexpected : plan.left_out).push_back(source.name);
  }
  return plan;
}

std::string Incompleteness(const InitPlan& plan) {
  std::vector<std::string> parts;
  const auto tensors = [](std::size_t count) { return absl::StrCat(count, count == 1 ? " tensor" : " tensors"); };
  if (!plan.mismatched.empty()) {
    parts.push_back(absl::StrCat(tensors(plan.mismatched.size()), " of the encoder of another shape (",
                                 Some(plan.mismatched), ")"));
  }
  if (!plan.missing.empty()) {
    parts.push_back(
        absl::StrCat(tensors(plan.missing.size()), " of the encoder missing in the file (", Some(plan.missing), ")"));
  }
  if (!plan.unexpected.empty()) {
    parts.push_back(absl::StrCat(tensors(plan.unexpected.size()),
                                 " of the file's encoder that the network does not have (", Some(plan.unexpected),
                                 ")"));
  }
  return absl::StrJoin(parts, "; ");
}

std::string InitReportJson(const InitPlan& plan, const std::string& from, const std::string& sha256) {
  std::vector<std::string> repeated;
  for (const InitPlan::Load& load : plan.loads) {
    if (load.repeat > 1) repeated.push_back(absl::StrCat(load.target, ": over ", load.repeat, " channels"));
  }
  const nlohmann::json out = {{"from", from},
                              {"sha256", sha256},
                              {"loaded", plan.loads.size()},
                              {"repeated", repeated},
                              {"missing", plan.missing},
                              {"unexpected", plan.unexpected},
                              {"mismatched", plan.mismatched},
                              {"left_out", plan.left_out},
                              {"fresh", plan.fresh}};
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::vector<std::string> InitReportLines(const std::string& json) {
  const nlohmann::json report = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!report.is_object() || !report.contains("loaded") || !report["loaded"].is_number_unsigned() ||
      !report.contains("from") || !report["from"].is_string()) {
    return {};
  }
  std::vector<std::string> lines = {absl::StrCat("initialised from ", report["from"].get<std::string>(), ": ",
                                                 report["loaded"].get<std::uint64_t>(), " tensors")};
  for (const char* name : kLists) {
    if (!report.contains(name) || !report[name].is_array()) continue;
    std::vector<std::string> names;
    for (const nlohmann::json& one : report[name]) {
      if (one.is_string()) names.push_back(one.get<std::string>());
    }
    if (!names.empty()) lines.push_back(absl::StrCat(name, " ", names.size(), ": ", Some(names)));
  }
  return lines;
}

}  // namespace amaes
