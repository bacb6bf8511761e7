// What each transform computes is compared with yucca in tests/conformance/transform; here is what holds for any.
#include "libs/transform/intensity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "libs/volume/phantom.h"

namespace amaes {
namespace {

const Shape3 kShape{24, 20, 18};

std::vector<float> Patch() {
  PhantomOptions options;
  options.shape = kShape;
  std::vector<float> voxels = MakePhantom(2, options).images[0].voxels;
  const ValueRange range = RangeOf(voxels);
  for (float& value : voxels) value = (value - range.minimum) / (range.maximum - range.minimum);
  return voxels;
}

TEST(Intensity, NothingLeavesTheRange) {
  const Augmentation augmentation = AugmentationOf(AugmentPreset::kReference);
  int changed = 0;
  for (std::int64_t position = 0; position < 200; ++position) {
    std::vector<float> patch = Patch();
    const IntensityDraw draw = DrawIntensity(4, position, augmentation, kShape, 1)[0];
    ApplyIntensity(draw, augmentation, 4, position, 0, kShape, absl::MakeSpan(patch));
    const ValueRange range = RangeOf(patch);
    ASSERT_GE(range.minimum, 0) << position;
    ASSERT_LE(range.maximum, 1) << position;
    changed += patch == Patch() ? 0 : 1;
    if (draw == IntensityDraw{}) {
      ASSERT_EQ(patch, Patch()) << position;
    }
  }
  EXPECT_GT(changed, 120);
}

TEST(Intensity, AConstantPatchStaysFinite) {
  for (const float value : {0.0f, 0.4f, -2.0f}) {
    std::vector<float> patch(static_cast<std::size_t>(VoxelCount(kShape)), value);
    const std::vector<float> noise(patch.size(), 1);
    const auto span = absl::MakeSpan(patch);
    AddNoise(1e-3, noise, true, span);
    MultiplyByNoise(1e-3, noise, true, span);
    Blur(kShape, 0.8, true, span);
    Ghost(kShape, {0.9, 3, 1}, true, span);
    Ring(kShape, {96, 2}, false, true, span);
    LowerResolution(kShape, {12, 20, 9}, true, span);
    ShadeByBiasField(kShape, {3, 4, 5}, true, span);
    ApplyGamma({0.7, true}, 1e-7, true, span);
    for (const float voxel : patch) ASSERT_FLOAT_EQ(voxel, value);
  }
}

TEST(Intensity, RingingShrinksWithThePatchUnlessToldOtherwise) {
  EXPECT_EQ(KeptFrequencies({96, 0}, 128, false), 96);
  EXPECT_EQ(KeptFrequencies({96, 0}, 64, false), 48);
  EXPECT_EQ(KeptFrequencies({128, 0}, 96, false), 96);
  EXPECT_EQ(KeptFrequencies({96, 0}, 64, true), 96);
}

TEST(Intensity, ChannelsHaveNoiseOfTheirOwn) {
  const Augmentation augmentation = AugmentationOf(AugmentPreset::kIntended);
  IntensityDraw draw;
  draw.additive_noise = 1e-3;
  std::vector<float> a = Patch(), b = Patch(), again = Patch();
  ApplyIntensity(draw, augmentation, 1, 0, 0, kShape, absl::MakeSpan(a));
  ApplyIntensity(draw, augmentation, 1, 0, 1, kShape, absl::MakeSpan(b));
  ApplyIntensity(draw, augmentation, 1, 0, 0, kShape, absl::MakeSpan(again));
  EXPECT_NE(a, b);
  EXPECT_EQ(a, again);
}

}  // namespace
}  // namespace amaes
