#include "libs/dataset/labels.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/base/status_macros.h"

namespace amaes {
namespace {

constexpr std::size_t kLongestName = 40;
constexpr std::size_t kValuesShown = 12;

bool IsClassName(absl::string_view name) {
  return !name.empty() && name.size() <= kLongestName && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
  });
}

absl::StatusOr<std::vector<std::int64_t>> ParseValues(absl::string_view text) {
  std::vector<std::int64_t> values;
  for (const absl::string_view part : absl::StrSplit(text, '+')) {
    std::int64_t value = 0;
    if (!absl::SimpleAtoi(part, &value) || value == 0) {
      return absl::InvalidArgumentError(absl::StrCat("\"", absl::StripAsciiWhitespace(part),
                                                     "\" is no label value: whole numbers other than 0, joined by +"));
    }
    values.push_back(value);
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

absl::StatusOr<LabelClass> ParseClass(absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(text, absl::MaxSplits('=', 1));
  LabelClass out{std::string(absl::StripAsciiWhitespace(parts.first)), {}};
  if (!IsClassName(out.name) || text.find('=') == absl::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", absl::StripAsciiWhitespace(text),
        "\" is no class: NAME=VALUE, e.g. lesion=1 or tumour=1+2; a name has letters, digits, _ and -, at most ",
        kLongestName));
  }
  for (const char* taken : {"background", "mean", "all"}) {
    if (out.name == taken) return absl::InvalidArgumentError(absl::StrCat("\"", taken, "\" is no name for a class"));
  }
  AMAES_ASSIGN_OR_RETURN(out.values, ParseValues(parts.second));
  return out;
}

absl::Status CheckDistinct(const LabelSet& labels) {
  std::set<std::string> names;
  std::map<std::int64_t, std::string> owners;
  for (const std::int64_t value : labels.background) owners.emplace(value, "background");
  for (const LabelClass& one : labels.classes) {
    if (!names.insert(one.name).second) {
      return absl::InvalidArgumentError(absl::StrCat("class ", one.name, " is given twice"));
    }
    for (const std::int64_t value : one.values) {
      const auto [owner, fresh] = owners.emplace(value, one.name);
      if (fresh || (labels.regions && owner->second != "background")) continue;
      return absl::InvalidArgumentError(absl::StrCat("value ", value, " means both ", owner->second, " and ", one.name,
                                                     labels.regions ? "" : "; only regions may overlap"));
    }
  }
  return absl::OkStatus();
}

std::string VoxelsText(std::int64_t voxels) { return absl::StrCat(voxels, voxels == 1 ? " voxel" : " voxels"); }

}  // namespace

std::optional<std::uint8_t> LabelSet::CodeOf(double value) const {
  if (value == 0) return 0;
  const auto whole = static_cast<std::int64_t>(value);
  if (static_cast<double>(whole) != value) return std::nullopt;
  if (std::binary_search(background.begin(), background.end(), whole)) return 0;
  unsigned code = 0;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (!std::binary_search(classes[i].values.begin(), classes[i].values.end(), whole)) continue;
    if (!regions) return static_cast<std::uint8_t>(i + 1);
    code |= 1u << i;
  }
  if (code == 0) return std::nullopt;
  return static_cast<std::uint8_t>(code);
}

std::string LabelSet::ClassesText() const {
  return absl::StrJoin(classes, ",", [](std::string* out, const LabelClass& one) {
    absl::StrAppend(out, one.name, "=", absl::StrJoin(one.values, "+"));
  });
}

absl::StatusOr<LabelSet> ParseLabels(absl::string_view classes, bool regions, absl::string_view background) {
  LabelSet out;
  out.regions = regions;
  if (!absl::StripAsciiWhitespace(background).empty()) {
    AMAES_ASSIGN_OR_RETURN(out.background, ParseValues(background));
  }
  for (const absl::string_view part : absl::StrSplit(classes, ',')) {
    AMAES_ASSIGN_OR_RETURN(out.classes.emplace_back(), ParseClass(part));
  }
  const std::size_t most = regions ? LabelSet::kMostRegions : LabelSet::kMostClasses;
  if (out.classes.size() > most) {
    return absl::InvalidArgumentError(
        absl::StrCat(out.classes.size(), regions ? " regions" : " classes", "; at most ", most, " are possible"));
  }
  AMAES_RETURN_IF_ERROR(CheckDistinct(out));
  return out;
}

absl::StatusOr<LabelSet> LabelsFromValues(const std::vector<const Companion*>& labels, absl::string_view background) {
  LabelSet out;
  if (!absl::StripAsciiWhitespace(background).empty()) {
    AMAES_ASSIGN_OR_RETURN(out.background, ParseValues(background));
  }
  std::set<double> values;
  for (const Companion* label : labels) {
    if (label->values.empty()) {
      return absl::FailedPreconditionError(
          "the catalogue does not know the values of every label map: name the classes (NAME=VALUE, …), or ingest the "
          "dataset again");
    }
    for (const LabelValue& value : label->values) values.insert(value.value);
  }
  for (const double value : values) {
    if (out.CodeOf(value) == 0) continue;
    if (value != std::floor(value)) {
      return absl::FailedPreconditionError(
          absl::StrCat("a label map has the value ", value, ": labels are whole numbers, not probabilities"));
    }
    const auto whole = static_cast<std::int64_t>(value);
    out.classes.push_back({absl::StrCat("label-", whole < 0 ? "minus-" : "", std::abs(whole)), {whole}});
  }
  if (out.classes.empty()) return absl::FailedPreconditionError("the label maps hold background alone");
  if (out.classes.size() > LabelSet::kMostClasses) {
    return absl::FailedPreconditionError(absl::StrCat("the label maps have ", out.classes.size(), " values; at most ",
                                                      LabelSet::kMostClasses,
                                                      " classes are possible: name classes that "
                                                      "join values (NAME=1+2), or call values background"));
  }
  return out;
}

std::string UndeclaredValues(const LabelSet& labels, const std::vector<LabelValue>& found) {
  std::vector<std::string> parts;
  std::size_t more = 0;
  for (const LabelValue& value : found) {
    if (labels.CodeOf(value.value).has_value()) continue;
    if (parts.size() == kValuesShown) {
      ++more;
    } else {
      parts.push_back(absl::StrCat(value.value, " (", VoxelsText(value.voxels), ")"));
    }
  }
  if (more > 0) parts.push_back(absl::StrCat("and ", more, " more"));
  return absl::StrJoin(parts, ", ");
}

}  // namespace amaes
