// A case as a picture: three planes with the outlines of truth and prediction.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "libs/picture/picture.h"
#include "libs/volume/volume.h"

namespace amaes {

inline constexpr Color kTruthColor{0, 190, 140}, kPredictionColor{255, 120, 0};

struct OverlayView {
  Shape3 shape{};  // on RAS+ axes
  std::array<double, 3> spacing{};
  absl::Span<const float> image;                     // VoxelCount(shape) each, z fastest
  absl::Span<const std::uint8_t> truth, prediction;  // labels; each label is outlined
};

// Where the planes cut: along each axis the slice with most voxels that the truth has a label for; the prediction where the
// truth has none; the middle where neither has.
Shape3 OverlayCut(const OverlayView& view);

// PNG: axial (nose up), coronal, sagittal (nose to the right) side by side, the patient's left on the left. Truth is outlined
// in kTruthColor, the prediction in kPredictionColor; where the outlines meet, they are dashed in both. The longest side of a
// plane has `side` pixels.   - Internal: libpng refused.
absl::StatusOr<std::string> OverlayPng(const OverlayView& view, int side);

}  // namespace amaes
