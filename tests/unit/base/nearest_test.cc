#include "libs/base/nearest.h"

#include <gtest/gtest.h>

namespace amaes {
namespace {

TEST(EditDistance, CountsEditsAndSwaps) {
  EXPECT_EQ(EditDistance("", ""), 0);
  EXPECT_EQ(EditDistance("steps", "steps"), 0);
  EXPECT_EQ(EditDistance("steps", "step"), 1);
  EXPECT_EQ(EditDistance("steps", "stpes"), 1);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3);
  EXPECT_EQ(EditDistance("", "abc"), 3);
}

TEST(NearestName, FindsTypingMistakesOtherGroupsAndOtherWords) {
  const std::vector<KnownName> known = {
      {"optimizer.learning_rate", {"lr"}}, {"global_batch", {"batch_size"}}, {"schedule.steps", {}}, {"patch", {}}};
  EXPECT_EQ(NearestName("optimizer.learning_rat", known), "optimizer.learning_rate");
  EXPECT_EQ(NearestName("optimiser.learning_rate", known), "optimizer.learning_rate");
  EXPECT_EQ(NearestName("learning-rate", known), "optimizer.learning_rate");
  EXPECT_EQ(NearestName("Optimizer.LR", known), "optimizer.learning_rate");
  EXPECT_EQ(NearestName("batch_size", known), "global_batch");
  EXPECT_EQ(NearestName("train.steps", known), "schedule.steps");
  EXPECT_EQ(NearestName("ptach", known), "patch");
}

TEST(NearestName, SaysNothingRatherThanAnything) {
  const std::vector<KnownName> known = {{"patch", {}}, {"seed", {}}};
  EXPECT_EQ(NearestName("notification_address", known), "");
  EXPECT_EQ(NearestName("", known), "");
  EXPECT_EQ(NearestName(std::string(100000, 'a'), known), "");
}

}  // namespace
}  // namespace amaes
