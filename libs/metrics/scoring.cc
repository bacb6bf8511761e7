#include "libs/metrics/scoring.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/status_macros.h"

namespace amaes {
namespace {

constexpr std::int64_t kMostCode = 255;
constexpr std::size_t kValuesShown = 5;

// The value that stands for `value`: of a class the first of its values.
std::int64_t Standing(const LabelSet& labels, std::int64_t value) {
  if (labels.regions) return value;
  for (const LabelClass& one : labels.classes) {
    if (std::binary_search(one.values.begin(), one.values.end(), value)) return one.values.front();
  }
  return value;
}

void AddCodes(const LabelSet& labels, Scoring& out) {
  std::set<std::int64_t> standing;
  for (const LabelClass& one : labels.classes) {
    for (const std::int64_t value : one.values) standing.insert(Standing(labels, value));
  }
  out.renumbered = *standing.begin() < 1 || *standing.rbegin() > kMostCode;
  std::map<std::int64_t, std::uint8_t> code;
  for (const std::int64_t value : standing) {
    code[value] = static_cast<std::uint8_t>(out.renumbered ? static_cast<std::int64_t>(code.size()) + 1 : value);
  }
  for (const LabelClass& one : labels.classes) {
    for (const std::int64_t value : one.values) out.codes[value] = code[Standing(labels, value)];
  }
}

Region RegionOf(const LabelClass& one, const std::map<std::int64_t, std::uint8_t>& codes) {
  std::set<std::uint8_t> labels;
  for (const std::int64_t value : one.values) labels.insert(codes.at(value));
  return {one.name, {labels.begin(), labels.end()}};
}

absl::Status AddChannels(const LabelSet& labels, Scoring& out) {
  const std::vector<LabelClass>& classes = labels.classes;
  out.order.resize(static_cast<std::size_t>(labels.outputs()));
  std::iota(out.order.begin(), out.order.end(), 0);
  if (!labels.regions) {
    out.channels.push_back(0);
    for (const LabelClass& one : classes) out.channels.push_back(out.codes.at(one.values.front()));
    return absl::OkStatus();
  }
  std::stable_sort(out.order.begin(), out.order.end(), [&](std::int64_t a, std::int64_t b) {
    return classes[static_cast<std::size_t>(a)].values.size() > classes[static_cast<std::size_t>(b)].values.size();
  });
  for (auto at = out.order.begin(); at != out.order.end(); ++at) {
    const LabelClass& one = classes[static_cast<std::size_t>(*at)];
    const auto left = std::find_if(one.values.begin(), one.values.end(), [&](std::int64_t value) {
      return std::none_of(at + 1, out.order.end(), [&](std::int64_t later) {
        const std::vector<std::int64_t>& values = classes[static_cast<std::size_t>(later)].values;
        return std::binary_search(values.begin(), values.end(), value);
      });
    });
    if (left == one.values.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("region ", one.name,
                       ": all of its values belong to other regions that are not larger, so that no label is left by "
                       "which a prediction could show it"));
    }
    out.channels.push_back(out.codes.at(*left));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Scoring> PlanScoring(const LabelSet& labels, const std::string& regions,
                                    const std::string& more_background) {
  Scoring out;
  out.regions = labels.regions;
  AddCodes(labels, out);
  AMAES_RETURN_IF_ERROR(AddChannels(labels, out));
  LabelSet wanted = labels;
  if (!regions.empty()) {
    AMAES_ASSIGN_OR_RETURN(wanted, ParseLabels(regions, /*regions=*/true, ""));
  }
  for (const LabelClass& one : wanted.classes) {
    for (const std::int64_t value : one.values) {
      if (out.codes.contains(value)) continue;
      return absl::InvalidArgumentError(absl::StrCat("region ", one.name, ": the network was not trained on value ",
                                                     value, "; it knows ", labels.ClassesText()));
    }
    out.scored.push_back(RegionOf(one, out.codes));
  }
  for (const std::int64_t value : labels.background) out.codes.emplace(value, 0);
  if (!more_background.empty()) {
    // A list of values is all that is wanted: the class stands for none that a label map has.
    AMAES_ASSIGN_OR_RETURN(const LabelSet more, ParseLabels("any=9007199254740991", true, more_background));
    for (const std::int64_t value : more.background) {
      if (const auto known = out.codes.find(value); known != out.codes.end() && known->second != 0) {
        return absl::InvalidArgumentError(absl::StrCat("value ", value, " is one that the network knows (",
                                                       labels.ClassesText(), "): it cannot be background"));
      }
      out.codes[value] = 0;
    }
  }
  return out;
}

absl::StatusOr<std::vector<std::uint8_t>> ToCodes(const Volume& label, const Scoring& scoring) {
  std::vector<std::uint8_t> out(label.voxels.size());
  std::map<float, std::int64_t> unknown;
  float last = 0;
  std::uint8_t code = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const float voxel = label.voxels[i];
    if (voxel != last) {
      last = voxel;
      const auto found = scoring.codes.find(std::llround(voxel));
      const bool whole = voxel == std::rint(voxel);
      code = whole && found != scoring.codes.end() ? found->second : 0;
      if (voxel != 0 && (!whole || found == scoring.codes.end())) unknown.try_emplace(voxel, 0);
    }
    out[i] = code;
    if (const auto found = unknown.find(voxel); !unknown.empty() && found != unknown.end()) ++found->second;
  }
  if (unknown.empty()) return out;
  std::vector<std::string> texts;
  for (const auto& [value, voxels] : unknown) {
    if (texts.size() < kValuesShown)
      texts.push_back(absl::StrCat(value, " (", voxels, voxels == 1 ? " voxel)" : " voxels)"));
  }
  return absl::FailedPreconditionError(
      absl::StrCat("a label map has values that the network was not trained on: ", absl::StrJoin(texts, ", "),
                   unknown.size() > texts.size() ? absl::StrCat(" and ", unknown.size() - texts.size(), " more") : "",
                   "; say in `background` which of them count as background"));
}

}  // namespace amaes
