// Resampling of a patch out of an array of samples: cubic for images, nearest for labels.
#pragma once

#include <cstdint>
#include <limits>

#include "absl/types/span.h"
#include "libs/transform/grid.h"
#include "libs/volume/volume.h"

namespace amaes {

// The part of an array that was read: it holds NeededBox() of the grid.
template <typename T>
struct Source {
  Shape3 array{};
  Box box{};
  absl::Span<const T> voxels;  // of the box, z fastest
};

struct ResampleRange {
  float fill = 0;                                           // outside the array
  float minimum = -std::numeric_limits<float>::infinity();  // every other value is clipped
  float maximum = std::numeric_limits<float>::infinity();
};

// A spline of order 3 through the samples, mirrored at the array's ends; outside [0, size - 1] along any axis the fill. A
// grid that lies on samples is copied.
void ResampleCubic(const SampleGrid& grid, const Source<float>& source, const ResampleRange& range,
                   absl::Span<float> out);

// The nearest sample, halves upwards; 0 outside.
void ResampleNearest(const SampleGrid& grid, const Source<std::uint8_t>& source, absl::Span<std::uint8_t> out);

}  // namespace amaes
