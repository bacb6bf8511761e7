#include "libs/picture/panel_view.h"

#include <gtest/gtest.h>

#include <cmath>

namespace amaes {
namespace {

TEST(IntensityWindow, LeavesOutTheExtremes) {
  std::vector<float> values;
  for (int i = 0; i <= 1000; ++i) values.push_back(static_cast<float>(i));
  EXPECT_EQ(IntensityWindow(values), (std::pair<float, float>(5, 995)));
  values[3] = std::nanf("");
  EXPECT_NEAR(IntensityWindow(values).second, 995, 1);
  EXPECT_EQ(IntensityWindow({2, 2, 2}), (std::pair<float, float>(2, 3)));
  EXPECT_EQ(IntensityWindow({}), (std::pair<float, float>(0, 1)));
}

// 64 voxels a side are shown four pixels each. A bright block lies to the right, to the front and to the top.
class PanelTest : public ::testing::Test {
 protected:
  static constexpr int kSide = 64, kTile = 256, kGap = 14, kLeft = 94, kTop = 62;

  PanelTest() : picture_(kPanelWidth, kPanelHeight) {
    panel_.title = "Held-out crop";
    panel_.shape = {kSide, kSide, kSide};
    for (int x = 0; x < kSide; ++x) {
      for (int y = 0; y < kSide; ++y) {
        for (int z = 0; z < kSide; ++z) panel_.target.push_back(x >= 32 && y >= 32 && z >= 32 ? 1.0f : 0.0f);
      }
    }
    panel_.input = panel_.masked_input = panel_.reconstruction = panel_.target;
    for (float& value : panel_.masked_input) value = std::nanf("");
    DrawPanel(picture_, 0, 0, panel_);
  }
  // Gray at a place of a tile, (0, 0) its upper left, (1, 1) its lower right.
  int Gray(int row, int column, double x, double y) const {
    return picture_
        .at(kLeft + column * (kTile + kGap) + static_cast<int>(x * kTile),
            kTop + row * (kTile + kGap) + static_cast<int>(y * kTile))
        .r;
  }

  ReconstructionPanel panel_;
  Picture picture_;
};

TEST_F(PanelTest, RightIsRightFrontAndTopAreUp) {
  for (const int column : {0, 2, 3}) {
    for (int row = 0; row < 3; ++row) {
      // Axial: right and front. Coronal: right and top. Sagittal: front and top.
      EXPECT_EQ(Gray(row, column, 0.75, 0.25), 255) << row;
      EXPECT_EQ(Gray(row, column, 0.25, 0.25), 0) << row;
      EXPECT_EQ(Gray(row, column, 0.25, 0.75), 0) << row;
      EXPECT_EQ(Gray(row, column, 0.75, 0.75), 0) << row;
    }
  }
}

TEST_F(PanelTest, MaskedVoxelsHaveAColour) {
  const Color masked = picture_.at(kLeft + kTile + kGap + 128, kTop + 128);
  EXPECT_NE(masked.r, masked.b);
}

TEST_F(PanelTest, NothingIsDrawnBetweenTheTiles) {
  for (int column = 0; column < 3; ++column) {
    const int x = kLeft + column * (kTile + kGap) + kTile;
    for (int dx = 0; dx < kGap; ++dx) {
      for (int y = kTop; y < kTop + 3 * kTile; ++y) EXPECT_EQ(picture_.at(x + dx, y), kWhite);
    }
  }
}

}  // namespace
}  // namespace amaes
