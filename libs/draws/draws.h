// What is drawn for a sample, before anything is read: which crop, which mask. Pure functions of (seed, position), from
// counter-based streams; the same on every machine, for every world size and after every interruption.
#pragma once

#include <cstdint>
#include <vector>

#include "libs/volume/volume.h"

namespace amaes {

// Part of every checkpoint's manifest; resuming under another is refused. Raise when any draw changes.
inline constexpr int kSamplingVersion = 3;  // 3: fixed crops do not depend on the seed

// A crop of `size` voxels: along each axis the part [start, start + read) of the volume goes to [before, before + read) of
// the crop; the rest is filled with the volume's minimum.
struct CropDraw {
  Shape3 size{};
  Shape3 start{};   // first voxel read
  Shape3 read{};    // voxels read
  Shape3 before{};  // padding in front (the extra voxel of an odd padding is at the upper end)
  bool operator==(const CropDraw&) const = default;
};

// Per axis: uniform start in [0, dim - patch] where the volume is large enough, else everything, padded symmetrically.
CropDraw DrawCrop(std::uint64_t seed, std::int64_t position, const Shape3& volume, const Shape3& patch);

// AMAES masking: of the L tokens of a patch (patch[i]/token along each axis) exactly L - int(L * (1 - ratio)) are masked, a uniformly random subset.
// Row-major over (x, y, z) of the token grid; 1 = masked.
std::vector<std::uint8_t> DrawTokenMask(std::uint64_t seed, std::int64_t position, const Shape3& patch,
                                        std::int64_t token, double ratio);
std::int64_t MaskedTokenCount(const Shape3& patch, std::int64_t token, double ratio);

// The same for fixed validation crops; `index` counts them.
CropDraw DrawValidationCrop(std::uint64_t seed, std::int64_t index, const Shape3& volume, const Shape3& patch);
std::vector<std::uint8_t> DrawValidationMask(std::uint64_t seed, std::int64_t index, const Shape3& patch,
                                             std::int64_t token, double ratio);

}  // namespace amaes
