// Crops for finetuning: a share of them holds a labelled voxel. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "libs/draws/draws.h"

namespace amaes {

inline constexpr std::size_t kMostForegroundVoxels = 100'000;

// Places (row-major index) of the voxels that are not 0: every k-th of them with the smallest k that leaves at most `most`.
std::vector<std::uint32_t> ForegroundVoxels(absl::Span<const std::uint8_t> codes,
                                            std::size_t most = kMostForegroundVoxels);

// Whether the crop at this position shall hold a labelled voxel: with this probability. Decided before any label is read.
bool DrawForegroundWanted(std::uint64_t seed, std::int64_t position, double probability);

// A crop that holds one of `voxels`, of which each is as likely as any other: along each axis a uniform start among those
// for which it does. Where `voxels` is empty, and along an axis shorter than the patch, as DrawCrop.
CropDraw DrawForegroundCrop(std::uint64_t seed, std::int64_t position, const Shape3& volume, const Shape3& patch,
                            absl::Span<const std::uint32_t> voxels);

}  // namespace amaes
