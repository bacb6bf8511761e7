#include "libs/draws/foreground.h"

#include <algorithm>

#include "libs/base/log.h"
#include "libs/base/rng.h"

namespace amaes {
namespace {

// The decision takes the first 64 bits of the stream, the choice what follows.
RandomStream Stream(std::uint64_t seed, std::int64_t position) {
  AMAES_CHECK(position >= 0);
  return RandomStream(seed, Purpose::kForeground, static_cast<std::uint64_t>(position));
}

Shape3 PlaceOf(std::int64_t index, const Shape3& shape) {
  return {index / (shape[1] * shape[2]), index / shape[2] % shape[1], index % shape[2]};
}

}  // namespace

std::vector<std::uint32_t> ForegroundVoxels(absl::Span<const std::uint8_t> codes, std::size_t most) {
  AMAES_CHECK(most > 0 && codes.size() <= std::size_t{1} << 32);
  const auto count =
      static_cast<std::size_t>(std::count_if(codes.begin(), codes.end(), [](std::uint8_t code) { return code != 0; }));
  const std::size_t step = std::max<std::size_t>(1, (count + most - 1) / most);
  std::vector<std::uint32_t> out;
  out.reserve((count + step - 1) / step);
  std::size_t seen = 0;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (codes[i] != 0 && seen++ % step == 0) out.push_back(static_cast<std::uint32_t>(i));
  }
  return out;
}

bool DrawForegroundWanted(std::uint64_t seed, std::int64_t position, double probability) {
  return Stream(seed, position).UniformDouble() < probability;
}

CropDraw DrawForegroundCrop(std::uint64_t seed, std::int64_t position, const Shape3& volume, const Shape3& patch,
                            absl::Span<const std::uint32_t> voxels) {
  CropDraw draw = DrawCrop(seed, position, volume, patch);
  if (voxels.empty()) return draw;
  RandomStream stream = Stream(seed, position);
  (void)stream.UniformDouble();
  const Shape3 voxel = PlaceOf(voxels[stream.UniformInt(static_cast<std::uint32_t>(voxels.size()))], volume);
  for (int axis = 0; axis < 3; ++axis) {
    AMAES_CHECK(voxel[axis] < volume[axis]);
    if (volume[axis] < patch[axis]) continue;
    const std::int64_t low = std::max<std::int64_t>(0, voxel[axis] - patch[axis] + 1);
    const std::int64_t high = std::min(voxel[axis], volume[axis] - patch[axis]);
    draw.start[axis] = low + stream.UniformInt(static_cast<std::uint32_t>(high - low + 1));
  }
  return draw;
}

}  // namespace amaes
