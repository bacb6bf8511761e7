#include "libs/draws/swin_draws.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>

namespace amaes {
namespace {

using ::testing::ElementsAre;

constexpr Shape3 kPatch{64, 32, 32};
constexpr auto kTraining = SwinDrawsFor::kTraining;

SwinViewDraw Draw(std::int64_t position, int view = 0, SwinDrawsFor use = kTraining) {
  return DrawSwinView(/*seed=*/7, use, position, view, /*group=*/4, kPatch);
}

std::int64_t Sum(const std::vector<Box>& boxes) {
  std::int64_t sum = 0;
  for (const Box& box : boxes) sum += VoxelCount(box.size);
  return sum;
}

bool Same(const SwinViewDraw& a, const SwinViewDraw& b) {
  return a.quarter_turns == b.quarter_turns && a.source == b.source && a.noise == b.noise && a.copied == b.copied;
}

TEST(SwinDraws, DependOnSeedPositionViewAndUseAlone) {
  EXPECT_TRUE(Same(Draw(5), Draw(5)));
  EXPECT_FALSE(Same(Draw(5), Draw(5, 1)));
  EXPECT_FALSE(Same(Draw(5), Draw(6)));
  EXPECT_FALSE(Same(Draw(5), Draw(5, 0, SwinDrawsFor::kValidation)));
  EXPECT_FALSE(Same(Draw(5), DrawSwinView(8, kTraining, 5, 0, 4, kPatch)));
}

// Part of a run's format: another order of draws is another sampling version.
TEST(SwinDraws, GoldenDraw) {
  const SwinViewDraw draw = Draw(0);
  ASSERT_FALSE(draw.noise.empty());
  EXPECT_EQ(draw.quarter_turns, 3);
  EXPECT_EQ(draw.source, 3);
  EXPECT_THAT(draw.noise.front().start, ElementsAre(44, 9, 14));
  EXPECT_THAT(draw.noise.front().size, ElementsAre(14, 6, 7));
}

TEST(SwinDraws, BoxesKeepTheirLimits) {
  std::array<std::int64_t, 3> shortest = kPatch, longest{};
  double most = 0, sum = 0;
  constexpr int kDraws = 400;
  for (int position = 0; position < kDraws; ++position) {
    const SwinViewDraw draw = Draw(position);
    for (const Box& box : draw.noise) {
      for (int axis = 0; axis < 3; ++axis) {
        EXPECT_GE(box.start[axis], 0);
        EXPECT_GE(box.size[axis], 1);
        EXPECT_LE(box.start[axis] + box.size[axis], kPatch[axis]);
        if (box.start[axis] + box.size[axis] == kPatch[axis]) continue;  // perhaps cut off
        shortest[axis] = std::min(shortest[axis], box.size[axis]);
        longest[axis] = std::max(longest[axis], box.size[axis]);
      }
    }
    const double share = static_cast<double>(Sum(draw.noise)) / static_cast<double>(VoxelCount(kPatch));
    most = std::max(most, share);
    sum += share;
  }
  EXPECT_THAT(shortest, ElementsAre(3, 1, 1));  // 5 %
  EXPECT_THAT(longest, ElementsAre(15, 7, 7));  // below 25 %
  EXPECT_GT(most, 0.28);
  EXPECT_LT(most, 0.3 + 16.0 * 8 * 8 / VoxelCount(kPatch));  // the last box may reach beyond
  EXPECT_NEAR(sum / kDraws, 0.15, 0.015);
}

TEST(SwinDraws, TurnsAndSourcesAreUniform) {
  std::array<int, 4> turns{}, sources{};
  constexpr int kDraws = 4000;
  for (int position = 0; position < kDraws; ++position) {
    const SwinViewDraw draw = DrawSwinView(3, kTraining, position, position % 2, 4, {32, 32, 32});
    ++turns[draw.quarter_turns];
    ++sources[draw.source];
  }
  // Four standard deviations of a binomial count.
  for (int i = 0; i < 4; ++i) {
    EXPECT_NEAR(turns[i], kDraws / 4.0, 110) << i;
    EXPECT_NEAR(sources[i], kDraws / 4.0, 110) << i;
  }
}

TEST(SwinDraws, ASampleAloneCopiesFromItself) {
  for (int position = 0; position < 20; ++position) {
    EXPECT_EQ(DrawSwinView(3, kTraining, position, 0, /*group=*/1, kPatch).source, 0);
  }
}

TEST(SwinDraws, NoiseFillsItsBoxesFromZeroToOne) {
  SwinViewDraw draw;
  draw.noise = {{{1, 2, 3}, {10, 6, 5}}, {{40, 20, 20}, {8, 8, 8}}};
  draw.copied = {{{0, 0, 0}, {2, 2, 2}}};
  const SwinFill fill = DrawSwinFill(7, kTraining, 11, 1, draw, kPatch);
  EXPECT_EQ(std::accumulate(fill.noise_mask.begin(), fill.noise_mask.end(), 0), 300 + 512);
  EXPECT_EQ(std::accumulate(fill.copy_mask.begin(), fill.copy_mask.end(), 0), 8);
  for (const Box& box : draw.noise) {
    double low = 2, high = -1, sum = 0;
    for (std::int64_t x = 0; x < box.size[0]; ++x) {
      for (std::int64_t y = 0; y < box.size[1]; ++y) {
        for (std::int64_t z = 0; z < box.size[2]; ++z) {
          const auto at = static_cast<std::size_t>(((box.start[0] + x) * kPatch[1] + box.start[1] + y) * kPatch[2] +
                                                   box.start[2] + z);
          ASSERT_EQ(fill.noise_mask[at], 1);
          low = std::min<double>(low, fill.noise[at]);
          high = std::max<double>(high, fill.noise[at]);
          sum += fill.noise[at];
        }
      }
    }
    EXPECT_EQ(low, 0);
    EXPECT_EQ(high, 1);
    EXPECT_NEAR(sum / static_cast<double>(VoxelCount(box.size)), 0.5, 0.1);  // normal, not all at one end
  }
  for (std::size_t i = 0; i < fill.noise.size(); ++i) {
    ASSERT_TRUE(fill.noise_mask[i] == 1 || fill.noise[i] == 0);
  }
}

}  // namespace
}  // namespace amaes
