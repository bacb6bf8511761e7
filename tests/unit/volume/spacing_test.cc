#include "libs/volume/spacing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/base/testing/status_matchers.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Spacing, ReadsWhatUsersWrite) {
  ASSERT_OK_AND_ASSIGN(const SpacingChoice one, ParseSpacing("0.8"));
  EXPECT_EQ(one.kind, SpacingChoice::Kind::kGiven);
  EXPECT_THAT(one.mm, ElementsAre(0.8, 0.8, 0.8));
  ASSERT_OK_AND_ASSIGN(const SpacingChoice three, ParseSpacing("1x1.5x2"));
  EXPECT_THAT(three.mm, ElementsAre(1, 1.5, 2));
  ASSERT_OK_AND_ASSIGN(const SpacingChoice median, ParseSpacing("median"));
  EXPECT_EQ(median.kind, SpacingChoice::Kind::kMedian);
  ASSERT_OK_AND_ASSIGN(const SpacingChoice native, ParseSpacing("native"));
  EXPECT_EQ(native.kind, SpacingChoice::Kind::kNative);
}

TEST(Spacing, RefusesWhatIsNone) {
  for (const char* text : {"", "0", "-1", "1x1", "1x1x1x1", "1xx1", "nan", "inf", "51", "Median", "1 mm"}) {
    EXPECT_THAT(ParseSpacing(text), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is no spacing"))) << text;
  }
}

TEST(Spacing, TextReadsBackExactly) {
  EXPECT_EQ(SpacingText({1, 1, 1}), "1");
  EXPECT_EQ(SpacingText({0, 0, 0}), "native");
  EXPECT_EQ(SpacingText({1, 1, 2}), "1x1x2");
  const std::array<double, 3> odd{0.1 + 0.2, 1.0 / 3, 0.71875};
  ASSERT_OK_AND_ASSIGN(const SpacingChoice back, ParseSpacing(SpacingText(odd)));
  EXPECT_EQ(back.mm, odd);
}

}  // namespace
}  // namespace amaes
