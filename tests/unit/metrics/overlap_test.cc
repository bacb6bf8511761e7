#include "libs/metrics/overlap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace amaes {
namespace {

using Labels = std::vector<std::uint8_t>;

TEST(Overlap, IsThatOfItsCounts) {
  const OverlapScores scores = Overlap({.true_positive = 6, .false_positive = 2, .false_negative = 4});
  EXPECT_DOUBLE_EQ(scores.dice, 12.0 / 18);
  EXPECT_DOUBLE_EQ(scores.jaccard, 6.0 / 12);
  EXPECT_DOUBLE_EQ(scores.sensitivity, 6.0 / 10);
  EXPECT_DOUBLE_EQ(scores.precision, 6.0 / 8);
  EXPECT_DOUBLE_EQ(scores.volume_similarity, 1 - 2.0 / 18);
}

TEST(Overlap, OfNothingIsUndefined) {
  const OverlapScores scores = Overlap({});
  for (const double score :
       {scores.dice, scores.jaccard, scores.sensitivity, scores.precision, scores.volume_similarity}) {
    EXPECT_TRUE(std::isnan(score));
  }
}

TEST(Overlap, OfARegionThatOnlyOneMapHas) {
  const OverlapScores missed = Overlap({.false_negative = 5});
  EXPECT_EQ(missed.dice, 0);
  EXPECT_EQ(missed.sensitivity, 0);
  EXPECT_TRUE(std::isnan(missed.precision));
  EXPECT_EQ(missed.volume_similarity, 0);
  const OverlapScores invented = Overlap({.false_positive = 5});
  EXPECT_EQ(invented.dice, 0);
  EXPECT_TRUE(std::isnan(invented.sensitivity));
  EXPECT_EQ(invented.precision, 0);
}

TEST(ConfusionMatrix, CountsALabel) {
  const Labels truth{0, 0, 1, 1, 1, 2, 2, 0}, prediction{0, 1, 1, 1, 2, 2, 0, 0};
  const ConfusionMatrix confusion(truth, prediction);
  EXPECT_EQ(confusion.at(0, 0), 2);
  EXPECT_EQ(confusion.at(1, 2), 1);
  EXPECT_EQ(confusion.CountsOf({"1", {1}}),
            (VoxelCounts{.true_positive = 2, .false_positive = 1, .false_negative = 1}));
  EXPECT_EQ(confusion.CountsOf({"2", {2}}),
            (VoxelCounts{.true_positive = 1, .false_positive = 1, .false_negative = 1}));
}

// A label that is called another one of the same region is no mistake there.
TEST(ConfusionMatrix, CountsARegionAsOneThing) {
  const Labels truth{0, 1, 2, 4, 4, 0}, prediction{4, 2, 2, 1, 0, 0};
  EXPECT_EQ(ConfusionMatrix(truth, prediction).CountsOf({"WT", {1, 2, 4}}),
            (VoxelCounts{.true_positive = 3, .false_positive = 1, .false_negative = 1}));
}

TEST(ConfusionMatrix, KnowsTheLabels) {
  const Labels truth{0, 255, 3, 3}, prediction{7, 7, 7, 7};
  const ConfusionMatrix confusion(truth, prediction);
  EXPECT_THAT(confusion.LabelsOfTruth(), testing::ElementsAre(0, 3, 255));
  EXPECT_THAT(confusion.LabelsOfPrediction(), testing::ElementsAre(7));
}

}  // namespace
}  // namespace amaes
