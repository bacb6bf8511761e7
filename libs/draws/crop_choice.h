// Which crop is taken of a volume that has voxels to stay away from. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "libs/draws/draws.h"

namespace amaes {

inline constexpr int kMostCropCandidates = 8;
inline constexpr double kMostExcludedShare = 0.5;

// The crops to choose from, in order: the first is DrawCrop's (DrawValidationCrop's), the others come next in its stream. At
// most `most` draws; one that was drawn before is left out.
std::vector<CropDraw> DrawCropCandidates(std::uint64_t seed, std::int64_t position, const Shape3& volume,
                                         const Shape3& patch, int most = kMostCropCandidates);
std::vector<CropDraw> DrawValidationCropCandidates(std::uint64_t seed, std::int64_t index, const Shape3& volume,
                                                   const Shape3& patch, int most = kMostCropCandidates);

// The voxels of the volume on which a patch lies that is in the middle of the crop and not transformed.
CropDraw CoreOf(const CropDraw& crop, const Shape3& patch);

// The first candidate of whose core at most kMostExcludedShare is excluded, else the one with the least share, the first of
// equals. `share` gives that of a candidate; it is called in order, and not at all where there is one candidate only. Passes
// on its errors.
absl::StatusOr<std::size_t> ChooseCrop(std::size_t candidates,
                                       absl::FunctionRef<absl::StatusOr<double>(std::size_t)> share);

}  // namespace amaes
