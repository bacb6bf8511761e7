#include "libs/spec/probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/spec/cases.h"
#include "libs/spec/network_facts.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

auto Problem(const std::string& field, const std::string& part) {
  return AllOf(::testing::Field(&SpecProblem::field, field), ::testing::Field(&SpecProblem::message, HasSubstr(part)));
}

JobSpec WithProbe() {
  JobSpec job;
  job.pretrain.dataset.name = "brains";
  job.pretrain.probe.every_passes = 2;
  job.pretrain.probe.dataset = "labelled";
  return job;
}

template <typename Change>
std::vector<SpecProblem> After(Change change, JobSpec job = WithProbe()) {
  change(job.pretrain);
  return ValidateSpec(job);
}

TEST(Probe, IsDueEverySoManyPassesAndAfterTheLastStep) {
  EXPECT_EQ(StepsOfPasses(2, 50, 16), 6);    // floor(50/16) = 3 each
  EXPECT_EQ(StepsOfPasses(0.5, 50, 16), 1);  // 1.5
  EXPECT_EQ(StepsOfPasses(0.1, 50, 16), 1);  // less than a step
  EXPECT_EQ(StepsOfPasses(8, 4, 16), 2);     // a pass is a quarter of a step
  std::vector<std::int64_t> due;
  for (std::int64_t step = 0; step <= 14; ++step) {
    EXPECT_FALSE(IsProbeStep(step, 0, 14)) << "never";
    if (IsProbeStep(step, 6, 14)) due.push_back(step);
  }
  EXPECT_THAT(due, ElementsAre(6, 12, 14));
}

TEST(Probe, IsAValidFinetuningOfTheSameNetwork) {
  JobSpec job = WithProbe();
  PretrainSpec& spec = job.pretrain;
  spec.network = {.name = "mednext_m", .filters = 16, .decoder = "light", .skips = "off"};
  spec.patch = {64, 96, 32};
  spec.workers = 2;
  spec.seed = 77;
  spec.micro_batch = 4;
  spec.loader.on_damage = "skip";
  spec.probe.channels = "FLAIR,T1w";
  spec.probe.classes = "WT=1+2,ET=2";
  spec.probe.regions = true;
  spec.probe.background = "9";
  spec.probe.train_cases = 5;
  spec.probe.validation_share = 0.4;
  spec.probe.steps = 60;
  spec.probe.global_batch = 3;
  spec.probe.learning_rate = 2e-3;
  spec.probe.crops = 4;
  spec.probe.in_channels = spec.probe.out_channels = 2;
  EXPECT_THAT(ValidateSpec(job), IsEmpty());
  const JobSpec probe = ProbeJob(spec);
  EXPECT_THAT(ValidateSpec(probe), IsEmpty());
  const FinetuneSpec& finetune = probe.finetune;
  EXPECT_EQ(finetune.schedule.steps, 60);
  EXPECT_EQ(finetune.schedule.warmup_steps, 3);
  EXPECT_EQ(finetune.global_batch, 3);
  EXPECT_EQ(finetune.micro_batch, 1);
  EXPECT_EQ(finetune.workers, 2);
  EXPECT_EQ(finetune.patch, spec.patch);
  EXPECT_EQ(finetune.optimizer.learning_rate, 2e-3);
  EXPECT_EQ(finetune.validation.crops, 4);
  EXPECT_EQ(finetune.loader.on_damage, "skip");
  EXPECT_EQ(finetune.labels.classes, "WT=1+2,ET=2");
  EXPECT_TRUE(finetune.labels.regions);
  const CaseOptions cases = CaseOptionsOf(finetune);
  EXPECT_THAT(cases.channels, ElementsAre("FLAIR", "T1w"));
  EXPECT_EQ(cases.train_cases, 5);
  EXPECT_EQ(cases.validation_share, 0.4);
  EXPECT_EQ(cases.seed, 77u);
  const NetworkOptions network = NetworkOptionsOf(probe);
  EXPECT_EQ(network.name, "mednext_m");
  EXPECT_EQ(network.filters, 16);
  EXPECT_EQ(network.decoder, Decoder::kStandard);
  EXPECT_TRUE(network.skips);
  EXPECT_EQ(network.in_channels, 2);
  EXPECT_EQ(network.out_channels, 2);
}

TEST(Probe, OfSwinUnetrsOwnPretrainingHasTheWholeNetwork) {
  JobSpec job = WithProbe();
  job.pretrain.network.name = "swin_unetr";
  job.pretrain.objective.name = "swinunetr";
  job.pretrain.micro_batch = 4;
  job.pretrain.checkpoint.best_metric = "probe_dice";
  EXPECT_THAT(ValidateSpec(job), IsEmpty());
  const JobSpec probe = ProbeJob(job.pretrain);
  EXPECT_THAT(ValidateSpec(probe), IsEmpty());
  EXPECT_EQ(NetworkOptionsOf(probe).decoder, Decoder::kStandard);
  EXPECT_EQ(probe.group(), 1);
}

