#include "libs/volume/resample.h"

#include <gtest/gtest.h>

#include <cmath>

#include "libs/base/rng.h"
#include "libs/base/testing/status_matchers.h"

namespace amaes {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::FloatNear;
using testing::Pointwise;

Volume MakeVolume(const Shape3& shape, std::vector<float> voxels) {
  Volume volume;
  volume.shape = shape;
  volume.voxels = std::move(voxels);
  return volume;
}

Volume Noise(const Shape3& shape) {
  RandomStream random(3, Purpose::kPhantom, 0);
  Volume volume = MakeVolume(shape, {});
  for (std::int64_t i = 0; i < VoxelCount(shape); ++i) volume.voxels.push_back(static_cast<float>(random.Normal()));
  return volume;
}

std::vector<float> Resized(const Volume& volume, const Shape3& shape) {
  const auto out = Resample(volume, shape);
  EXPECT_THAT(out, IsOk());
  return out.ok() ? out->voxels : std::vector<float>();
}

// Expected numbers: skimage.transform.resize(order=3, mode="reflect", preserve_range=True) of scikit-image 0.24.
TEST(Resample, GivesSkimagesNumbersAlongEveryAxis) {
  const std::vector<float> line{1, 4, 2, 8, 5, 7};
  const std::vector<std::pair<std::int64_t, std::vector<float>>> expected{
      {9, {1.2192318f, 2.4838517f, 3.8093213f, 1.863725f, 5.0681818f, 8.0f, 5.4099548f, 5.8456938f, 6.8232766f}},
      {4, {1.4640947f, 1.9715207f, 7.8591409f, 6.6288349f}},
      {3, {2.5082125f, 5.0108507f, 5.9576283f}},
      {1, {4.6037279f}}};
  for (int axis = 0; axis < 3; ++axis) {
    for (const auto& [size, values] : expected) {
      Shape3 from{1, 1, 1}, to{1, 1, 1};
      from[axis] = 6;
      to[axis] = size;
      EXPECT_THAT(Resized(MakeVolume(from, line), to), Pointwise(FloatNear(2e-6f), values)) << axis << " to " << size;
    }
  }
}

TEST(Resample, GivesSkimagesNumbersInThreeDimensions) {
  EXPECT_THAT(Resized(MakeVolume({2, 3, 1}, {1, 4, 2, 8, 5, 7}), {3, 2, 2}),
              Pointwise(FloatNear(2e-6f), {1.88911885f, 1.88911885f, 2.66724262f, 2.66724262f, 4.5f, 4.5f, 4.5f, 4.5f,
                                           7.11088115f, 7.11088115f, 6.33275738f, 6.33275738f}));
}

TEST(Resample, SameShapeChangesNothing) {
  const Volume volume = Noise({7, 5, 20});
  EXPECT_EQ(Resized(volume, volume.shape), volume.voxels);
}

TEST(Resample, KeepsAConstantAndStaysInRange) {
  EXPECT_THAT(Resized(MakeVolume({4, 5, 6}, std::vector<float>(120, 3.25f)), {9, 2, 17}), Each(3.25f));
  const Volume volume = Noise({9, 8, 7});
  const auto [low, high] = std::minmax_element(volume.voxels.begin(), volume.voxels.end());
  for (const float v : Resized(volume, {30, 30, 30})) {
    EXPECT_GE(v, *low);
    EXPECT_LE(v, *high);
  }
}

TEST(Resample, DoesNotDependOnThreads) {
  const Volume volume = Noise({33, 41, 29});
  const Shape3 shape{50, 23, 64};
  const std::vector<float> one = Resized(volume, shape);
  for (const int threads : {0, 2, 3, 8}) {
    const auto out = Resample(volume, shape, threads);
    ASSERT_THAT(out, IsOk());
    EXPECT_EQ(out->voxels, one) << threads << " threads";
  }
}

TEST(Resample, MovesTheAffineWithTheVoxels) {
  Volume volume = Noise({4, 6, 8});
  volume.spacing = {2, 1, 1};
  volume.affine = {2, 0, 0, -10, 0, 1, 0, 20, 0, 0, 1, 30, 0, 0, 0, 1};
  const auto out = Resample(volume, {8, 3, 8});
  ASSERT_THAT(out, IsOk());
  EXPECT_EQ(out->spacing, (std::array<double, 3>{1, 2, 1}));
  // Corners stay: -10 - 1 = -10.5 - 0.5 and 20 - 0.5 = 20.5 - 1.
  EXPECT_THAT(out->affine, ElementsAre(1, 0, 0, -10.5, 0, 2, 0, 20.5, 0, 0, 1, 30, 0, 0, 0, 1));
}

TEST(Resample, RefusesAnEmptyShape) {
  EXPECT_THAT(Resample(Noise({2, 2, 2}), {2, 0, 2}), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Resample(Volume(), {2, 2, 2}), StatusIs(absl::StatusCode::kInvalidArgument));
}

// Expected numbers: skimage.transform.resize(order=3, mode="edge", anti_aliasing=False, preserve_range=True) of
// scikit-image 0.24.
TEST(ResampleAsNnunet, GivesSkimagesNumbersAlongEveryAxis) {
  const std::vector<float> line{1, 4, 2, 8, 5, 7};
  const std::vector<std::pair<std::int64_t, std::vector<float>>> expected{
      {9, {1.0f, 2.8880133f, 3.7278247f, 1.8314613f, 5.0735572f, 8.0f, 5.4755245f, 5.5167869f, 7.2542357f}},
      {4, {1.854058f, 1.917484f, 7.9013873f, 6.3108386f}},
      {3, {2.8880133f, 5.0735572f, 5.5167869f}},
      {1, {5.0735572f}}};
  for (int axis = 0; axis < 3; ++axis) {
    for (const auto& [size, values] : expected) {
      Shape3 from{1, 1, 1}, to{1, 1, 1};
      from[axis] = 6;
      to[axis] = size;
      const auto out = ResampleAsNnunet(MakeVolume(from, line), to, {1, 1, 1});
      ASSERT_THAT(out, IsOk());
      EXPECT_THAT(out->voxels, Pointwise(FloatNear(2e-6f), values)) << axis << " to " << size;
    }
  }
}

TEST(ResampleAsNnunet, TakesWholeSlicesAlongACoarseAxis) {
  Volume volume = Noise({4, 9, 6});
  const auto slices_are_copies = [&](const std::array<double, 3>& spacing, const std::array<double, 3>& wanted) {
    volume.spacing = spacing;
    const auto out = ResampleAsNnunet(volume, {8, 9, 6}, wanted);
    EXPECT_THAT(out, IsOk());
    bool equal = true;
    for (int x = 0; x < 8; ++x) {
      for (int y = 0; y < 9; ++y) {
        for (int z = 0; z < 6; ++z) equal = equal && out->at(x, y, z) == volume.at(x / 2, y, z);
      }
    }
    return equal;
  };
  EXPECT_TRUE(slices_are_copies({4, 1, 1}, {2, 1, 1}));
  EXPECT_TRUE(slices_are_copies({4, 1.1, 1}, {2, 1.1, 1}));
  EXPECT_FALSE(slices_are_copies({3, 1, 1}, {1.5, 1, 1})) << "3 is not more than 3";
  EXPECT_TRUE(slices_are_copies({3, 1, 1}, {3.1, 1, 1})) << "the wanted spacing counts too";
  EXPECT_FALSE(slices_are_copies({4, 4, 1}, {2, 4, 1})) << "two axes are equally coarse";
  EXPECT_FALSE(slices_are_copies({1, 1, 4}, {1, 1, 4})) << "another axis is the coarse one";
}

TEST(ResampleNearest, TakesTheVoxelThatTheCentreLiesIn) {
  const auto taken = [](const std::vector<float>& line, std::int64_t size) {
    const auto out = ResampleNearest(MakeVolume({1, static_cast<std::int64_t>(line.size()), 1}, line), {1, size, 1});
    EXPECT_THAT(out, IsOk());
    return out->voxels;
  };
  EXPECT_THAT(taken({1, 2, 3}, 6), ElementsAre(1, 1, 2, 2, 3, 3));
  EXPECT_THAT(taken({1, 2, 3}, 2), ElementsAre(1, 3));
  EXPECT_THAT(taken({1, 2}, 1), ElementsAre(2)) << "between two: the upper one";
  EXPECT_THAT(taken({1, 2}, 3), ElementsAre(1, 2, 2));
}

}  // namespace
}  // namespace amaes
