#include "libs/train/update_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "libs/base/testing/status_matchers.h"
#include "libs/train/best_checkpoint.h"
#include "libs/train/failure.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

UpdateGuard Warm(const UpdateGuardOptions& options, int updates = 33) {
  UpdateGuard guard(options);
  for (int i = 0; i < updates; ++i) EXPECT_OK(guard.Note(i + 1, 1.0 + i % 3, 10.0 + i % 5, false));  // medians 2 and 12
  return guard;
}

TEST(UpdateGuardTest, LimitsAreMediansTimesTheFactor) {
  const UpdateLimits limits = Warm({.spike_factor = 4}).Limits();
  EXPECT_DOUBLE_EQ(limits.loss, 8.0);
  EXPECT_DOUBLE_EQ(limits.norm, 48.0);
}

TEST(UpdateGuardTest, ThereIsNoLimitBeforeEnoughWasSeenOrWithoutAFactor) {
  EXPECT_EQ(Warm({.spike_factor = 4}, UpdateGuard::kFirst - 1).Limits().loss, std::numeric_limits<double>::infinity());
  EXPECT_LT(Warm({.spike_factor = 4}, UpdateGuard::kFirst).Limits().loss, 100);
  EXPECT_EQ(Warm({}).Limits().norm, std::numeric_limits<double>::infinity());
}

// Dice with cross-entropy lies between -1 and a few, so neither its sign nor its median says how large it is.
TEST(UpdateGuardTest, LossesBelowZeroHaveALimitAboveThem) {
  for (const double usual : {-0.95, -0.5, -0.01, 0.0, 0.01, 0.5}) {
    UpdateGuard guard({.spike_factor = 4, .max_skipped = 0, .loss_scale = 1});
    for (std::size_t i = 0; i < UpdateGuard::kWindow; ++i) {
      const double noise = 0.2 * (static_cast<double>(i % 5) / 2 - 1);  // -0.2 … 0.2
      const double limit = guard.Limits().loss;
      EXPECT_LT(usual + noise, limit) << usual;
      EXPECT_OK(guard.Note(static_cast<std::int64_t>(i) + 1, usual + noise, 1.0, usual + noise > limit));
    }
    EXPECT_NEAR(guard.Limits().loss, usual + 3, 1e-12) << "three times the scale above the median";
    EXPECT_EQ(guard.left_out(), 0);
  }
}

TEST(UpdateGuardTest, AMedianBeyondTheScaleCountsForItself) {
  UpdateGuard guard({.spike_factor = 4, .loss_scale = 1});
  for (std::size_t i = 0; i < UpdateGuard::kFirst; ++i) EXPECT_OK(guard.Note(1, 1.5, 1.0, false));
  EXPECT_DOUBLE_EQ(guard.Limits().loss, 6.0);
  EXPECT_DOUBLE_EQ(guard.Limits().norm, 4.0);
}

TEST(UpdateGuardTest, OfAJobsSpec) {
  JobSpec job;
  job.pretrain.guard = {.spike_factor = 3, .max_skipped = 7};
  EXPECT_EQ(GuardOptionsOf(job), (UpdateGuardOptions{.spike_factor = 3, .max_skipped = 7, .loss_scale = 0}));
  job.kind = JobKind::kFinetune;
  job.finetune.guard = {.spike_factor = 5, .max_skipped = 2};
  EXPECT_EQ(GuardOptionsOf(job), (UpdateGuardOptions{.spike_factor = 5, .max_skipped = 2, .loss_scale = 1}));
}

TEST(UpdateGuardTest, OnlyTheLastUpdatesCountAndThoseLeftOutDoNot) {
  UpdateGuard guard = Warm({.spike_factor = 2, .max_skipped = 1000});
  for (int i = 0; i < 500; ++i) EXPECT_OK(guard.Note(i, 1e9, 1e9, true));
  EXPECT_DOUBLE_EQ(guard.Limits().loss, 4.0);
  for (std::size_t i = 0; i < UpdateGuard::kWindow; ++i) EXPECT_OK(guard.Note(1, 5.0, 7.0, false));
  EXPECT_DOUBLE_EQ(guard.Limits().loss, 10.0);
  EXPECT_DOUBLE_EQ(guard.Limits().norm, 14.0);
  EXPECT_EQ(guard.left_out(), 500);
}

