#include "services/coordinator/progress.h"

#include <cmath>

#include "libs/base/testing/status_matchers.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;

JobProgress Full() {
  JobProgress p;
  p.training = {1, {{"loss_masked", 2.5}, {"masked_r2", 0.25}}, 1e-4, 7, 0.125, 0.5, 1 << 20};
  p.phase = "train";
  p.validations = {{0, "held_out", {{"loss", 1}}}, {5, "train", {{"loss", 5}, {"dice", 6}}}};
  p.checkpoint_step = 5;
  p.checkpoint_time = absl::FromUnixSeconds(1'800'000'000);
  p.ingest = {1, 2, 3, 4, 5, 6, 7};
  p.ingest_started = absl::FromUnixSeconds(1'800'000'001);
  p.updated = absl::FromUnixSeconds(1'800'000'002);
  p.best = 9;
  p.base = 8;
  p.staged_digest = "d";
  p.ranks = {{true, true, false, "KILLED", "words \"quoted\"", false, false, 2}, {}};
  return p;
}

TEST(Progress, EverythingSurvivesTheStore) {
  const JobProgress in = Full();
  ASSERT_OK_AND_ASSIGN(const JobProgress out, ProgressFromJson(ProgressToJson(in)));
  EXPECT_EQ(out.training, in.training);
  EXPECT_EQ(out.validations, in.validations);
  EXPECT_EQ(out.ingest, in.ingest);
  EXPECT_EQ(out.ranks, in.ranks);
  EXPECT_EQ(ProgressToJson(out), ProgressToJson(in));
  EXPECT_TRUE(out.progressed());
}

TEST(Progress, NumbersThatAreNotFiniteSurvive) {
  JobProgress in;
  in.training.metrics["loss_masked"] = std::nan("");
  ASSERT_OK_AND_ASSIGN(const JobProgress out, ProgressFromJson(ProgressToJson(in)));
  EXPECT_TRUE(std::isnan(out.training.metrics.at("loss_masked")));
}

TEST(Progress, DamageIsNamed) {
  EXPECT_OK(ProgressFromJson(""));
  for (const char* text : {"{", "[]", "{}", "{\"format_version\":1}", "{\"format_version\":99}"}) {
    EXPECT_THAT(ProgressFromJson(text), StatusIs(absl::StatusCode::kDataLoss)) << text;
  }
}

TEST(Progress, AStepThatIsRunAgainReplacesItsValidation) {
  JobProgress p;
  for (const double loss : {1.0, 2.0}) {
    for (const std::int64_t step : {10, 5}) {
      p.Note(ValidationResult{.step = step, .split = "train", .metrics = {{"loss_masked", loss}}},
             absl::FromUnixSeconds(1));
    }
  }
  EXPECT_THAT(p.validations, ElementsAre(Field(&ValidationResult::step, 5), Field(&ValidationResult::step, 10)));
  EXPECT_EQ(p.validations[0].metrics.at("loss_masked"), 2.0);
}

}  // namespace
}  // namespace amaes
