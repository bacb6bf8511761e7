#include "libs/draws/draws.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "libs/base/digest.h"

namespace amaes {
namespace {

std::int64_t Ones(const std::vector<std::uint8_t>& mask) {
  return std::accumulate(mask.begin(), mask.end(), std::int64_t{0});
}

std::string Text(const std::vector<std::uint8_t>& mask) {
  std::string text;
  for (const std::uint8_t bit : mask) text += bit == 0 ? '0' : '1';
  return text;
}

// Computed by an independent implementation of Philox, of the bounded integers and of the shuffle.
TEST(Draws, GoldenCrops) {
  const Shape3 shape{182, 218, 182};
  EXPECT_EQ(DrawCrop(1, 0, shape, Cube(128)), (CropDraw{{128, 128, 128}, {49, 7, 0}, {128, 128, 128}, {0, 0, 0}}));
  EXPECT_EQ(DrawCrop(1, 1'000'000'000'000, shape, Cube(128)).start, (Shape3{23, 4, 32}));
  EXPECT_EQ(DrawCrop(0x123456789abcdef0, 7, {100, 128, 300}, Cube(128)),
            (CropDraw{{128, 128, 128}, {0, 0, 42}, {100, 128, 128}, {14, 0, 0}}));
  EXPECT_EQ(DrawValidationCrop(1, 0, shape, Cube(128)).start, (Shape3{5, 72, 1}));
}

TEST(Draws, GoldenMasks) {
  EXPECT_EQ(Text(DrawTokenMask(1, 0, Cube(16), 4, 0.6)),
            "1111011011110101101101111110110110111010000111010100100111010000");
  EXPECT_EQ(Text(DrawValidationMask(1, 0, Cube(16), 4, 0.6)),
            "1110111101111011110100011001011110000101000101111111101000100111");
  const std::vector<std::uint8_t> mask = DrawTokenMask(7, 123'456'789'012, Cube(128), 4, 0.6);
  EXPECT_EQ(Sha256Hex(std::string(mask.begin(), mask.end())),
            "f2413306776192b6a0b1d3d81316cb9ddb33d069a0f5e2d0744de95853781296");
}

TEST(Draws, ExactNumberOfMaskedTokens) {
  const struct { std::int64_t patch, masked; } table[] = {{128, 19661}, {96, 8295}, {64, 2458}};
  for (const auto& [patch, masked] : table) {
    EXPECT_EQ(MaskedTokenCount(Cube(patch), 4, 0.6), masked);
    for (std::int64_t position = 0; position < 5; ++position) {
      const std::vector<std::uint8_t> mask = DrawTokenMask(3, position, Cube(patch), 4, 0.6);
      EXPECT_EQ(static_cast<std::int64_t>(mask.size()), (patch / 4) * (patch / 4) * (patch / 4));
      EXPECT_EQ(Ones(mask), masked);
      EXPECT_EQ(Ones(DrawValidationMask(3, position, Cube(patch), 4, 0.6)), masked);
    }
  }
}

TEST(Draws, APatchMayBeAnisotropic) {
  const Shape3 patch{96, 64, 16};
  EXPECT_EQ(MaskedTokenCount(patch, 4, 0.6), 24 * 16 * 4 - static_cast<std::int64_t>(24 * 16 * 4 * 0.4));
  const std::vector<std::uint8_t> mask = DrawTokenMask(1, 0, patch, 4, 0.6);
  EXPECT_EQ(mask.size(), 24u * 16 * 4);
  EXPECT_EQ(Ones(mask), MaskedTokenCount(patch, 4, 0.6));
  const CropDraw draw = DrawCrop(1, 0, {182, 50, 17}, patch);
  EXPECT_EQ(draw.size, patch);
  EXPECT_EQ(draw.read, (Shape3{96, 50, 16}));
  EXPECT_EQ(draw.before, (Shape3{0, 7, 0}));
}

TEST(Draws, MaskRatiosAtTheEnds) {
  EXPECT_EQ(Ones(DrawTokenMask(1, 0, Cube(16), 4, 0.0)), 0);
  EXPECT_EQ(Ones(DrawTokenMask(1, 0, Cube(16), 4, 1.0)), 64);
  EXPECT_EQ(DrawTokenMask(1, 0, Cube(4), 4, 0.6).size(), 1u);
  EXPECT_EQ(MaskedTokenCount(Cube(4), 4, 0.6), 1);
}

TEST(Draws, SmallVolumesArePaddedWithTheOddVoxelAbove) {
  const CropDraw draw = DrawCrop(5, 9, {1, 31, 32}, Cube(32));
  EXPECT_EQ(draw.size, (Shape3{32, 32, 32}));
  EXPECT_EQ(draw.start, (Shape3{0, 0, 0}));
  EXPECT_EQ(draw.read, (Shape3{1, 31, 32}));
  EXPECT_EQ(draw.before, (Shape3{15, 0, 0}));
}

TEST(Draws, CropsLieInsideTheVolume) {
  for (std::int64_t position = 0; position < 500; ++position) {
    const Shape3 shape{1 + position % 90, 40, 33 + position % 7};
    const CropDraw draw = DrawCrop(2, position, shape, Cube(32));
    for (int axis = 0; axis < 3; ++axis) {
      ASSERT_GE(draw.start[axis], 0);
      ASSERT_LE(draw.start[axis] + draw.read[axis], shape[axis]);
      ASSERT_LE(draw.before[axis] + draw.read[axis], 32);
      ASSERT_EQ(draw.read[axis], std::min<std::int64_t>(32, shape[axis]));
    }
  }
}

TEST(Draws, SeedPositionAndPurposeMatter) {
  const Shape3 shape{300, 300, 300};
  EXPECT_NE(DrawCrop(1, 0, shape, Cube(32)), DrawCrop(2, 0, shape, Cube(32)));
  EXPECT_NE(DrawCrop(1, 0, shape, Cube(32)), DrawCrop(1, 1, shape, Cube(32)));
  EXPECT_NE(DrawCrop(1, 0, shape, Cube(32)), DrawValidationCrop(1, 0, shape, Cube(32)));
  EXPECT_NE(DrawTokenMask(1, 0, Cube(32), 4, 0.6), DrawTokenMask(1, 1, Cube(32), 4, 0.6));
}

// Pearson's statistic of counts against one expected count.
double ChiSquare(const std::vector<std::int64_t>& counts, double expected) {
  double sum = 0;
  for (const std::int64_t count : counts) {
    sum += (static_cast<double>(count) - expected) * (static_cast<double>(count) - expected) / expected;
  }
  return sum;
}

// The bounds are about five standard deviations above the mean of the distribution; the draws are fixed.
TEST(Draws, StartsAreUniform) {
  constexpr std::int64_t kDraws = 20000, kStarts = 21;
  std::vector<std::vector<std::int64_t>> counts(3, std::vector<std::int64_t>(kStarts));
  std::vector<std::int64_t> pairs(kStarts * kStarts);
  for (std::int64_t position = 0; position < kDraws; ++position) {
    const Shape3 start = DrawCrop(11, position, {52, 52, 52}, Cube(32)).start;
    for (int axis = 0; axis < 3; ++axis) ++counts[axis][start[axis]];
    ++pairs[start[0] * kStarts + start[1]];
  }
  for (const auto& axis : counts) EXPECT_LT(ChiSquare(axis, double{kDraws} / kStarts), 20 + 5 * std::sqrt(40.0));
  EXPECT_LT(ChiSquare(pairs, double{kDraws} / (kStarts * kStarts)), 440 + 5 * std::sqrt(880.0));
}

TEST(Draws, EveryTokenIsMaskedEquallyOften) {
  constexpr std::int64_t kDraws = 4000;
  std::vector<std::int64_t> counts(512);
  std::int64_t both = 0;
  for (std::int64_t position = 0; position < kDraws; ++position) {
    const std::vector<std::uint8_t> mask = DrawTokenMask(13, position, Cube(32), 4, 0.6);
    for (std::size_t i = 0; i < mask.size(); ++i) counts[i] += mask[i];
    both += mask[0] & mask[1];
  }
  const double share = static_cast<double>(MaskedTokenCount(Cube(32), 4, 0.6)) / 512;
  EXPECT_LT(ChiSquare(counts, kDraws * share) / (1 - share), 511 + 5 * std::sqrt(2 * 511.0));
  EXPECT_NEAR(static_cast<double>(both) / kDraws, share * share, 5 * std::sqrt(0.25 / kDraws));
}

}  // namespace
}  // namespace amaes
