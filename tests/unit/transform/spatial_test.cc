#include "libs/transform/spatial.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "libs/base/rng.h"
#include "libs/transform/elastic.h"
#include "libs/volume/phantom.h"

namespace amaes {
namespace {

const Shape3 kArray{50, 44, 60};

const std::vector<float>& Array() {
  static const std::vector<float> array = [] {
    PhantomOptions options;
    options.shape = kArray;
    std::vector<float> voxels = MakePhantom(1, options).images[0].voxels;
    const float most = *std::max_element(voxels.begin(), voxels.end());
    for (float& value : voxels) value /= most;
    return voxels;
  }();
  return array;
}

Source<float> Whole() { return {kArray, {{0, 0, 0}, kArray}, Array()}; }

std::vector<float> Cut(const Box& box) {
  std::vector<float> part;
  for (std::int64_t x = 0; x < box.count[0]; ++x) {
    for (std::int64_t y = 0; y < box.count[1]; ++y) {
      const float* row =
          Array().data() + ((box.begin[0] + x) * kArray[1] + box.begin[1] + y) * kArray[2] + box.begin[2];
      part.insert(part.end(), row, row + box.count[2]);
    }
  }
  return part;
}

SampleGrid GridAt(std::array<double, 3> middle, const SpatialDraw& draw, const Shape3& patch = {16, 20, 12}) {
  SampleGrid grid;
  grid.patch = patch;
  grid.middle = middle;
  grid.matrix = draw.matrix;
  return grid;
}

Augmentation Everything() {
  Augmentation out = AugmentationOf(AugmentPreset::kIntended);
  out.p_rotation = out.p_scale = 1;
  out.p_elastic = 0;
  return out;
}

std::vector<float> Resample(const SampleGrid& grid, const Source<float>& source, float fill = -7) {
  std::vector<float> out(static_cast<std::size_t>(VoxelCount(grid.patch)));
  ResampleCubic(grid, source, {fill, -1e9f, 1e9f}, absl::MakeSpan(out));
  return out;
}

// Wherever the patch lies, turned, scaled or displaced: the needed part gives what the whole array gives.
TEST(Spatial, TheNeededBoxIsEnough) {
  RandomStream stream(5, Purpose::kPhantom, 0);
  for (std::int64_t position = 0; position < 60; ++position) {
    SpatialDraw draw;
    if (position % 3 != 0) draw = DrawSpatial(1, position, Everything());
    std::array<double, 3> middle{};
    for (int axis = 0; axis < 3; ++axis)
      middle[axis] =
          std::floor(stream.Uniform(-12, static_cast<double>(kArray[axis]) + 12)) + (position % 2 == 0 ? 0.5 : 0.25);
    SampleGrid grid = GridAt(middle, draw);
    if (position % 4 == 1) grid.Displace(ElasticDisplacement(1, position, grid.patch, 600, 20));
    const Box box = NeededBox(grid, kArray);
    const std::vector<float> part = Cut(box);
    const std::vector<float> expected = Resample(grid, Whole());
    const std::vector<float> got = Resample(grid, {kArray, box, part});
    for (std::size_t i = 0; i < expected.size(); ++i) ASSERT_NEAR(got[i], expected[i], 2e-6) << position << " " << i;
  }
}

TEST(Spatial, TheNeededBoxIsSmall) {
  const Box box = NeededBox(GridAt({25, 22, 30}, {}, {10, 10, 10}), kArray);
  for (int axis = 0; axis < 3; ++axis) EXPECT_LE(box.count[axis], 10 + 2 * 16);
  const Box copied = NeededBox(GridAt({24.5, 21.5, 29.5}, {}, {10, 10, 10}), kArray);
  EXPECT_EQ(copied, (Box{{20, 17, 25}, {10, 10, 10}}));
}

TEST(Spatial, AGridOnSamplesIsCopied) {
  const std::vector<float> out = Resample(GridAt({7.5, 9.5, 5.5}, {}), Whole());
  for (std::int64_t x = 0; x < 16; ++x) {
    for (std::int64_t y = 0; y < 20; ++y) {
      for (std::int64_t z = 0; z < 12; ++z)
        ASSERT_EQ(out[(x * 20 + y) * 12 + z], Array()[(x * kArray[1] + y) * kArray[2] + z]);
    }
  }
}

TEST(Spatial, OutsideIsTheFill) {
  for (const double shift : {0.0, 0.5}) {
    const std::vector<float> out = Resample(GridAt({0 + shift, 21.5, 29.5}, {}, {17, 10, 10}), Whole());
    EXPECT_EQ(out[0], -7);
    EXPECT_EQ(out[7 * 100], -7);
    EXPECT_NE(out[9 * 100 + 55], -7);
    const std::vector<float> all = Resample(GridAt({-30 - shift, 21.5, 29.5}, {}, {17, 10, 10}), {kArray, {}, {}});
    for (const float value : all) ASSERT_EQ(value, -7);
  }
}

TEST(Spatial, StraightAndGeneralAgree) {
  SampleGrid straight = GridAt({25.25, 20.75, 30.5}, {});
  straight.matrix = {0.93, 0, 0, 0, 0.93, 0, 0, 0, 0.93};
  SampleGrid general = straight;
  general.Displace(std::vector<float>(3 * static_cast<std::size_t>(VoxelCount(general.patch))));
  const std::vector<float> a = Resample(straight, Whole()), b = Resample(general, Whole());
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 2e-6);
}

TEST(Spatial, ValuesAreClipped) {
  const std::vector<float> out = [] {
    std::vector<float> values(16 * 20 * 12);
    ResampleCubic(GridAt({25.25, 20.75, 30.5}, {}), Whole(), {0.3f, 0.3f, 0.5f}, absl::MakeSpan(values));
    return values;
  }();
  for (const float value : out) {
    ASSERT_GE(value, 0.3f);
    ASSERT_LE(value, 0.5f);
  }
}

TEST(Spatial, LabelsAreTheNearest) {
  std::vector<std::uint8_t> labels;
  for (std::size_t i = 0; i < Array().size(); ++i) labels.push_back(static_cast<std::uint8_t>(i % 251));
  SampleGrid grid = GridAt({25.4, 20.6, 30.5}, {});
  std::vector<std::uint8_t> out(static_cast<std::size_t>(VoxelCount(grid.patch)));
  const Box box = NeededBox(grid, kArray);
  std::vector<std::uint8_t> part;
  for (std::int64_t x = 0; x < box.count[0]; ++x) {
    for (std::int64_t y = 0; y < box.count[1]; ++y) {
      const std::uint8_t* row =
          labels.data() + ((box.begin[0] + x) * kArray[1] + box.begin[1] + y) * kArray[2] + box.begin[2];
      part.insert(part.end(), row, row + box.count[2]);
    }
  }
  ResampleNearest(grid, {kArray, box, part}, absl::MakeSpan(out));
  // The first voxel lies at 17.9, 11.1, 25: sample 18, 11, 25.
  EXPECT_EQ(out[0], labels[(18 * kArray[1] + 11) * kArray[2] + 25]);
}

// The reference's grid is half a voxel off where the margin is odd; ours is not.
TEST(Spatial, TheMiddleOfThePatch) {
  CropDraw crop;
  crop.size = {181, 181, 90};
  crop.start = {10, 0, 3};
  crop.before = {0, 4, 0};
  const Shape3 patch{128, 128, 64};
  EXPECT_EQ(GridMiddle(crop, patch, AugmentationOf(AugmentPreset::kReference)), (std::array<double, 3>{90, 90, 44.5}));
  EXPECT_EQ(GridMiddle(crop, patch, AugmentationOf(AugmentPreset::kIntended)),
            (std::array<double, 3>{99.5, 85.5, 47.5}));
}

}  // namespace
}  // namespace amaes
