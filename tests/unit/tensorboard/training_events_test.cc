#include "libs/tensorboard/training_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "tests/unit/tensorboard/read_events.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

std::filesystem::path FileOf(const TempDir& job, int attempt) {
  return job.path() / "tensorboard" / ("events.out.tfevents.000000000" + std::to_string(attempt) + ".amaes");
}

// "step tag" of every value.
std::vector<std::string> Values(const std::filesystem::path& path, const std::string& tag) {
  std::vector<std::string> out;
  for (const tensorboard::Event& event : ReadEvents(path)) {
    for (const auto& value : event.summary().value()) {
      if (value.tag().find(tag) != std::string::npos) out.push_back(std::to_string(event.step()) + " " + value.tag());
    }
  }
  return out;
}

TrainProgress Step(std::int64_t step) {
  TrainProgress progress;
  progress.step = step;
  progress.metrics = {{"loss_masked", 0.5}, {"masked_r2", 0.25}};
  return progress;
}

TEST(TrainingEventsTest, NothingIsThereBeforeTheAttemptKnowsWhereItGoesOn) {
  TempDir job;
  TrainingEvents events(job.path(), 1);
  ASSERT_OK(events.Note(WorkerPhase{"restore", 0}, kNow));
  ASSERT_OK(events.Note(Step(1), kNow));
  ASSERT_OK(events.Finish());
  EXPECT_FALSE(std::filesystem::exists(job.path() / "tensorboard"));
}

TEST(TrainingEventsTest, AFreshRunStartsAtStepZeroAndAResumedOneAfterItsCheckpoint) {
  TempDir job;
  for (const auto& [attempt, done, first] : {std::tuple{1, 0, 0}, {2, 100, 101}}) {
    TrainingEvents events(job.path(), attempt);
    ASSERT_OK(events.Note(WorkerPhase{"restore", 0}, kNow));
    ASSERT_OK(events.Note(WorkerPhase{attempt == 1 ? "validate" : "train", done}, kNow));
    const auto written = ReadEvents(FileOf(job, attempt));
    ASSERT_EQ(written.size(), 2u);
    EXPECT_EQ(written[1].session_log().status(), tensorboard::SessionLog::START);
    EXPECT_EQ(written[1].step(), first);
  }
}

TEST(TrainingEventsTest, StepsAreThinnedOutAsTheAttemptGrowsOlderAndTheLastOneIsKept) {
  TempDir job;
  TrainingEvents events(job.path(), 1);
  ASSERT_OK(events.Note(WorkerPhase{"train", 0}, kNow));
  // 2000 seconds in: one a second.
  for (int i = 0; i <= 9; ++i)
    ASSERT_OK(events.Note(Step(i), kNow + absl::Seconds(2000) + absl::Milliseconds(400 * i)));
  ASSERT_OK(events.Finish());
  EXPECT_THAT(Values(FileOf(job, 1), "loss_masked"),
              ElementsAre("0 train/loss_masked", "3 train/loss_masked", "6 train/loss_masked", "9 train/loss_masked"));
  EXPECT_THAT(Values(FileOf(job, 1), "learning_rate"), ::testing::SizeIs(4));
  ASSERT_OK(events.Finish());  // nothing is held any more
  EXPECT_THAT(Values(FileOf(job, 1), "loss_masked"), ::testing::SizeIs(4));
}

TEST(TrainingEventsTest, TheLastStepIsKeptThoughItCameTooSoon) {
  TempDir job;
  TrainingEvents events(job.path(), 1);
  ASSERT_OK(events.Note(WorkerPhase{"train", 0}, kNow));
  ASSERT_OK(events.Note(Step(1), kNow + absl::Seconds(2000)));
  ASSERT_OK(events.Note(Step(2), kNow + absl::Seconds(2000)));
  EXPECT_THAT(Values(FileOf(job, 1), "masked_r2"), ElementsAre("1 train/masked_r2"));
  ASSERT_OK(events.Finish());
  EXPECT_THAT(Values(FileOf(job, 1), "masked_r2"), ElementsAre("1 train/masked_r2", "2 train/masked_r2"));
}

TEST(TrainingEventsTest, ValidationsAndPicturesCarryTheirSplit) {
  TempDir job;
  ASSERT_OK(files::MakeFolders(job.path() / "pictures"));
  const std::string png("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x01", 24);
  ASSERT_OK(files::WriteAtomic(job.path() / "pictures" / "a.png", png));
  TrainingEvents events(job.path(), 1);
  ASSERT_OK(events.Note(WorkerPhase{"validate", 0}, kNow));
  ASSERT_OK(events.Note(
      ValidationResult{.step = 0, .split = "held_out", .metrics = {{"loss_masked", 0.5}, {"masked_r2", 0.25}}}, kNow));
  ASSERT_OK(events.Note(PictureWritten{.step = 0, .split = "held_out", .name = "a.png"}, kNow));
  EXPECT_THAT(events.Note(PictureWritten{.step = 0, .split = "train", .name = "gone.png"}, kNow),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(
      Values(FileOf(job, 1), "held_out"),
      ElementsAre("0 validation/held_out/loss_masked", "0 validation/held_out/masked_r2", "0 reconstruction/held_out"));
}

}  // namespace
}  // namespace amaes
