#include "libs/loader/augmented_sample.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "libs/base/log.h"
#include "libs/transform/spatial.h"

namespace amaes {
namespace {

// Voxels of nothing around a volume, so many that no patch and no spline sees their end.
constexpr std::int64_t kSea = std::int64_t{1} << 20;

// The part [begin, begin + size) of a volume, which may lie beyond it.
CropDraw RegionOf(const Shape3& begin, const Shape3& size, const Shape3& volume) {
  CropDraw out;
  out.size = size;
  for (int axis = 0; axis < 3; ++axis) {
    out.start[axis] = std::clamp<std::int64_t>(begin[axis], 0, volume[axis]);
    const std::int64_t end = std::clamp<std::int64_t>(begin[axis] + size[axis], out.start[axis], volume[axis]);
    out.read[axis] = end - out.start[axis];
    out.before[axis] = std::clamp<std::int64_t>(-begin[axis], 0, size[axis]);
  }
  return out;
}

}  // namespace

Shape3 DrawnCrop(const Shape3& patch, const Augmentation& augmentation) {
  return augmentation.wide_crop ? WideCrop(patch) : patch;
}

AugmentedSample::AugmentedSample(const Augmentation& augmentation, std::uint64_t seed, std::int64_t position,
                                 const Shape3& patch, const CropDraw& drawn, const Shape3& volume)
    : augmentation_(augmentation), seed_(seed), position_(position), patch_(patch) {
  grid_ = MakeGrid(DrawSpatial(seed, position, augmentation), drawn, patch, augmentation, seed, position);
  const bool whole = grid_.whole();
  if (augmentation.crop_border && !whole) {
    array_ = drawn.size;
    box_ = {{}, drawn.size};
    region_ = drawn;
    return;
  }
  // Places of the crop, or of the volume, as places of the sea.
  Shape3 origin{};
  for (int axis = 0; axis < 3; ++axis) {
    origin[axis] = kSea + (augmentation.crop_border ? drawn.start[axis] - drawn.before[axis] : 0);
    grid_.middle[axis] += static_cast<double>(origin[axis]);
    array_[axis] = 2 * kSea + volume[axis];
  }
  box_ = NeededBox(grid_, array_);
  Shape3 begin{};
  for (int axis = 0; axis < 3; ++axis) begin[axis] = box_.begin[axis] - kSea;
  region_ = RegionOf(begin, box_.count, volume);
}

void AugmentedSample::Resample(absl::Span<const float> region, std::optional<ValueRange> range,
                               absl::Span<float> patch) const {
  ResampleRange bounds;
  if (augmentation_.clip || augmentation_.crop_border) {
    const ValueRange own = range && !augmentation_.crop_border ? *range : RangeOf(region);
    bounds.fill = own.minimum;
    if (augmentation_.clip) {
      bounds.minimum = own.minimum;
      bounds.maximum = own.maximum;
    }
  }
  ResampleCubic(grid_, {array_, box_, region}, bounds, patch);
}

void AugmentedSample::Resample(absl::Span<const std::uint8_t> region, absl::Span<std::uint8_t> patch) const {
  ResampleNearest(grid_, {array_, box_, region}, patch);
}

void AugmentedSample::Finish(std::optional<ValueRange> range, Sample& sample) const {
  const auto voxels = static_cast<std::size_t>(VoxelCount(patch_)),
             read = static_cast<std::size_t>(VoxelCount(region_.size));
  const auto channels = static_cast<std::size_t>(sample.channels);
  AMAES_CHECK(sample.input.size() == channels * read);
  sample.shape = patch_;
  sample.crop = region_;
  if (!grid_.whole()) {
    std::vector<float> input(channels * voxels);
    for (std::size_t c = 0; c < channels; ++c) {
      Resample(absl::MakeConstSpan(sample.input).subspan(c * read, read), range,
               absl::MakeSpan(input).subspan(c * voxels, voxels));
    }
    sample.input = std::move(input);
    for (std::vector<std::uint8_t>* map : {&sample.labels, &sample.excluded}) {
      if (map->empty()) continue;
      std::vector<std::uint8_t> out(voxels);
      Resample(absl::MakeConstSpan(*map), absl::MakeSpan(out));
      *map = std::move(out);
    }
  }
  const std::vector<IntensityDraw> draws = DrawIntensity(seed_, position_, augmentation_, patch_, sample.channels);
  if (std::all_of(draws.begin(), draws.end(), [](const IntensityDraw& draw) { return draw == IntensityDraw{}; }))
    return;
  if (augmentation_.reversal) sample.target = sample.input;
  for (std::size_t c = 0; c < channels; ++c) {
    ApplyIntensity(draws[c], augmentation_, seed_, position_, static_cast<std::int64_t>(c), patch_,
                   absl::MakeSpan(sample.input).subspan(c * voxels, voxels));
  }
}

}  // namespace amaes
