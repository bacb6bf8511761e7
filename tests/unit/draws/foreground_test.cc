#include "libs/draws/foreground.h"

#include <gtest/gtest.h>

#include <map>

namespace amaes {
namespace {

constexpr Shape3 kVolume{20, 30, 10};
constexpr Shape3 kPatch{8, 8, 16};

std::uint32_t Index(std::int64_t x, std::int64_t y, std::int64_t z) {
  return static_cast<std::uint32_t>((x * kVolume[1] + y) * kVolume[2] + z);
}

TEST(ForegroundVoxels, AreThinnedEvenly) {
  std::vector<std::uint8_t> codes(1000, 0);
  for (std::size_t i = 0; i < codes.size(); i += 4) codes[i] = static_cast<std::uint8_t>(1 + i % 3);
  EXPECT_EQ(ForegroundVoxels(codes).size(), 250u);
  const std::vector<std::uint32_t> few = ForegroundVoxels(codes, 100);
  ASSERT_EQ(few.size(), 84u);  // every third
  for (std::size_t i = 0; i < few.size(); ++i) EXPECT_EQ(few[i], 12 * i);
  EXPECT_TRUE(ForegroundVoxels(std::vector<std::uint8_t>(10, 0)).empty());
}

TEST(DrawForeground, IsWantedAsOftenAsAskedFor) {
  int wanted = 0;
  for (int position = 0; position < 20000; ++position) wanted += DrawForegroundWanted(3, position, 0.33) ? 1 : 0;
  EXPECT_NEAR(wanted / 20000.0, 0.33, 0.012);  // 3.6 standard deviations
  EXPECT_FALSE(DrawForegroundWanted(3, 1, 0));
  EXPECT_TRUE(DrawForegroundWanted(3, 1, 1));
}

TEST(DrawForeground, TheCropHoldsTheVoxelAndEveryPlaceIsPossible) {
  const std::vector<std::uint32_t> voxels{Index(0, 29, 3), Index(12, 14, 9)};
  std::map<std::int64_t, int> starts_of_inner;
  int inner = 0;
  for (int position = 0; position < 4000; ++position) {
    const CropDraw crop = DrawForegroundCrop(1, position, kVolume, kPatch, voxels);
    ASSERT_EQ(crop.size, kPatch);
    ASSERT_EQ(crop.read, (Shape3{8, 8, 10}));
    ASSERT_EQ(crop.before, (Shape3{0, 0, 3}));
    ASSERT_EQ(crop.start[2], 0);
    if (crop.start[0] == 0 && crop.start[1] == 22) continue;  // holds the corner
    ++inner;
    ++starts_of_inner[crop.start[0]];
    ASSERT_LE(crop.start[0], 12);
    ASSERT_GT(crop.start[0] + 8, 12);
    ASSERT_LE(crop.start[1], 14);
    ASSERT_GT(crop.start[1] + 8, 14);
  }
  EXPECT_NEAR(inner / 4000.0, 0.5, 0.03);
  EXPECT_EQ(starts_of_inner.begin()->first, 5);
  EXPECT_EQ(starts_of_inner.rbegin()->first, 12);
  for (const auto& [start, count] : starts_of_inner)
    EXPECT_NEAR(count / static_cast<double>(inner), 0.125, 0.03) << start;
}

TEST(DrawForeground, WithoutVoxelsItIsAnyCrop) {
  for (int position = 0; position < 50; ++position) {
    EXPECT_EQ(DrawForegroundCrop(9, position, kVolume, kPatch, {}), DrawCrop(9, position, kVolume, kPatch));
  }
}

// Computed by an independent implementation of Philox and of the bounded integers.
TEST(DrawForeground, Golden) {
  const std::vector<std::uint32_t> voxels{Index(0, 29, 3), Index(12, 14, 9), Index(7, 7, 7)};
  EXPECT_EQ(DrawForegroundCrop(1, 0, kVolume, {8, 8, 8}, voxels).start, (Shape3{7, 5, 0}));
  EXPECT_EQ(DrawForegroundCrop(0x123456789abcdef0, 1'000'000'000'000, kVolume, {8, 8, 8}, voxels).start,
            (Shape3{0, 22, 2}));
}

}  // namespace
}  // namespace amaes
