#include "libs/draws/crop_choice.h"

#include <algorithm>

#include "libs/base/log.h"
#include "libs/base/status_macros.h"

namespace amaes {

CropDraw CoreOf(const CropDraw& crop, const Shape3& patch) {
  CropDraw core;
  for (int axis = 0; axis < 3; ++axis) {
    AMAES_CHECK(crop.size[axis] >= patch[axis]);
    const std::int64_t begin = crop.start[axis] - crop.before[axis] + (crop.size[axis] - patch[axis]) / 2;
    const std::int64_t end = std::min(begin + patch[axis], crop.start[axis] + crop.read[axis]);
    core.start[axis] = std::max(begin, crop.start[axis]);
    core.size[axis] = core.read[axis] = std::max<std::int64_t>(0, end - core.start[axis]);
  }
  return core;
}

absl::StatusOr<std::size_t> ChooseCrop(std::size_t candidates,
                                       absl::FunctionRef<absl::StatusOr<double>(std::size_t)> share) {
  AMAES_CHECK(candidates > 0);
  if (candidates == 1) return 0;
  std::size_t best = 0;
  double least = 0;
  for (std::size_t i = 0; i < candidates; ++i) {
    AMAES_ASSIGN_OR_RETURN(const double excluded, share(i));
    if (excluded <= kMostExcludedShare) return i;
    if (i == 0 || excluded < least) {
      best = i;
      least = excluded;
    }
  }
  return best;
}

}  // namespace amaes