TEST(UpdateGuardTest, OneTooManyInARowFailsTheRun) {
  UpdateGuard guard({.spike_factor = 0, .max_skipped = 2});
  EXPECT_OK(guard.Note(1, kNaN, kNaN, true));
  EXPECT_OK(guard.Note(2, 1, kNaN, true));
  EXPECT_OK(guard.Note(3, 1, 1, false));
  EXPECT_OK(guard.Note(4, kNaN, 1, true));
  EXPECT_OK(guard.Note(5, kNaN, 1, true));
  const absl::Status status = guard.Note(6, kNaN, 1, true);
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kOutOfRange, AllOf(HasSubstr("update 6"), HasSubstr("the 2 before it"))));
  EXPECT_EQ(FailureOf(status).reason, "NON_FINITE_LOSS");
  EXPECT_FALSE(FailureOf(status).retryable);
  UpdateGuard strict({.spike_factor = 3, .max_skipped = 0});
  EXPECT_EQ(FailureOf(strict.Note(1, 100, 1, true)).reason, "TOO_MANY_SPIKES");
}

TEST(UpdateGuardTest, AResumedGuardGoesOnAsTheFirstWould) {
  UpdateGuard guard = Warm({.spike_factor = 3, .max_skipped = 2});
  EXPECT_OK(guard.Note(34, 99, 99, true));
  UpdateGuard resumed({.spike_factor = 3, .max_skipped = 2});
  resumed.Restore(guard.State());
  EXPECT_EQ(resumed.State(), guard.State());
  for (UpdateGuard* each : {&guard, &resumed}) EXPECT_OK(each->Note(35, 1.7, 11.9, false));
  EXPECT_EQ(resumed.Limits().loss, guard.Limits().loss);
  EXPECT_EQ(resumed.Limits().norm, guard.Limits().norm);
  EXPECT_EQ(resumed.left_out(), 1);
  UpdateGuard other({.spike_factor = 3});
  other.Restore({1, 2, 3});  // nothing that a guard wrote
  EXPECT_EQ(other.State(), UpdateGuard({}).State());
}

TEST(BestCheckpointTest, TheFirstOfEqualsStaysAndNaNIsNeverBetter) {
  BestSoFar best = Better({}, "masked_r2", 10, 0.5);
  EXPECT_EQ(best, (BestSoFar{10, 0.5}));
  EXPECT_EQ(Better(best, "masked_r2", 20, 0.5), best);
  EXPECT_EQ(Better(best, "masked_r2", 20, kNaN), best);
  EXPECT_EQ(Better({}, "masked_r2", 20, kNaN), BestSoFar{});
  EXPECT_EQ(Better(best, "masked_r2", 20, 0.6), (BestSoFar{20, 0.6}));
  EXPECT_EQ(Better(best, "loss_masked", 20, 0.6), best);
  EXPECT_EQ(Better(best, "loss", 20, 0.4), (BestSoFar{20, 0.4}));
}

TEST(BestCheckpointTest, HeldOutCropsCountWhereThereAreSome) {
  const ValidationResult held_out{.step = 1, .split = "held_out", .metrics = {{"masked_r2", 0.5}}};
  const ValidationResult train{.step = 1, .split = "train", .metrics = {{"masked_r2", 0.7}}};
  EXPECT_EQ(WatchedValue({held_out, train}, "masked_r2"), 0.5);
  EXPECT_EQ(WatchedValue({train}, "masked_r2"), 0.7);
  EXPECT_TRUE(std::isnan(WatchedValue({held_out, train}, "dice")));
  EXPECT_TRUE(std::isnan(WatchedValue({}, "loss")));
}

}  // namespace
}  // namespace amaes
