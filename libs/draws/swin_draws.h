// What is drawn for SwinUNETR's own pretraining: how the two views of a sample are turned and spoiled. Pure functions of (seed,
// position, view), from counter-based streams.
#pragma once

#include <cstdint>
#include <vector>

#include "libs/volume/volume.h"

namespace amaes {

struct Box {
  Shape3 start{}, size{};  // inside the patch
  bool operator==(const Box&) const = default;
};

// A view of a patch: turned, then boxes of noise put on it, then boxes with what another sample of its group has there.
struct SwinViewDraw {
  int quarter_turns = 0;    // 0 … 3, in the plane of the last two axes
  std::vector<Box> noise;   // a later one covers an earlier one
  std::int64_t source = 0;  // member of the group, in lane order; the sample itself: nothing is copied
  std::vector<Box> copied;
};

// Fixed crops have draws of their own, by their index instead of the position.
enum class SwinDrawsFor { kTraining, kValidation };

// `view`: 0 or 1. `group`: samples that may be copied from each other, >= 1. Sides of `patch` at least 32.
// Boxes are drawn until their voxels, counted with overlap, reach a uniform share of 0 … 30 %; each side is uniform between
// 5 % and 25 % of the patch's, cut off at its end.
SwinViewDraw DrawSwinView(std::uint64_t seed, SwinDrawsFor use, std::int64_t position, int view, std::int64_t group,
                          const Shape3& patch);

// The boxes as volumes, z fastest.
struct SwinFill {
  std::vector<float> noise;              // where noise_mask is 1: normal, rescaled to [0, 1] in each box
  std::vector<std::uint8_t> noise_mask;  // 1 = noise
  std::vector<std::uint8_t> copy_mask;   // 1 = from the source
};
SwinFill DrawSwinFill(std::uint64_t seed, SwinDrawsFor use, std::int64_t position, int view, const SwinViewDraw& draw,
                      const Shape3& patch);

}  // namespace amaes
