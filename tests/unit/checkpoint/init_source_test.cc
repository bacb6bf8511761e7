#include "libs/checkpoint/init_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "libs/base/files.h"
#include "libs/base/status_macros.h"
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

// The best is what the job watched for, whatever other metrics say; of those, what is still there.
TEST(ChooseCheckpoint, BestIsTheOneThatWasWatched) {
  struct Made {
    std::int64_t step, best_step;
    std::map<std::string, double> metrics;
  };
  const auto best = [](const std::vector<Made>& made) -> absl::StatusOr<std::int64_t> {
    const TempDir dir;
    for (const Made& one : made) {
      AMAES_ASSIGN_OR_RETURN(CheckpointManifest manifest, StageCheckpoint(dir.path(), one.step, 1));
      manifest.metrics = one.metrics;
      manifest.best_step = one.best_step;
      AMAES_RETURN_IF_ERROR(CommitCheckpoint(dir.path() / CheckpointName(one.step, 1), manifest));
    }
    AMAES_ASSIGN_OR_RETURN(const FoundCheckpoint found, ChooseCheckpoint(dir.path(), "best"));
    return found.manifest.step;
  };
  // By a probe: masked_r2 goes on rising. The newest manifest knows; an older one named what was the best then.
  EXPECT_EQ(best({{100, 100, {{"held_out/masked_r2", 0.3}}},
                  {200, 200, {{"held_out/masked_r2", 0.4}}},
                  {300, 200, {{"held_out/masked_r2", 0.5}}}})
                .value_or(-1),
            200);
  // By the loss of SwinUNETR's own objective, which has neither Dice nor masked_r2.
  EXPECT_EQ(best({{100, 100, {{"held_out/loss", 1.0}}}, {200, 100, {{"held_out/loss", 2.0}}}}).value_or(-1), 100);
  // Lost: what the others say.
  EXPECT_EQ(best({{200, 100, {{"masked_r2", 0.6}}}, {300, 100, {{"masked_r2", 0.5}}}}).value_or(-1), 200);
  EXPECT_THAT(best({{200, 100, {{"loss", 0.6}}}}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("checkpoint.best_metric")));
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

struct EncoderTest : testing::Test {
  // A file of zeros.
  std::filesystem::path Write(const std::vector<TensorShape>& tensors) {
    const std::string zeros(1 << 16, '\0');
    std::vector<TensorView> views;
    for (const TensorShape& tensor : tensors) {
      std::size_t bytes = 4;
      for (const std::int64_t side : tensor.shape) bytes *= static_cast<std::size_t>(side);
      views.push_back({tensor.name, TensorType::kF32, tensor.shape, absl::string_view(zeros).substr(0, bytes)});
    }
    EXPECT_OK(WriteSafetensors(dir.path() / "w", views));
    return dir.path() / "w";
  }
  static std::string Said(const absl::StatusOr<std::string>& defect) {
    EXPECT_OK(defect);
    return defect.value_or("");
  }
  const TempDir dir;
};

TEST_F(EncoderTest, TheFirstConvolutionTellsTheWidth) {
  std::filesystem::path path =
      Write({{"model.encoder.in.weight", {4, 1, 3, 3, 3}}, {"model.encoder.deep.weight", {4, 4, 3, 3, 3}}});
  EXPECT_EQ(Said(EncoderDefect(path, {"encoder.", 4})), "");
  EXPECT_EQ(Said(EncoderDefect(path, {"encoder.", 32})),
            "holds an encoder that begins with 4 channels (model.encoder.in.weight), this network's has 32");
  EXPECT_THAT(Said(EncoderDefect(Write({{"decoder.in.weight", {4, 1, 3, 3, 3}}}), {"encoder.", 4})),
              HasSubstr("holds no encoder: none of its 1 tensors is called encoder."));
  path = Write({{"encoder.bias", {4}}});
  EXPECT_THAT(Said(EncoderDefect(path, {"encoder.", 4})), HasSubstr("is a convolution called encoder."));
  EXPECT_EQ(Said(EncoderDefect(path, {"encoder."})), "") << "a width that is not known";
}

TEST_F(EncoderTest, AMarkTellsNetworksApart) {
  const std::filesystem::path path =
      Write({{"encoder.in.weight", {4, 1, 3, 3, 3}}, {"module.encoder.expand", {8, 4, 1, 1, 1}}});
  EXPECT_EQ(Said(EncoderDefect(path, {"encoder.", 4, "encoder.expand", 8})), "");
  EXPECT_THAT(Said(EncoderDefect(path, {"encoder.", 4, "encoder.expand", 12})),
              HasSubstr("another network: its module.encoder.expand has 8 channels, this one's 12"));
  EXPECT_THAT(Said(EncoderDefect(path, {"encoder.", 4, "encoder.stages.5", 40})),
              HasSubstr("another network: this one's has a tensor encoder.stages.5"));
}

TEST_F(EncoderTest, EveryTensorTellsWhereAllAreKnown) {
  const std::filesystem::path path = Write({{"encoder.in.weight", {4, 1, 3, 3, 3}}, {"head.bias", {1}}});
  EXPECT_EQ(Said(EncoderMisfit(path, "encoder.", {{"encoder.in.weight", {4, 2, 3, 3, 3}}})), "");
  EXPECT_THAT(Said(EncoderMisfit(path, "encoder.", {{"encoder.in.weight", {5, 1, 3, 3, 3}}, {"encoder.b", {4}}})),
              testing::AllOf(HasSubstr("of another shape"), HasSubstr("missing in the file (encoder.b)")));
  EXPECT_THAT(EncoderMisfit(dir.path() / "none", "encoder.", {}), StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace amaes
