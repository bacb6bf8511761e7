#include "libs/volume/spacing.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace amaes {
namespace {

// Finer than a histology slice or coarser than a head is a slip of the keyboard.
constexpr double kSmallest = 0.05, kLargest = 50;

absl::Status Wrong(const std::string& text) {
  return absl::InvalidArgumentError(absl::StrCat("'", text, "' is no spacing: write millimetres from ", kSmallest,
                                                 " to ", kLargest,
                                                 " (\"1\", or \"1x1x2\" for x, y and z), \"median\" or \"native\""));
}

// As short as it can be read back.
std::string Shortest(double value) {
  std::string text;
  double read = 0;
  for (int digits = 6; digits <= 17 && read != value; ++digits) {
    text = absl::StrFormat("%.*g", digits, value);
    if (!absl::SimpleAtod(text, &read)) break;
  }
  return text;
}

}  // namespace

absl::StatusOr<SpacingChoice> ParseSpacing(const std::string& text) {
  if (text == "median") return SpacingChoice{SpacingChoice::Kind::kMedian, {0, 0, 0}};
  if (text == "native") return SpacingChoice{SpacingChoice::Kind::kNative, {0, 0, 0}};
  const std::vector<std::string> parts = absl::StrSplit(text, 'x');
  if (parts.size() != 1 && parts.size() != 3) return Wrong(text);
  SpacingChoice choice;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    double& mm = choice.mm[axis];
    const std::string& part = parts.size() == 1 ? parts[0] : parts[axis];
    if (!absl::SimpleAtod(part, &mm) || !(mm >= kSmallest && mm <= kLargest)) return Wrong(text);
  }
  return choice;
}

std::string SpacingText(const std::array<double, 3>& spacing_mm) {
  if (spacing_mm == std::array<double, 3>{0, 0, 0}) return "native";
  if (spacing_mm[0] == spacing_mm[1] && spacing_mm[1] == spacing_mm[2]) return Shortest(spacing_mm[0]);
  return absl::StrCat(Shortest(spacing_mm[0]), "x", Shortest(spacing_mm[1]), "x", Shortest(spacing_mm[2]));
}

}  // namespace amaes