TEST(ValidateSpec, ProbesNeedADatasetABatchForEachWorkerAndANetworkThatSegments) {
  EXPECT_THAT(After([](PretrainSpec&) {}), IsEmpty());
  EXPECT_THAT(After([](PretrainSpec& spec) { spec.probe.dataset = ""; }),
              ElementsAre(Problem("probe.dataset", "is required for a probe")));
  EXPECT_THAT(After([](PretrainSpec& spec) { spec.probe.dataset = "A B"; }),
              ElementsAre(Problem("probe.dataset", "is no dataset name")));
  EXPECT_THAT(After([](PretrainSpec& spec) { spec.probe.digest = "abc"; }),
              ElementsAre(Problem("probe.digest", "64 hexadecimal")));
  EXPECT_THAT(After([](PretrainSpec& spec) { spec.workers = 3; }),
              ElementsAre(Problem("probe.global_batch", "2 is less than workers 3")));
  EXPECT_THAT(After([](PretrainSpec& spec) { spec.network = {.name = "script", .script = "/net.pt"}; }),
              ElementsAre(Problem("probe.every_passes", "network script has no counterpart")));
  EXPECT_THAT(After([](PretrainSpec& spec) { spec.probe.validation_share = 0; }),
              ElementsAre(Problem("probe.validation_share", "0.0 is not a number above 0")));
}

TEST(ValidateSpec, FieldsOfAProbeThatThereIsNotAreSaid) {
  EXPECT_THAT(After([](PretrainSpec& spec) { spec.probe.every_passes = 0; }),
              ElementsAre(Problem("probe.dataset", "set probe.every_passes")));
  EXPECT_THAT(After([](PretrainSpec& spec) {
                spec.probe = {};
                spec.probe.steps = 10;
                spec.probe.crops = 1;
              }),
              ElementsAre(Problem("probe.steps", "there is none"), Problem("probe.crops", "there is none")));
}

TEST(ValidateSpec, TheBestByDiceNeedsAProbe) {
  const auto best = [](const char* metric, bool probe) {
    JobSpec job = WithProbe();
    if (!probe) job.pretrain.probe = {};
    job.pretrain.checkpoint.best_metric = metric;
    return ValidateSpec(job);
  };
  EXPECT_THAT(best("probe_dice", true), IsEmpty());
  EXPECT_THAT(best("probe_dice", false), ElementsAre(Problem("checkpoint.best_metric", "set probe.every_passes")));
  EXPECT_THAT(best("dice", true), ElementsAre(Problem("checkpoint.best_metric", "probe_dice with a probe")));
  // Nothing but the probe measures it.
  EXPECT_THAT(After([](PretrainSpec& spec) {
                spec.checkpoint.best_metric = "probe_dice";
                spec.validation.every_steps = 0;
              }),
              IsEmpty());
  JobSpec finetune;
  finetune.kind = JobKind::kFinetune;
  finetune.finetune.dataset.name = "labelled";
  finetune.finetune.checkpoint.best_metric = "probe_dice";
  EXPECT_THAT(ValidateSpec(finetune), ElementsAre(Problem("checkpoint.best_metric", "no metric of a finetune job")));
}

TEST(Probe, ProblemsOfTheFinetuningAreToldInWordsOfTheProbe) {
  EXPECT_EQ(ProblemOfProbe({"labels.classes", "declare it in labels.classes, or in labels.background"}),
            (SpecProblem{"probe.classes", "declare it in probe.classes, or in probe.background"}));
  EXPECT_EQ(ProblemOfProbe({"dataset", "dataset.train_cases: 9 are asked for"}),
            (SpecProblem{"probe.dataset", "probe.train_cases: 9 are asked for"}));
}

TEST(EstimateSpec, CountsWhatAProbeKeepsBesideThePretraining) {
  JobSpec with = WithProbe(), without = with;
  without.pretrain.probe = {};
  const SpecEstimate probed = EstimateSpec(with), alone = EstimateSpec(without);
  const JobSpec probe = ProbeJob(with.pretrain);
  const NetworkSize size = SizeOfNetwork(NetworkOptionsOf(probe), with.pretrain.patch);
  EXPECT_GE(probed.memory_per_worker_bytes, alone.memory_per_worker_bytes + 16 * size.parameters);
  EXPECT_EQ(probed.checkpoint_bytes, alone.checkpoint_bytes);
  EXPECT_EQ(probed.flops_per_sample, alone.flops_per_sample);
}

}  // namespace
}  // namespace amaes
