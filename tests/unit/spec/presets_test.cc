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
    EXPECT_EQ(spec.dataset.contract, network == "resenc_l" ? "zscore" : "amaes");
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
  EXPECT_EQ(spec.dataset.contract, "amaes");
}

// YuccaLib's finetuning as arXiv 2408.00640 runs it.
TEST(Presets, FinetuningIsThePublishedRecipe) {
  for (const std::string name : {"finetune", "finetune-brats"}) {
    const ParsedSpec parsed = ParseSpec(PresetText(name).value(), {"dataset=lesions"});
    EXPECT_THAT(ValidateSpec(parsed.spec), IsEmpty());
    ASSERT_EQ(parsed.spec.kind, JobKind::kFinetune);
    const FinetuneSpec& spec = parsed.spec.finetune;
    EXPECT_EQ(spec.network.name, "unet_b");
    EXPECT_EQ(spec.patch, Cube(128));
    EXPECT_EQ(spec.global_batch, 8);
    EXPECT_EQ(spec.micro_batch, 0);
    EXPECT_EQ(spec.precision, "bf16");
    EXPECT_EQ(spec.device, "auto");
    EXPECT_EQ(spec.optimizer.learning_rate, 1e-4);
    EXPECT_EQ(spec.optimizer.weight_decay, 3e-5);
    EXPECT_EQ(spec.optimizer.epsilon, 1e-8);
    EXPECT_EQ(spec.optimizer.beta1, 0.9);
    EXPECT_EQ(spec.optimizer.beta2, 0.999);
    EXPECT_EQ(spec.optimizer.clip_norm, 0);
    EXPECT_EQ(spec.epochs.epochs, 500);
    EXPECT_EQ(spec.epochs.epoch_steps, 100);
    EXPECT_EQ(spec.epochs.period_ratio, 1.15);
    EXPECT_EQ(spec.epochs.floor, 1e-9);
    EXPECT_EQ(spec.schedule.warmup_steps, 0);
    EXPECT_EQ(spec.init.freeze_encoder_steps, 0);
    EXPECT_EQ(spec.sampling.foreground, 0.33);
    EXPECT_EQ(spec.augment.preset, "basic");
    EXPECT_FALSE(spec.outputs.deep_supervision);
    EXPECT_EQ(spec.cases.validation_share, 0.2);
    EXPECT_EQ(spec.labels.regions, name == "finetune-brats");
    EXPECT_EQ(ResolveSpec(parsed.spec, {1, "", 10}).finetune.schedule.steps, 50000);
  }
}

// What a small patch on the CPU needs is said; on a GPU it needs nothing.
TEST(Presets, FinetuningOnSmallPatchesOfTheCpuSaysWhatItNeeds) {
  const std::string text = PresetText("finetune").value();
  const auto problems = [&](const std::vector<std::string>& more) {
    std::vector<std::string> assignments = {"dataset=lesions", "patch=64x64x32"};
    assignments.insert(assignments.end(), more.begin(), more.end());
    return ValidateSpec(ParseSpec(text, assignments).spec);
  };
  ASSERT_EQ(problems({}).size(), 1u);
  EXPECT_EQ(problems({})[0].field, "precision");
  EXPECT_THAT(problems({})[0].message, HasSubstr("take fp32, a larger patch, or device gpu"));
  EXPECT_THAT(problems({"precision=fp32"}), IsEmpty());
  EXPECT_THAT(problems({"device=gpu"}), IsEmpty());
}

TEST(Presets, AnUnknownNameListsThem) {
  EXPECT_THAT(PresetText("fast"),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("amaes-unet-xl, demo, evaluate, finetune-brats, finetune, pretrain, swinunetr-ssl")));
}

}  // namespace
}  // namespace amaes
