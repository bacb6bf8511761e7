#include "libs/picture/font.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

namespace amaes {
namespace {

TEST(Font, EveryCharacterHasItsOwnShape) {
  std::set<std::string> shapes;
  for (char c = '!'; c <= '~'; ++c) {
    const auto strokes = TextStrokes(std::string(1, c), 140);
    ASSERT_FALSE(strokes.empty()) << c;
    std::string shape;
    for (const auto& line : strokes) {
      ASSERT_FALSE(line.empty()) << c;
      shape += "|";
      for (const Point& p : line) shape += std::to_string(p.x) + "," + std::to_string(p.y) + " ";
    }
    EXPECT_TRUE(shapes.insert(shape).second) << c;
  }
}

TEST(Font, GlyphsStayInTheirWidthAndHeight) {
  for (char c = '!'; c <= '~'; ++c) {
    const std::string text(1, c);
    for (const double size : {8.0, 10.0, 16.0}) {
      for (const auto& line : TextStrokes(text, size)) {
        for (const Point& p : line) {
          EXPECT_GE(p.x, 0) << c;
          EXPECT_LE(p.x, TextWidth(text, size)) << c;
          EXPECT_GE(p.y, -1.25 * size - 1) << c;
          EXPECT_LE(p.y, 0.4 * size) << c;
        }
      }
    }
  }
}

TEST(Font, WidthsAddUp) {
  EXPECT_DOUBLE_EQ(TextWidth("", 10), 0);
  EXPECT_NEAR(TextWidth("ab c", 10), TextWidth("a", 10) + TextWidth("b", 10) + TextWidth(" ", 10) + TextWidth("c", 10),
              1e-9);
  EXPECT_NEAR(TextWidth("word", 20), 2 * TextWidth("word", 10), 1e-9);
  EXPECT_GT(TextWidth("W", 10), TextWidth("i", 10));
  // Columns of figures line up.
  for (char c = '0'; c <= '9'; ++c) {
    EXPECT_DOUBLE_EQ(TextWidth(std::string(1, c), 10), TextWidth("0", 10)) << c;
  }
}

TEST(Font, WhatItDoesNotKnowIsOneBoxPerCodePoint) {
  EXPECT_DOUBLE_EQ(TextWidth("\xc3\xa4", 10), TextWidth("\x01", 10));
  EXPECT_EQ(TextStrokes("\xe2\x82\xac", 10).size(), 1u);
  EXPECT_TRUE(TextStrokes(" ", 10).empty());
}

TEST(Font, FittedTextIsCutOff) {
  EXPECT_EQ(FittedText("short", 10, 1000), "short");
  const std::string cut = FittedText("a long text that does not fit", 10, 80);
  EXPECT_LE(TextWidth(cut, 10), 80);
  EXPECT_EQ(cut.substr(cut.size() - 3), "...");
  EXPECT_EQ(FittedText("abc", 10, 1), "...");
}

TEST(Font, CapitalsStandOnWholePixels) {
  for (const double size : {8.0, 10.0, 12.0, 16.0}) {
    double top = 0, bottom = -1e9;
    for (const auto& line : TextStrokes("HEI", size)) {
      for (const Point& p : line) {
        top = std::min(top, p.y);
        bottom = std::max(bottom, p.y);
      }
    }
    EXPECT_DOUBLE_EQ(bottom, -0.5);
    EXPECT_DOUBLE_EQ(top, -size - 0.5);
  }
}

}  // namespace
}  // namespace amaes
