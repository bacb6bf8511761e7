#include "libs/spec/experiment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>

#include "libs/base/files.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/spec/spec_io.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kFile[] = R"(
name: small
pretrain:
  b: {preset: pretrain, set: {dataset: brains, schedule.steps: 10}}
finetune:
  set: {dataset: lesions, schedule: {steps: 20}}
  seeds: [7, 8]
  arms:
    b-pretrained: {from: b, checkpoint: best}
    b-scratch: {from: scratch, set: {optimizer.learning_rate: 0.001}}
evaluate:
  inside: {set: {dataset: lesions}}
  outside: {set: {dataset: elsewhere}, checkpoint: best}
)";

TEST(ParseExperiment, ExpandsToJobsInTheOrderOfTheirDependencies) {
  ASSERT_OK_AND_ASSIGN(const Experiment experiment, ParseExperiment(kFile));
  EXPECT_EQ(experiment.metric, "dice");
  EXPECT_THAT(experiment.seeds, ElementsAre(7, 8));
  ASSERT_EQ(experiment.arms.size(), 2u);
  EXPECT_EQ(experiment.arms[0].control, "b-scratch") << "the only arm from scratch is the control";
  EXPECT_EQ(experiment.arms[1].control, "");
  ASSERT_EQ(experiment.jobs.size(), 1u + 2 * 2 + 2 * 2 * 2);
  std::set<std::string> keys, names;
  for (const ExperimentJob& job : experiment.jobs) {
    EXPECT_TRUE(job.from.empty() || keys.contains(job.from)) << job.key;
    EXPECT_TRUE(keys.insert(job.key).second) << job.key;
    EXPECT_TRUE(names.insert(job.name).second) << job.name;
  }
  EXPECT_EQ(experiment.jobs[1].key, "finetune/b-pretrained/7");
  EXPECT_EQ(experiment.jobs[1].name, "small-finetune-b-pretrained-7");
  EXPECT_EQ(experiment.jobs[1].from, "pretrain/b");
  EXPECT_EQ(experiment.jobs[1].checkpoint, "best");
  EXPECT_EQ(experiment.jobs[3].from, "");
  EXPECT_EQ(experiment.jobs.back().from, "finetune/b-scratch/8");
}

TEST(ParseExperiment, LaterLayersWin) {
  ASSERT_OK_AND_ASSIGN(const Experiment experiment, ParseExperiment(kFile));
  const JobSpec pretrain = ParseSpecLayers(experiment.jobs[0].layers, experiment.jobs[0].assignments).spec;
  EXPECT_EQ(pretrain.pretrain.dataset.name, "brains");
  EXPECT_EQ(pretrain.pretrain.schedule.steps, 10);
  const JobSpec scratch = ParseSpecLayers(experiment.jobs[4].layers, experiment.jobs[4].assignments).spec;
  EXPECT_EQ(scratch.kind, JobKind::kFinetune);
  EXPECT_EQ(scratch.finetune.seed, 8u);
  EXPECT_EQ(scratch.finetune.schedule.steps, 20);
  EXPECT_EQ(scratch.finetune.optimizer.learning_rate, 0.001);
  EXPECT_EQ(scratch.name, "small-finetune-b-scratch-8");
}

// What the arms share must not make the control invalid.
TEST(ParseExperiment, AnArmFromScratchIgnoresASharedFreeze) {
  std::string text = kFile;
  const std::string shared = "schedule: {steps: 20}";
  text.replace(text.find(shared), shared.size(), shared + ", init.freeze_encoder_steps: 5");
  ASSERT_OK_AND_ASSIGN(const Experiment experiment, ParseExperiment(text));
  const JobSpec scratch = ParseSpecLayers(experiment.jobs[4].layers, experiment.jobs[4].assignments).spec;
  EXPECT_EQ(scratch.finetune.init.freeze_encoder_steps, 5);
  EXPECT_TRUE(scratch.finetune.init.scratch);
  EXPECT_TRUE(ValidateSpec(scratch).empty());
  EXPECT_EQ(ResolveSpec(scratch, {1, "", 10}).finetune.init.freeze_encoder_steps, 0);
  const JobSpec pretrained = ParseSpecLayers(experiment.jobs[1].layers, experiment.jobs[1].assignments).spec;
  EXPECT_FALSE(pretrained.finetune.init.scratch);
  EXPECT_EQ(ResolveSpec(pretrained, {1, "", 10}).finetune.init.freeze_encoder_steps, 5);
}

