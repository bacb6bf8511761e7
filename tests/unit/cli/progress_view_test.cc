#include "services/cli/progress_view.h"

#include <gmock/gmock.h>

#include "absl/strings/str_join.h"

namespace amaes {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'100);

v1::Job Running() {
  v1::Job job;
  job.set_id("job-1");
  job.mutable_spec()->set_name("first");
  job.set_state(v1::JOB_STATE_RUNNING);
  job.set_attempt(1);
  v1::TrainingProgress& t = *job.mutable_training();
  t.set_step(1500);
  t.set_total_steps(3000);
  t.set_eta_seconds(125);
  (*t.mutable_metrics())["loss_masked"] = 0.0571;
  (*t.mutable_metrics())["loss_visible"] = 0.0432;
  (*t.mutable_metrics())["masked_r2"] = 0.25;
  t.set_samples_per_second(12.5);
  t.set_step_seconds(0.16);
  t.set_data_wait_ratio(0.013);
  t.set_phase("train");
  t.set_checkpoint_step(1000);
  t.mutable_checkpoint_time()->set_seconds(1'800'000'040);
  return job;
}

std::string Screen(const v1::Job& job, int width = 100) {
  return absl::StrJoin(RenderJob(job, kNow, {.width = width, .colour = false}), "\n");
}

TEST(ProgressViewTest, ShowsEverythingThatAWatcherAsksFor) {
  const std::string screen = Screen(Running());
  for (const char* text :
       {"job-1 (first)", "RUNNING", "50 %", "step 1,500/3,000", "ETA 2 min 05 s", "masked 0.0571", "visible 0.0432",
        "masked_r2 +0.250", "12.5 samples/s", "waiting for data 1.3 %", "checkpoint of step 1,000, 1 min 00 s ago"}) {
    EXPECT_THAT(screen, HasSubstr(text));
  }
}

TEST(ProgressViewTest, AnIngestSaysWhatItWillTakeAndHowFastItIs) {
  v1::Job job;
  job.set_id("job-2");
  job.set_state(v1::JOB_STATE_RUNNING);
  v1::IngestProgress& p = *job.mutable_ingest();
  p.set_files(40);
  p.set_done(10);
  p.set_volumes(8);
  p.set_skipped(2);
  p.set_unchanged(5);
  p.set_total_voxels(30'000'000);
  p.set_disk_bytes(std::int64_t{3} << 20);
  p.set_estimated_seconds(90);
  p.set_eta_seconds(90);
  p.set_phase("read");
  const std::string before = Screen(job);
  for (const char* text : {"read", "file 10/40", "8 volumes", "5 unchanged", "ETA 1 min 30 s",
                           "estimate: 30,000,000 voxels to read, 3.0 MiB of disk, 1 min 30 s"}) {
    EXPECT_THAT(before, HasSubstr(text));
  }
  p.set_voxels(10'000'000);
  p.set_voxels_per_second(2'000'000);
  EXPECT_THAT(Screen(job), HasSubstr("2,000,000 voxels/s  10,000,000 of 30,000,000 voxels"));
  EXPECT_THAT(PlainLine(job, v1::Job(), kNow), HasSubstr("2,000,000 voxels/s"));
}

TEST(ProgressViewTest, NoLineIsWiderThanTheTerminal) {
  v1::Job job = Running();
  job.set_message(std::string(500, 'x'));
  for (int width : {40, 80, 200}) {
    for (const std::string& line : RenderJob(job, kNow, {.width = width, .colour = false})) {
      const auto characters = std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; });
      EXPECT_LE(characters, width) << line;
    }
  }
}

TEST(ProgressViewTest, SaysWhyAJobWaits) {
  v1::Job job;
  job.set_id("job-2");
  job.set_state(v1::JOB_STATE_QUEUED);
  job.set_reason("WAITING_FOR_SLOTS");
  job.set_message("needs 2 slots, 1 of 2 is free");
  EXPECT_THAT(Screen(job), HasSubstr("WAITING_FOR_SLOTS: needs 2 slots, 1 of 2 is free"));
}

TEST(ProgressViewTest, PlainLinesComeOnlyWhenSomethingHappened) {
  const v1::Job job = Running();
  EXPECT_THAT(PlainLine(job, v1::Job(), kNow), HasSubstr("RUNNING"));
  EXPECT_EQ(PlainLine(job, job, kNow), "");
  v1::Job later = job;
  later.mutable_training()->set_step(1510);
  EXPECT_EQ(PlainLine(later, job, kNow), "");
  later.mutable_training()->set_step(1700);
  EXPECT_THAT(PlainLine(later, job, kNow), HasSubstr("step 1,700/3,000"));
  later = job;
  later.mutable_training()->set_checkpoint_step(1500);
  EXPECT_THAT(PlainLine(later, job, kNow), HasSubstr("checkpoint of step 1,500"));
}

TEST(ProgressViewTest, TheOutcomeComparesFirstAndLastValidationOfBothSplits) {
  v1::Job job = Running();
  job.set_state(v1::JOB_STATE_SUCCEEDED);
  for (const auto& [step, split, loss, r2] :
       {std::tuple{0, "held_out", 0.31, -3.2}, std::tuple{0, "train", 0.30, -3.1},
        std::tuple{200, "held_out", 0.09, -0.1}, std::tuple{200, "train", 0.05, 0.2}}) {
    v1::Validation& v = *job.mutable_training()->add_validations();
    v.set_step(step);
    v.set_split(split);
    (*v.mutable_metrics())["loss_masked"] = loss;
    (*v.mutable_metrics())["masked_r2"] = r2;
  }
  const std::string text = RenderOutcome(job);
  EXPECT_THAT(text, HasSubstr("held_out masked loss 0.31 -> 0.09"));
  EXPECT_THAT(text, HasSubstr("train    masked loss 0.3 -> 0.05"));
  EXPECT_THAT(text, HasSubstr("masked_r2 +0.200"));
}

TEST(ProgressViewTest, AReasonThatRepeatsTheStateIsLeftOut) {
  v1::Job job = Running();
  job.set_state(v1::JOB_STATE_SUCCEEDED);
  job.set_reason("SUCCEEDED");
  job.set_message("every rank finished its work");
  EXPECT_THAT(RenderOutcome(job), Not(HasSubstr("SUCCEEDED: every")));
}

}  // namespace
}  // namespace amaes
