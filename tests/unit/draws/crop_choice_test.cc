#include "libs/draws/crop_choice.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "libs/base/testing/status_matchers.h"

namespace amaes {
namespace {

// The candidate taken, and how many shares were asked for.
std::pair<std::size_t, std::size_t> Chosen(const std::vector<double>& shares) {
  std::size_t asked = 0;
  const auto chosen = ChooseCrop(shares.size(), [&](std::size_t i) -> absl::StatusOr<double> {
    EXPECT_EQ(i, asked++);
    return shares[i];
  });
  EXPECT_OK(chosen);
  return {*chosen, asked};
}

TEST(ChooseCrop, TakesTheFirstThatIsHalfFreeElseTheFreest) {
  using Pair = std::pair<std::size_t, std::size_t>;
  EXPECT_EQ(Chosen({0.0, 0.0}), (Pair{0, 1}));
  EXPECT_EQ(Chosen({0.5, 0.0}), (Pair{0, 1})) << "half is not too much";
  EXPECT_EQ(Chosen({0.51, 0.9, 0.4, 0.0}), (Pair{2, 3}));
  EXPECT_EQ(Chosen({0.9, 0.7, 0.8, 0.7}), (Pair{1, 4})) << "the first of equals";
  EXPECT_EQ(Chosen({1.0, 1.0, 1.0}), (Pair{0, 3}));
  EXPECT_EQ(Chosen({1.0}), (Pair{0, 0})) << "there is no choice";
}

TEST(ChooseCrop, PassesOnAnError) {
  const auto chosen = ChooseCrop(3, [](std::size_t i) -> absl::StatusOr<double> {
    if (i == 0) return 1.0;
    return absl::DataLossError("chunk 3");
  });
  EXPECT_THAT(chosen, StatusIs(absl::StatusCode::kDataLoss));
}

TEST(DrawCropCandidates, BeginWithTheCropThatIsDrawnAlone) {
  const Shape3 volume{182, 100, 182};
  for (std::int64_t position = 0; position < 50; ++position) {
    const std::vector<CropDraw> training = DrawCropCandidates(5, position, volume, Cube(128));
    const std::vector<CropDraw> fixed = DrawValidationCropCandidates(5, position, volume, Cube(128));
    EXPECT_EQ(training.front(), DrawCrop(5, position, volume, Cube(128)));
    EXPECT_EQ(fixed.front(), DrawValidationCrop(5, position, volume, Cube(128)));
    EXPECT_NE(training, fixed);
    ASSERT_GE(training.size(), 6u);
    for (const CropDraw& crop : training) {
      EXPECT_EQ(std::count(training.begin(), training.end(), crop), 1);
      EXPECT_EQ(crop.read, (Shape3{128, 100, 128}));
      EXPECT_EQ(crop.before, (Shape3{0, 14, 0}));
      EXPECT_LE(crop.start[0], 182 - 128);
    }
    // Fewer draws are the first ones.
    const std::vector<CropDraw> three = DrawCropCandidates(5, position, volume, Cube(128), 3);
    ASSERT_LE(three.size(), 3u);
    EXPECT_TRUE(std::equal(three.begin(), three.end(), training.begin()));
  }
}

TEST(DrawCropCandidates, WhereNothingCanBeDrawnThereIsOne) {
  EXPECT_EQ(DrawCropCandidates(5, 0, {128, 100, 90}, Cube(128)).size(), 1u);
  EXPECT_LE(DrawCropCandidates(5, 0, {129, 100, 90}, Cube(128)).size(), 2u);
}

TEST(CoreOf, IsThePatchInTheMiddleAsFarAsItLiesInTheVolume) {
  const CropDraw same{{32, 32, 32}, {5, 6, 7}, {32, 32, 32}, {}};
  EXPECT_EQ(CoreOf(same, Cube(32)), same);
  // A crop of 45 around a patch of 32: six voxels below it, seven above.
  const CropDraw wide{{45, 45, 45}, {5, 0, 0}, {45, 45, 45}, {}};
  EXPECT_EQ(CoreOf(wide, Cube(32)), (CropDraw{{32, 32, 32}, {11, 6, 6}, {32, 32, 32}, {}}));
  // Along the second axis the volume has 36 voxels, along the third 20.
  const CropDraw padded{{45, 45, 45}, {5, 0, 0}, {45, 36, 20}, {0, 4, 12}};
  EXPECT_EQ(CoreOf(padded, Cube(32)), (CropDraw{{32, 32, 20}, {11, 2, 0}, {32, 32, 20}, {}}));
}

}  // namespace
}  // namespace amaes
