#include "libs/metrics/surface.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace amaes {
namespace {

constexpr Shape3 kShape{10, 10, 10};

// A box of ones.
std::vector<std::uint8_t> Box(const Shape3& low, const Shape3& high) {
  std::vector<std::uint8_t> out(1000);
  for (std::int64_t x = low[0]; x <= high[0]; ++x) {
    for (std::int64_t y = low[1]; y <= high[1]; ++y) {
      for (std::int64_t z = low[2]; z <= high[2]; ++z) out[(x * 10 + y) * 10 + z] = 1;
    }
  }
  return out;
}

TEST(Surfaces, OfEqualShapesTouch) {
  const auto box = Box({2, 2, 2}, {6, 5, 7});
  const SurfaceScores scores = MeasureSurfaces(box, box, kShape, {1, 2, 3});
  EXPECT_EQ(scores.hausdorff, 0);
  EXPECT_EQ(scores.hausdorff_95, 0);
  EXPECT_EQ(scores.average, 0);
}

TEST(Surfaces, OfTwoVoxelsAreAsFarAsTheirCentres) {
  const SurfaceScores scores = MeasureSurfaces(Box({1, 1, 1}, {1, 1, 1}), Box({4, 1, 5}, {4, 1, 5}), kShape, {1, 7, 1});
  EXPECT_DOUBLE_EQ(scores.hausdorff, 5);
  EXPECT_DOUBLE_EQ(scores.hausdorff_95, 5);
  EXPECT_DOUBLE_EQ(scores.average, 5);
}

// A plate of 10 by 10 voxels against itself with one voxel far off: all but one distance are 0.
TEST(Surfaces, QuantileForgivesAFew) {
  const auto plate = Box({0, 0, 0}, {0, 9, 9});
  auto with_spot = plate;
  with_spot[999] = 1;
  const SurfaceScores scores = MeasureSurfaces(plate, with_spot, kShape, {2, 1, 1});
  EXPECT_DOUBLE_EQ(scores.hausdorff, 18);
  EXPECT_DOUBLE_EQ(scores.hausdorff_95, 0);
  EXPECT_DOUBLE_EQ(scores.average, 18.0 / 201);
}

// 0, 1, 2, … 9 mm from a voxel to a row: the quantile lies between the two largest.
TEST(Surfaces, QuantileIsLinearBetweenNeighbours) {
  const SurfaceScores scores = MeasureSurfaces(Box({0, 0, 0}, {0, 0, 0}), Box({0, 0, 0}, {0, 0, 9}), kShape, {1, 1, 1});
  EXPECT_NEAR(scores.hausdorff_95, 0.95 * 9, 1e-12);
  EXPECT_DOUBLE_EQ(scores.hausdorff, 9);
}

// What fills the volume to its border has its surface there.
TEST(Surfaces, LieAtTheVolumesBorder) {
  const SurfaceScores scores = MeasureSurfaces(Box({0, 0, 0}, {9, 9, 9}), Box({5, 5, 5}, {5, 5, 5}), kShape, {1, 1, 1});
  EXPECT_DOUBLE_EQ(scores.hausdorff, std::sqrt(75.0));
}

TEST(Surfaces, OfNothing) {
  const std::vector<std::uint8_t> none(1000);
  const auto box = Box({1, 1, 1}, {2, 2, 2});
  EXPECT_TRUE(std::isnan(MeasureSurfaces(none, none, kShape, {1, 1, 1}).average));
  EXPECT_TRUE(std::isnan(MeasureSurfaces(none, none, kShape, {1, 1, 1}).hausdorff_95));
  EXPECT_TRUE(std::isinf(MeasureSurfaces(none, box, kShape, {1, 1, 1}).hausdorff_95));
  EXPECT_TRUE(std::isinf(MeasureSurfaces(box, none, kShape, {1, 1, 1}).average));
}

}  // namespace
}  // namespace amaes
