// What augmentation makes of one sample: which region is read, and the patch out of it. Drawn first: the constructor needs no
// voxel.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/types/span.h"
#include "libs/draws/augment_draws.h"
#include "libs/loader/sample_source.h"
#include "libs/transform/grid.h"
#include "libs/transform/intensity.h"

namespace amaes {

// The size of crop to draw.
Shape3 DrawnCrop(const Shape3& patch, const Augmentation& augmentation);

// Pure; thread-safe.
class AugmentedSample {
 public:
  // `drawn`: a crop of DrawnCrop(patch) of a volume of shape `volume`. `seed`: the stream's.
  AugmentedSample(const Augmentation& augmentation, std::uint64_t seed, std::int64_t position, const Shape3& patch,
                  const CropDraw& drawn, const Shape3& volume);

  // What to read. Beyond the volume lies its minimum, without end; under augmentation.crop_border the region is the drawn
  // crop and what lies beyond that is its minimum.
  const CropDraw& region() const { return region_; }

  // The patch out of the region. Under augmentation.clip it is clipped to `range`, or without one (and always under
  // crop_border) to the region's own. At least one voxel of the region must lie in the volume.
  void Resample(absl::Span<const float> region, std::optional<ValueRange> range, absl::Span<float> patch) const;
  // The same grid for a map of labels: nearest; 0 beyond.
  void Resample(absl::Span<const std::uint8_t> region, absl::Span<std::uint8_t> patch) const;

  // Takes a sample with `input` (every channel), `labels` and `excluded` (where it has them) of the region to what a
  // SampleSource gives: the patch, with a target where intensity transforms changed the input (not of one without reversal).
  void Finish(std::optional<ValueRange> range, Sample& sample) const;

 private:
  const Augmentation augmentation_;
  const std::uint64_t seed_;
  const std::int64_t position_;
  const Shape3 patch_;
  SampleGrid grid_;  // in samples of array_
  Shape3 array_{};
  Box box_;  // of array_: the region
  CropDraw region_;
};

}  // namespace amaes
