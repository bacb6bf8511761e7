#include "libs/volume/volume.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace amaes {

std::string ShapeText(const Shape3& shape) {
  if (shape == Cube(shape[0])) return absl::StrCat(shape[0]);
  return absl::StrCat(shape[0], "x", shape[1], "x", shape[2]);
}

bool ParseShape(const std::string& text, Shape3& shape) {
  const std::vector<std::string> parts = absl::StrSplit(text, 'x');
  Shape3 parsed{};
  if (parts.size() == 1) {
    std::int64_t side = 0;
    if (!absl::SimpleAtoi(parts[0], &side)) return false;
    shape = Cube(side);
    return true;
  }
  if (parts.size() != 3) return false;
  for (int axis = 0; axis < 3; ++axis) {
    if (!absl::SimpleAtoi(parts[axis], &parsed[axis])) return false;
  }
  shape = parsed;
  return true;
}

}  // namespace amaes
