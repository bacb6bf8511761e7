// Which values of a label map mean what. Pure.
//
//   classes = NAME=VALUES, separated by commas: "necrosis=1, oedema=2, enhancing=4"
//   VALUES  = whole numbers joined by +: every one of them means the class ("lesion=1+2")
//   As regions the classes may overlap: "WT=1+2+4, TC=1+4, ET=4".
// The background is 0, and whatever values are said to be background too ("3+5"). A value that is neither is an error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/dataset/catalogue.h"

namespace amaes {

struct LabelClass {
  std::string name;                  // [A-Za-z0-9_-], at most 40; not "background", "mean", "all"
  std::vector<std::int64_t> values;  // ascending, none of them 0
  bool operator==(const LabelClass&) const = default;
};

struct LabelSet {
  static constexpr std::size_t kMostClasses = 255, kMostRegions = 8;

  bool regions = false;
  std::vector<LabelClass> classes;       // without the background
  std::vector<std::int64_t> background;  // besides 0, ascending

  // Channels of a network's output: classes and the background, or one per region.
  std::int64_t outputs() const { return static_cast<std::int64_t>(classes.size()) + (regions ? 0 : 1); }
  // How a value is kept in memory: of classes 0 = background, 1 … in order; of regions bit i for region i. Nothing: not a
  // declared value.
  std::optional<std::uint8_t> CodeOf(double value) const;
  // "wmh=1,other=2", as ParseLabels reads it.
  std::string ClassesText() const;
  bool operator==(const LabelSet&) const = default;
};

// `background`: values joined by +; may be empty.   - InvalidArgument: what is wrong where, and what is allowed.
absl::StatusOr<LabelSet> ParseLabels(absl::string_view classes, bool regions, absl::string_view background);

// A class "label-V" for every value that label maps have, but 0 and `background`.
//   - FailedPrecondition: values are not known, or none is left, or more than kMostClasses; says what to do.
absl::StatusOr<LabelSet> LabelsFromValues(const std::vector<const Companion*>& labels, absl::string_view background);

// The values of `found` that are not declared, as "3 (120 voxels), 7 (1 voxel)"; "" when all are.
std::string UndeclaredValues(const LabelSet& labels, const std::vector<LabelValue>& found);

}  // namespace amaes