TEST(ParseExperiment, LongNamesStayUniqueAndShortEnough) {
  const std::string arm(60, 'a');
  ASSERT_OK_AND_ASSIGN(const Experiment experiment,
                       ParseExperiment("name: x\nfinetune: {seeds: [1, 2], set: {dataset: d}, arms: {" + arm +
                                       ": {from: scratch}}}\nevaluate: {e: {set: {dataset: d}}}\n"));
  std::set<std::string> names;
  for (const ExperimentJob& job : experiment.jobs) {
    EXPECT_LE(job.name.size(), 63u);
    EXPECT_TRUE(names.insert(job.name).second);
  }
}

TEST(ParseExperiment, SaysEverythingThatIsWrongAtOnce) {
  const absl::Status status = ParseExperiment(R"(
name: Bad Name
pretrain: {b: {preset: no-such, set: {datset: brains}}}
finetune: {seeds: [1, 1, x], arms: {one: {from: c, chekpoint: last}, two: {from: scratch, control: three}}}
extra: 1
)")
                                  .status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(
      std::string(status.message()),
      AllOf(HasSubstr("name:"), HasSubstr("no-such"), HasSubstr("1 stands there twice"), HasSubstr("no number"),
            HasSubstr("\"c\" is neither scratch"), HasSubstr("finetune.arms.one.chekpoint"),
            HasSubstr("\"three\" is no other arm"), HasSubstr("extra: unknown"), HasSubstr("evaluate: is required")));
  EXPECT_THAT(ParseExperiment("a: [").status(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("line 1")));
}

TEST(ParseExperiment, ValidatesTheSpecOfEveryJob) {
  const absl::Status status = ParseExperiment(R"(
name: wrong
pretrain: {b: {set: {dataset: brains, patch: 40, network: unet_b}}}
finetune: {set: {dataset: lesions, optimizer.learning_rate: -1}, seeds: [1], arms: {one: {from: b}}}
evaluate: {e: {set: {dataset: lesions, window.overlap: 2}}}
)")
                                  .status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("pretrain/b: patch"), HasSubstr("finetune/one/1: optimizer.learning_rate"),
                             HasSubstr("evaluate/e/one/1: window.overlap"))));
}

// Jobs of each kind that a shipped experiment says at its head that it has.
TEST(ShippedExperiments, AreValidAndExpandToWhatTheySay) {
  const std::map<std::string, std::vector<int>> expected = {
      {"ablations-brats21", {6, 21, 21}}, {"backbones-brats21", {5, 30, 30}}, {"backbones-isles22", {5, 30, 30}},
      {"backbones-wmh", {5, 30, 30}},     {"few-shot-brats21", {1, 24, 24}},  {"out-of-domain-wmh", {1, 6, 12}},
      {"small-cpu", {1, 6, 6}},
  };
  std::map<std::string, std::vector<int>> found;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(AMAES_SOURCE_DIR) + "/deploy/experiments")) {
    ASSERT_OK_AND_ASSIGN(const std::string text, files::Read(entry.path(), 1 << 20));
    SCOPED_TRACE(entry.path().string());
    ASSERT_OK_AND_ASSIGN(const Experiment experiment, ParseExperiment(text));
    std::vector<int>& counts = found[entry.path().stem()];
    counts.resize(3);
    for (const ExperimentJob& job : experiment.jobs)
      ++counts[job.key.rfind("pretrain/", 0) == 0 ? 0 : job.key.rfind("finetune/", 0) == 0 ? 1 : 2];
  }
  EXPECT_EQ(found, expected);
}

}  // namespace
}  // namespace amaes
