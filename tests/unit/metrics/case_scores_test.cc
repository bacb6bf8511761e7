#include "libs/metrics/case_scores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace amaes {
namespace {

using Labels = std::vector<std::uint8_t>;
using testing::ElementsAre;
using testing::Field;

const Labels kTruth{0, 1, 1, 2, 2, 0, 0, 0}, kPrediction{0, 1, 2, 2, 2, 2, 0, 0};
constexpr Shape3 kShape{2, 2, 2};

auto Named(const char* name) { return Field(&RegionScores::region, name); }

TEST(CaseScores, OneLabelIsOneRow) {
  const auto rows = ScoreCase(kTruth, kPrediction, kShape, {1, 1, 1}, {{"1", {1}}});
  ASSERT_THAT(rows, ElementsAre(Named("1")));
  EXPECT_DOUBLE_EQ(rows[0].overlap.dice, 2.0 / 3);
  EXPECT_DOUBLE_EQ(rows[0].truth_ml, 0.002);
  EXPECT_DOUBLE_EQ(rows[0].prediction_ml, 0.001);
}

// "all" counts the confusion of two labels twice, "foreground" not at all.
TEST(CaseScores, LabelsAreAlsoTakenTogether) {
  const auto rows = ScoreCase(kTruth, kPrediction, kShape, {2, 1, 1}, {{"1", {1}}, {"2", {2}}});
  ASSERT_THAT(rows, ElementsAre(Named("1"), Named("2"), Named("all"), Named("foreground")));
  EXPECT_EQ(rows[2].counts, (VoxelCounts{.true_positive = 3, .false_positive = 2, .false_negative = 1}));
  EXPECT_FALSE(rows[2].has_surface);
  EXPECT_TRUE(std::isnan(rows[2].surface.average));
  EXPECT_EQ(rows[3].counts, (VoxelCounts{.true_positive = 4, .false_positive = 1, .false_negative = 0}));
  EXPECT_DOUBLE_EQ(rows[3].prediction_ml, 0.01);
}

TEST(CaseScores, ARegionThatIsTheForegroundStandsForIt) {
  EXPECT_THAT(ScoreCase(kTruth, kPrediction, kShape, {1, 1, 1}, {{"whole", {2, 1}}, {"core", {1}}}),
              ElementsAre(Named("whole"), Named("core")));
  EXPECT_THAT(ScoreCase(kTruth, kPrediction, kShape, {1, 1, 1}, {{"core", {1}}, {"rim", {2, 3}}}),
              ElementsAre(Named("core"), Named("rim"), Named("foreground")));
}

TEST(Measures, ReadTheirNumber) {
  const auto rows = ScoreCase(kTruth, kPrediction, kShape, {1, 1, 1}, {{"1", {1}}});
  EXPECT_STREQ(Measures()[0].name, "dice");
  EXPECT_EQ(Measures()[0].of(rows[0]), rows[0].overlap.dice);
  EXPECT_EQ(Measures()[5].of(rows[0]), rows[0].surface.hausdorff_95);
}

}  // namespace
}  // namespace amaes
