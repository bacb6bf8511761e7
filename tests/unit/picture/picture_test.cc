#include "libs/picture/picture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "libs/base/files.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/picture/font.h"
#include "tests/unit/picture/read_png.h"

namespace amaes {
namespace {

constexpr Color kRed{255, 0, 0};

int Inked(const Picture& picture, const Rect& rect) {
  int count = 0;
  for (int y = rect.y; y < rect.y + rect.height; ++y) {
    for (int x = rect.x; x < rect.x + rect.width; ++x) count += picture.at(x, y) == kWhite ? 0 : 1;
  }
  return count;
}

TEST(Picture, FillsAndBlends) {
  Picture picture(10, 6);
  EXPECT_EQ(Inked(picture, {0, 0, 10, 6}), 0);
  picture.FillRect({2, 1, 3, 2}, kRed);
  EXPECT_EQ(Inked(picture, {0, 0, 10, 6}), 6);
  EXPECT_EQ(picture.at(4, 2), kRed);
  picture.Blend(4, 2, kBlack, 0.5);
  EXPECT_EQ(picture.at(4, 2), (Color{128, 0, 0}));
  picture.StrokeRect({0, 0, 10, 6}, kBlack);
  EXPECT_EQ(Inked(picture, {0, 0, 10, 6}), 6 + 28 - 0);
}

TEST(Picture, WhatLiesOutsideIsCutOff) {
  Picture picture(10, 10);
  picture.FillRect({-5, -5, 7, 7}, kRed);
  EXPECT_EQ(Inked(picture, {0, 0, 10, 10}), 4);
  picture.Blend(-1, 0, kRed, 1);
  picture.Blend(10, 0, kRed, 1);
  picture.Polyline({{-100, -100}, {-50, 200}}, 3, kRed);
  picture.Disc({500, 500}, 10, kRed);
  picture.Text({-300, 5}, "far away", {});
  picture.Image({1, 1, {1.0f}}, {100, 100, 5, 5}, Scaling::kNearest);
  EXPECT_EQ(Inked(picture, {0, 0, 10, 10}), 4);
  picture.Polyline({{-5, 5.5}, {15, 5.5}}, 1, kRed);
  EXPECT_EQ(Inked(picture, {0, 5, 10, 1}), 10);
}

TEST(Picture, LinesAreSmooth) {
  Picture picture(20, 20);
  picture.Polyline({{2, 10.5}, {18, 10.5}}, 1, kBlack);  // on the centres of pixels: one row, no gray
  EXPECT_EQ(picture.at(10, 10), kBlack);
  EXPECT_EQ(picture.at(10, 9), kWhite);
  Picture between(20, 20);
  between.Polyline({{2, 10}, {18, 10}}, 1, kBlack);  // between two rows: both half
  EXPECT_EQ(between.at(10, 9), (Color{128, 128, 128}));
  EXPECT_EQ(between.at(10, 10), (Color{128, 128, 128}));
}

TEST(Picture, ALineThatTurnsBackIsNotDarker) {
  Picture once(20, 20), twice(20, 20);
  once.Polyline({{2, 3}, {17, 12}}, 1.5, kBlack);
  twice.Polyline({{2, 3}, {17, 12}, {2, 3}}, 1.5, kBlack);
  for (int y = 0; y < 20; ++y) {
    for (int x = 0; x < 20; ++x) EXPECT_EQ(once.at(x, y), twice.at(x, y));
  }
}

TEST(Picture, DashesGoOnAroundCorners) {
  Picture picture(100, 40);
  picture.DashedPolyline({{0, 10.5}, {45, 10.5}, {90, 10.5}}, 1, 10, 10, kBlack);
  EXPECT_EQ(picture.at(5, 10), kBlack);
  EXPECT_EQ(picture.at(15, 10), kWhite);
  EXPECT_EQ(picture.at(45, 10), kBlack);  // 40 to 50 is on, across the corner
  EXPECT_EQ(picture.at(55, 10), kWhite);
  picture.DashedPolyline({{3, 3}, {3, 3}}, 1, 10, 10, kBlack);  // no length: nothing, and no endless loop
  EXPECT_EQ(picture.at(3, 3), kWhite);
}

TEST(Picture, DiscsAreRound) {
  Picture picture(40, 40);
  picture.Disc({20, 20}, 10, kBlack);
  EXPECT_NEAR(Inked(picture, {0, 0, 40, 40}), M_PI * 100, 60);
  EXPECT_EQ(picture.at(20, 11), kBlack);
  EXPECT_EQ(picture.at(12, 12), kWhite);
}

TEST(Picture, ImagesMapValuesToGray) {
  Picture picture(4, 2);
  GrayImage image{2, 1, {0.0f, 2.0f}, 0, 1, kRed};
  picture.Image(image, {0, 0, 4, 2}, Scaling::kNearest);
  EXPECT_EQ(picture.at(1, 1), kBlack);
  EXPECT_EQ(picture.at(2, 0), kWhite);  // above the window: white
  image.values = {std::nanf(""), 0.5f};
  picture.Image(image, {0, 0, 4, 2}, Scaling::kNearest);
  EXPECT_EQ(picture.at(0, 0), kRed);
  EXPECT_EQ(picture.at(3, 0), (Color{128, 128, 128}));
  picture.Image(image, {0, 0, 4, 2}, Scaling::kBilinear);
  EXPECT_EQ(picture.at(1, 0), kRed);
  EXPECT_EQ(picture.at(2, 0), (Color{128, 128, 128}));  // a neighbour that is not a number does not spread
}

TEST(Picture, BilinearScalingIsSmooth) {
  Picture picture(100, 1);
  picture.Image({2, 1, {0.0f, 1.0f}}, {0, 0, 100, 1}, Scaling::kBilinear);
  for (int x = 0; x + 1 < 100; ++x) {
    EXPECT_LE(picture.at(x, 0).r, picture.at(x + 1, 0).r);
    EXPECT_LE(picture.at(x + 1, 0).r - picture.at(x, 0).r, 7);
  }
  EXPECT_EQ(picture.at(0, 0), kBlack);
  EXPECT_EQ(picture.at(99, 0), kWhite);
}

TEST(Picture, TextStandsWhereItIsAligned) {
  const TextStyle style{12, 1.4, kBlack};
  const int width = static_cast<int>(std::ceil(TextWidth("Steps", 12)));
  Picture left(300, 40), center(300, 40), right(300, 40), up(40, 300);
  left.Text({150, 25}, "Steps", style);
  center.Text({150, 25}, "Steps", style, Align::kCenter);
  right.Text({150, 25}, "Steps", style, Align::kRight);
  up.TextUp({25, 150}, "Steps", style);
  const int ink = Inked(left, {0, 0, 300, 40});
  EXPECT_GT(ink, 100);
  EXPECT_EQ(Inked(left, {150, 8, width + 2, 24}), ink);
  EXPECT_EQ(Inked(center, {150 - width / 2 - 2, 8, width + 4, 24}), ink);
  EXPECT_EQ(Inked(right, {150 - width - 2, 8, width + 2, 24}), ink);
  EXPECT_NEAR(Inked(up, {8, 150 - width / 2 - 2, 24, width + 4}), ink, 0.2 * ink);
}

TEST(Picture, PngReadsBack) {
  Picture picture(37, 23, Color{1, 2, 3});
  picture.Text({2, 15}, "Png", {});
  const TempDir dir;
  ASSERT_OK(picture.WritePng(dir.path() / "p.png"));
  ASSERT_OK_AND_ASSIGN(const std::string png, files::Read(dir.path() / "p.png"));
  const Pixels read = DecodePng(png);
  ASSERT_EQ(read.width, 37);
  ASSERT_EQ(read.height, 23);
  for (int y = 0; y < 23; ++y) {
    for (int x = 0; x < 37; ++x) ASSERT_EQ(read.at(x, y), picture.at(x, y));
  }
  EXPECT_THAT(picture.WritePng(dir.path() / "none" / "p.png"), StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace amaes
