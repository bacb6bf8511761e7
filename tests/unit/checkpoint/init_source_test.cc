#include "libs/checkpoint/init_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/base/files.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/checkpoint/safetensors.h"
#include "libs/checkpoint/weights_file.h"
#include "tests/unit/checkpoint/small_checkpoint.h"

namespace amaes {
namespace {

using ::testing::HasSubstr;

TEST(ParseJobSource, TakesStepLastAndBest) {
  for (const auto& [text, job, which] :
       {std::array{"job:a", "a", "last"}, {"job:a@best", "a", "best"}, {"job:b-1@00500", "b-1", "00500"}}) {
    ASSERT_OK_AND_ASSIGN(const JobSource source, ParseJobSource(text));
    EXPECT_EQ(source.job, job);
    EXPECT_EQ(source.which, which);
  }
  for (const char* bad : {"a", "job:", "job:@last", "job:a@", "job:a@newest", "job:a@-1"})
    EXPECT_FALSE(ParseJobSource(bad).ok()) << bad;
}

TEST(ChooseCheckpoint, LastBestOrStep) {
  const TempDir dir;
  EXPECT_THAT(ChooseCheckpoint(dir.path(), "last"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no checkpoint yet")));
  const std::vector<std::pair<std::int64_t, double>> made = {{100, 0.5}, {200, 0.7}, {300, 0.6}};
  for (const auto& [step, dice] : made) {
    ASSERT_OK_AND_ASSIGN(CheckpointManifest manifest, StageCheckpoint(dir.path(), step, 1));
    manifest.metrics = {{"dice", dice}, {"loss", 1 - dice}};
    ASSERT_OK(CommitCheckpoint(dir.path() / CheckpointName(step, 1), manifest));
  }
  const auto step = [&](const std::string& which) {
    const absl::StatusOr<FoundCheckpoint> found = ChooseCheckpoint(dir.path(), which);
    return found.ok() ? found->manifest.step : -1;
  };
  EXPECT_EQ(step("last"), 300);
  EXPECT_EQ(step("best"), 200);
  EXPECT_EQ(step("100"), 100);
  EXPECT_THAT(ChooseCheckpoint(dir.path(), "150"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("the newest are of steps 100, 200, 300")));
  ASSERT_OK_AND_ASSIGN(const InitFile file, FindInitFile(dir.path() / CheckpointName(200, 1), "auto"));
  EXPECT_EQ(file.path, dir.path() / CheckpointName(200, 1) / "model.safetensors");
  ASSERT_OK_AND_ASSIGN(const InitFile alone, FindInitFile(file.path, "auto"));
  EXPECT_EQ(alone.sha256, file.sha256);
  EXPECT_EQ(alone.spec_json, "");
  EXPECT_NE(file.spec_json, "");
  EXPECT_THAT(FindInitFile(dir.path(), "auto"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no committed checkpoint")));
  EXPECT_THAT(FindInitFile("/none.safetensors", "auto"), StatusIs(absl::StatusCode::kNotFound));
}

TEST(ChooseCheckpoint, BestNeedsSomethingToCompare) {
  const TempDir dir;
  ASSERT_OK(MakeCheckpoint(dir.path(), 1, 1));
  EXPECT_THAT(ChooseCheckpoint(dir.path(), "best"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no dice")));
}

TEST(FindInitFile, TakesTheAverageWhereThereIsOneOrWhatIsAskedFor) {
  const TempDir dir;
  ASSERT_OK(MakeCheckpoint(dir.path(), 100, 1));
  ASSERT_OK_AND_ASSIGN(CheckpointManifest manifest, StageCheckpoint(dir.path(), 200, 1));
  const std::filesystem::path staged = dir.path() / (CheckpointName(200, 1) + ".tmp") / kAverageFile;
  ASSERT_OK(files::WriteAtomic(staged, SmallTensorFile("w", "averages")));
  ASSERT_OK_AND_ASSIGN(const CheckpointFile average, DescribeFile(staged));
  manifest.files.push_back(average);
  ASSERT_OK(CommitCheckpoint(dir.path() / CheckpointName(200, 1), manifest));

  const std::filesystem::path with = dir.path() / CheckpointName(200, 1), without = dir.path() / CheckpointName(100, 1);
  const auto found = [](const std::filesystem::path& place, const std::string& weights) {
    const absl::StatusOr<InitFile> file = FindInitFile(place, weights);
    EXPECT_OK(file);
    return file->path;
  };
  EXPECT_EQ(found(with, "auto"), with / kAverageFile);
  EXPECT_EQ(found(with, "average"), with / kAverageFile);
  EXPECT_EQ(found(with, "trained"), with / kModelFile);
  EXPECT_EQ(FindInitFile(with, "auto")->sha256, average.sha256);
  EXPECT_NE(FindInitFile(with, "trained")->sha256, average.sha256);
  EXPECT_EQ(found(without, "auto"), without / kModelFile);
  EXPECT_EQ(found(without, "trained"), without / kModelFile);
  EXPECT_THAT(FindInitFile(without, "average"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("ema.decay: 0")));
  // A file alone is what it is.
  const std::filesystem::path alone = with / kModelFile;
  EXPECT_EQ(found(alone, "auto"), alone);
  EXPECT_EQ(found(alone, "trained"), alone);
  EXPECT_THAT(FindInitFile(alone, "average"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is one file of weights")));
}

TEST(EncoderDefect, LooksAtTheFirstConvolution) {
  const TempDir dir;
  const std::string data(27 * 4 * 4 * 4, 'x');
  const auto write = [&](const std::string& prefix) {
    const absl::string_view bytes = data;
    ASSERT_OK(WriteSafetensors(dir.path() / "w",
                               {{prefix + "in.weight", TensorType::kF32, {4, 1, 3, 3, 3}, bytes.substr(0, 432)},
                                {prefix + "deep.weight", TensorType::kF32, {4, 4, 3, 3, 3}, bytes.substr(0, 1728)}}));
  };
  write("model.encoder.");
  ASSERT_OK_AND_ASSIGN(const std::string none, EncoderDefect(dir.path() / "w", "encoder.", 4));
  EXPECT_EQ(none, "");
  ASSERT_OK_AND_ASSIGN(const std::string wide, EncoderDefect(dir.path() / "w", "encoder.", 32));
  EXPECT_EQ(wide, "holds an encoder that begins with 4 channels (model.encoder.in.weight), this network's has 32");
  write("decoder.");
  ASSERT_OK_AND_ASSIGN(const std::string without, EncoderDefect(dir.path() / "w", "encoder.", 4));
  EXPECT_THAT(without, HasSubstr("holds no encoder"));
}

}  // namespace
}  // namespace amaes
