#include "libs/checkpoint/choose.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "libs/base/testing/status_matchers.h"

namespace amaes {
namespace {

using testing::HasSubstr;

const std::vector<CheckpointChoice> kDice{{10, 1, {{"dice", 0.5}, {"loss", 1}}},
                                          {20, 1, {{"dice", 0.7}, {"loss", 3}}},
                                          {30, 1, {{"dice", std::nan("")}, {"loss", 0.1}}},
                                          {20, 2, {{"dice", 0.7}, {"loss", 2}}},
                                          {15, 2, {}}};

std::int64_t Index(const std::vector<CheckpointChoice>& all, const std::string& which) {
  const auto found = ChooseCheckpoint(all, which);
  return found.ok() ? static_cast<std::int64_t>(*found) : -1;
}

TEST(ChooseCheckpoint, LastIsOfTheNewestAttempt) { EXPECT_EQ(Index(kDice, "last"), 3); }

TEST(ChooseCheckpoint, BestHasTheHighestDiceAndIsNewest) { EXPECT_EQ(Index(kDice, "best"), 3); }

TEST(ChooseCheckpoint, BestByR2ElseByLoss) {
  EXPECT_EQ(Index({{1, 1, {{"masked_r2", 0.1}, {"loss", 1}}}, {2, 1, {{"masked_r2", 0.3}, {"loss", 9}}}}, "best"), 1);
  EXPECT_EQ(Index({{1, 1, {{"loss", 1}}}, {2, 1, {{"loss", 9}}}}, "best"), 0);
}

TEST(ChooseCheckpoint, AStepIsOfTheNewestAttempt) {
  EXPECT_EQ(Index(kDice, "20"), 3);
  EXPECT_EQ(Index(kDice, "30"), 2);
}

TEST(ChooseCheckpoint, SaysWhatThereIs) {
  EXPECT_THAT(ChooseCheckpoint({}, "last"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("no checkpoint")));
  EXPECT_THAT(ChooseCheckpoint(kDice, "11"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("there are 10, 20, 30, 20, 15")));
  EXPECT_THAT(ChooseCheckpoint({{1, 1, {}}}, "best"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("take @last")));
}

TEST(JobReference, IsAJobAndWhich) {
  ASSERT_OK_AND_ASSIGN(const JobReference plain, ParseJobReference("job:first"));
  EXPECT_EQ(plain.job, "first");
  EXPECT_EQ(plain.which, "last");
  ASSERT_OK_AND_ASSIGN(const JobReference step, ParseJobReference("job:first@200"));
  EXPECT_EQ(step.which, "200");
  for (const char* text : {"first", "job:first@newest", "job:first@-1", "/path"}) {
    EXPECT_THAT(ParseJobReference(text), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
}

}  // namespace
}  // namespace amaes
