#include "services/cli/experiment_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace amaes {
namespace {

using ::testing::HasSubstr;

Experiment TwoArms() {
  Experiment experiment;
  experiment.seeds = {1, 2, 3};
  experiment.arms = {{"pretrained", "b", "scratch"}, {"scratch", "", ""}};
  experiment.evaluations = {"inside", "outside"};
  return experiment;
}

std::vector<ArmScore> Scores() {
  return {{"inside", "pretrained", 1, "lesion", 0.7},
          {"inside", "pretrained", 2, "lesion", 0.8},
          {"inside", "pretrained", 3, "lesion", std::numeric_limits<double>::quiet_NaN()},
          {"inside", "scratch", 1, "lesion", 0.6},
          {"inside", "scratch", 2, "lesion", 0.5},
          {"inside", "scratch", 3, "lesion", 0.4},
          {"outside", "scratch", 1, "lesion", 0.3}};
}

TEST(CompareArms, MeansSpreadsAndPairedDifferences) {
  const std::vector<ComparisonRow> rows = CompareArms(TwoArms(), Scores());
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].evaluation, "inside");
  EXPECT_NEAR(rows[0].arms[0].mean, 0.75, 1e-12);
  EXPECT_NEAR(rows[0].arms[0].standard_deviation, std::sqrt(0.005), 1e-12);
  EXPECT_EQ(rows[0].arms[0].count, 2) << "a value that is not a number does not count";
  EXPECT_NEAR(rows[0].arms[1].mean, 0.5, 1e-12);
  // Of the two seeds that both have: 0.1 and 0.3.
  EXPECT_EQ(rows[0].differences[0].count, 2);
  EXPECT_NEAR(rows[0].differences[0].mean, 0.2, 1e-12);
  EXPECT_NEAR(rows[0].differences[0].standard_deviation, std::sqrt(0.02), 1e-12);
  EXPECT_EQ(rows[0].differences[1].count, 0);
  EXPECT_EQ(rows[1].arms[0].count, 0);
  EXPECT_TRUE(std::isnan(rows[1].arms[1].standard_deviation)) << "one value has no spread";
}

TEST(CompareArms, AsText) {
  const Experiment experiment = TwoArms();
  const std::vector<ComparisonRow> rows = CompareArms(experiment, Scores());
  const ComparisonText text = ComparisonForPeople(experiment, rows);
  EXPECT_EQ(text.header.back(), "pretrained - scratch");
  EXPECT_EQ(text.rows[0][2], "0.7500 ± 0.0707 (2)");
  EXPECT_EQ(text.rows[0].back(), "+0.2000 ± 0.1414 (2)");
  EXPECT_EQ(text.rows[1][2], "-");
  EXPECT_EQ(text.rows[1][3], "0.3000 (1)");
  EXPECT_THAT(ComparisonMarkdown(text), HasSubstr("| inside | lesion | 0.7500 ± 0.0707 (2) |"));
  EXPECT_THAT(ComparisonCsv(experiment, rows),
              HasSubstr("inside,lesion,pretrained,dice,0.75,0.0707107,2,scratch,0.2,0.141421,2\n"));
  EXPECT_THAT(ComparisonCsv(experiment, rows), HasSubstr("outside,lesion,pretrained,dice,,,0,scratch,,,0\n"));
  const auto json = nlohmann::json::parse(ComparisonJson(experiment, rows));
  EXPECT_EQ(json.size(), 4u);
  EXPECT_TRUE(json[2]["mean"].is_null());
}

}  // namespace
}  // namespace amaes
