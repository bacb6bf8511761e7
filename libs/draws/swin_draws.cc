#include "libs/draws/swin_draws.h"

#include <algorithm>

#include "libs/base/log.h"
#include "libs/base/rng.h"

namespace amaes {
namespace {

constexpr double kMostCovered = 0.3, kShortestSide = 0.05, kLongestSide = 0.25;
constexpr std::uint32_t kTurns = 4;

RandomStream Stream(std::uint64_t seed, Purpose purpose, std::int64_t position, int view) {
  AMAES_CHECK(position >= 0 && (view == 0 || view == 1));
  return RandomStream(seed, purpose, 2 * static_cast<std::uint64_t>(position) + static_cast<std::uint64_t>(view));
}

// Uniform in [low, high).
std::int64_t Between(RandomStream& stream, std::int64_t low, std::int64_t high) {
  AMAES_CHECK(low < high);
  return low + stream.UniformInt(static_cast<std::uint32_t>(high - low));
}

// The share to cover; then per box its start, axis by axis, and its size.
std::vector<Box> Boxes(RandomStream& stream, const Shape3& patch) {
  const double wanted = stream.Uniform(0, kMostCovered) * static_cast<double>(VoxelCount(patch));
  std::vector<Box> boxes;
  std::int64_t covered = 0;
  while (static_cast<double>(covered) < wanted) {
    Box box;
    Shape3 shortest, longest;
    for (int axis = 0; axis < 3; ++axis) {
      shortest[axis] = static_cast<std::int64_t>(kShortestSide * static_cast<double>(patch[axis]));
      longest[axis] = static_cast<std::int64_t>(kLongestSide * static_cast<double>(patch[axis]));
      box.start[axis] = Between(stream, 0, patch[axis] - shortest[axis]);
    }
    for (int axis = 0; axis < 3; ++axis) {
      const std::int64_t side = Between(stream, shortest[axis], longest[axis]);
      box.size[axis] = std::min(side, patch[axis] - box.start[axis]);
    }
    covered += VoxelCount(box.size);
    boxes.push_back(box);
  }
  return boxes;
}

// Calls `row` with the first voxel and the length of every row of the box along the last axis.
template <typename Row>
void ForEachRow(const Box& box, const Shape3& patch, Row row) {
  for (std::int64_t x = box.start[0]; x < box.start[0] + box.size[0]; ++x) {
    for (std::int64_t y = box.start[1]; y < box.start[1] + box.size[1]; ++y) {
      row((x * patch[1] + y) * patch[2] + box.start[2], box.size[2]);
    }
  }
}

std::vector<std::uint8_t> Covered(const std::vector<Box>& boxes, const Shape3& patch) {
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(VoxelCount(patch)));
  for (const Box& box : boxes) {
    ForEachRow(box, patch, [&](std::int64_t first, std::int64_t count) { std::fill_n(mask.data() + first, count, 1); });
  }
  return mask;
}

}  // namespace

SwinViewDraw DrawSwinView(std::uint64_t seed, SwinDrawsFor use, std::int64_t position, int view, std::int64_t group,
                          const Shape3& patch) {
  const bool training = use == SwinDrawsFor::kTraining;
  RandomStream stream = Stream(seed, training ? Purpose::kSwinView : Purpose::kSwinValidationView, position, view);
  SwinViewDraw draw;
  draw.quarter_turns = static_cast<int>(stream.UniformInt(kTurns));
  draw.noise = Boxes(stream, patch);
  draw.source = stream.UniformInt(static_cast<std::uint32_t>(group));
  draw.copied = Boxes(stream, patch);
  return draw;
}

SwinFill DrawSwinFill(std::uint64_t seed, SwinDrawsFor use, std::int64_t position, int view, const SwinViewDraw& draw,
                      const Shape3& patch) {
  const bool training = use == SwinDrawsFor::kTraining;
  RandomStream stream = Stream(seed, training ? Purpose::kSwinNoise : Purpose::kSwinValidationNoise, position, view);
  SwinFill fill;
  fill.noise.resize(static_cast<std::size_t>(VoxelCount(patch)));
  std::vector<float> values;
  for (const Box& box : draw.noise) {
    values.resize(static_cast<std::size_t>(VoxelCount(box.size)));
    for (float& value : values) value = static_cast<float>(stream.Normal());
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    const float offset = *low, range = *high - *low;
    // One voxel alone has no range: it becomes 0.
    const float* next = values.data();
    ForEachRow(box, patch, [&](std::int64_t first, std::int64_t count) {
      for (std::int64_t i = 0; i < count; ++i) {
        fill.noise[static_cast<std::size_t>(first + i)] = range > 0 ? (*next - offset) / range : 0.0f;
        ++next;
      }
    });
  }
  fill.noise_mask = Covered(draw.noise, patch);
  fill.copy_mask = Covered(draw.copied, patch);
  return fill;
}

}  // namespace amaes
