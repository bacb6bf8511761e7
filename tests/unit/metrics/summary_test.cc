#include "libs/metrics/summary.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace amaes {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinite = std::numeric_limits<double>::infinity();

TEST(Summary, LeavesOutAndCountsWhatIsNoNumber) {
  const MeasureSummary s = Summarise({0.5, kNan, 0.7, kInfinite, 0.9, kNan});
  EXPECT_EQ(s.cases, 3);
  EXPECT_EQ(s.undefined, 2);
  EXPECT_EQ(s.infinite, 1);
  EXPECT_NEAR(s.mean, 0.7, 1e-15);
  EXPECT_NEAR(s.standard_deviation, 0.2, 1e-15);
  EXPECT_EQ(s.minimum, 0.5);
  EXPECT_EQ(s.median, 0.7);
  EXPECT_EQ(s.maximum, 0.9);
}

TEST(Summary, OfAFew) {
  EXPECT_TRUE(std::isnan(Summarise({}).mean));
  EXPECT_TRUE(std::isnan(Summarise({kNan}).median));
  const MeasureSummary one = Summarise({2});
  EXPECT_EQ(one.mean, 2);
  EXPECT_TRUE(std::isnan(one.standard_deviation));
  EXPECT_EQ(Summarise({1, 2}).median, 1.5);
}

TEST(Summary, GoesRegionByRegion) {
  const std::vector<std::uint8_t> truth{1, 1, 2, 0}, good{1, 1, 2, 0}, bad{1, 0, 0, 0};
  const std::vector<Region> regions{{"1", {1}}, {"2", {2}}};
  const std::vector<std::vector<RegionScores>> cases{ScoreCase(truth, good, {4, 1, 1}, {1, 1, 1}, regions),
                                                     ScoreCase(truth, bad, {4, 1, 1}, {1, 1, 1}, regions)};
  const std::vector<RegionSummary> summaries = SummariseCases(cases);
  ASSERT_EQ(summaries.size(), 4u);
  EXPECT_EQ(summaries[1].region, "2");
  EXPECT_DOUBLE_EQ(summaries[1].measures[0].mean, 0.5);
  EXPECT_EQ(summaries[1].measures[5].infinite, 1);
  EXPECT_DOUBLE_EQ(summaries[0].truth_ml, 0.002);
  EXPECT_DOUBLE_EQ(summaries[0].prediction_ml, 0.0015);
  // "all" has no surface: its distances are not of 2 undefined cases, they are of none.
  EXPECT_EQ(summaries[2].region, "all");
  EXPECT_EQ(summaries[2].measures[5].cases + summaries[2].measures[5].undefined, 0);
}

}  // namespace
}  // namespace amaes
