#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/base/testing/status_matchers.h"
#include "libs/spec/spec_io.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

PretrainSpec FromPreset(const std::string& name) {
  std::vector<std::string> assignments = {"dataset=brains"};
  if (name == "evaluate") assignments.push_back("checkpoint.from=job:tuned");
  const ParsedSpec parsed = ParseSpec(PresetText(name).value(), assignments);
  EXPECT_THAT(parsed.problems, IsEmpty()) << name;
  EXPECT_THAT(ValidateSpec(parsed.spec), IsEmpty()) << name;
  return parsed.spec.pretrain;
}

TEST(Presets, AllAreValidOnceTheyHaveADataset) {
  EXPECT_THAT(PresetNames(),
              ElementsAre("amaes-mednext-l", "amaes-mednext-m", "amaes-resenc-l", "amaes-unet-b", "amaes-unet-xl",
                          "demo", "evaluate", "finetune-brats", "finetune", "pretrain", "swinunetr-ssl"));
  for (const std::string& name : PresetNames()) FromPreset(name);
}

TEST(Presets, PretrainIsTheDefaults) {
  const ParsedSpec parsed = ParseSpec(PresetText("pretrain").value());
  EXPECT_EQ(SpecToJson(parsed.spec), SpecToJson(JobSpec{}));
}

TEST(Presets, AmaesIsThePublishedRecipe) {
  for (const auto& [name, network] : {std::pair<std::string, std::string>{"amaes-unet-b", "unet_b"},
                                      {"amaes-unet-xl", "unet_xl"},
                                      {"amaes-mednext-m", "mednext_m"},
                                      {"amaes-mednext-l", "mednext_l"},
                                      {"amaes-resenc-l", "resenc_l"}}) {
    const PretrainSpec spec = FromPreset(name);
    EXPECT_EQ(spec.network.name, network);
    EXPECT_EQ(spec.patch, Cube(128));
    EXPECT_EQ(spec.global_batch, 16);
    EXPECT_EQ(spec.optimizer.learning_rate, 1e-4);
    EXPECT_EQ(spec.optimizer.clip_norm, 0);
    EXPECT_EQ(spec.schedule.passes, 100);
    EXPECT_EQ(spec.precision, "bf16");
    EXPECT_EQ(spec.mask.ratio, 0.6);
    EXPECT_EQ(spec.mask.token, 4);
  }
}

// The published run: 44,756 volumes of which 44,308 train, 16 samples a step, whole steps in an epoch.
TEST(Presets, AmaesResolvesToThePublishedSchedule) {
  JobSpec spec = ParseSpec(PresetText("amaes-unet-xl").value(), {"dataset=brains"}).spec;
  spec = ResolveSpec(spec, {1, std::string(64, '0'), 44308});
  EXPECT_EQ(spec.pretrain.schedule.steps, 276900);
  EXPECT_EQ(spec.pretrain.schedule.warmup_steps, 13845);
  EXPECT_EQ(spec.pretrain.network.filters, 64);
}

TEST(Presets, DemoRunsOnTwoCpuWorkers) {
  const PretrainSpec spec = FromPreset("demo");
  EXPECT_EQ(spec.network.name, "unet");
  EXPECT_EQ(spec.network.filters, 8);
  EXPECT_EQ(spec.patch, Cube(64));
  EXPECT_EQ(spec.augment.preset, "none") << "350 augmented steps leave masked_r2 of its training crops below 0";
  EXPECT_EQ(spec.global_batch, 2);
  EXPECT_EQ(spec.workers, 2);
  EXPECT_EQ(spec.schedule.steps, 350);
  EXPECT_EQ(spec.schedule.warmup_steps, 10);
  EXPECT_EQ(spec.optimizer.learning_rate, 2e-3);
  EXPECT_EQ(spec.checkpoint.every_steps, 50);
  EXPECT_EQ(spec.validation.every_steps, 50);
  EXPECT_EQ(spec.device, "cpu");
  EXPECT_EQ(spec.threads_per_worker, 1);
}

TEST(Presets, SwinUnetrsOwnPretrainingIsTheScripts) {
  const PretrainSpec spec = FromPreset("swinunetr-ssl");
  EXPECT_EQ(spec.network.name, "swin_unetr");
  EXPECT_EQ(spec.objective.name, "swinunetr");
  EXPECT_EQ(spec.objective.group, 4);
  EXPECT_EQ(spec.patch, Cube(96));
  EXPECT_EQ(spec.optimizer.learning_rate, 4e-4);
  EXPECT_EQ(spec.optimizer.weight_decay, 0.1);
  EXPECT_EQ(spec.schedule.steps, 100000);
  EXPECT_EQ(spec.schedule.warmup_steps, 500);
}

TEST(Presets, AnUnknownNameListsThem) {
  EXPECT_THAT(PresetText("fast"),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("amaes-unet-xl, demo, evaluate, finetune-brats, finetune, pretrain, swinunetr-ssl")));
}

}  // namespace
}  // namespace amaes
