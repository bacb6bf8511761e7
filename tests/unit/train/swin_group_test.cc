// SwinUNETR's own pretraining couples samples in groups: neither world size nor micro-batch changes the result.
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "libs/base/status_macros.h"
#include "libs/base/testing/fake_clock.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/collective/make_communicator.h"
#include "libs/evaluate/swin_objective.h"
#include "libs/train/make_objective.h"
#include "libs/train/train_step.h"
#include "libs/train/validation.h"
#include "tests/unit/collective/memory_store.h"
#include "tests/unit/evaluate/tiny_swin_heads.h"
#include "tests/unit/train/synthetic_source.h"

namespace amaes {
namespace {

constexpr Shape3 kPatch{64, 32, 32};
constexpr std::int64_t kGroup = 2, kBatch = 8;

struct Outcome {
  absl::Status status;
  at::Tensor gradient, parameters;
  StepReport report;
  std::vector<ValidationResult> validation;
};

struct Case {
  int world_size = 1;
  std::int64_t micro_batch = kGroup;
  std::set<std::int64_t> skipped = {};
};

absl::Status Run(const Case& c, Communicator& communicator, RendezvousStore& store, Outcome& outcome) {
  TinySwinHeads network(3);
  std::vector<std::int64_t> sizes;
  for (const NamedTensor& parameter : network.parameters()) sizes.push_back(parameter.tensor.numel());
  const std::vector<BucketPlan> plan = PlanBuckets(sizes, {.first_bytes = 64, .bytes = 256, .bytes_per_element = 4});
  AdamW optimizer(network.parameters(), plan, {});
  GradientBuckets buckets(network.parameters(), plan, communicator, {});
  const LaneRange lanes = LanesOf(communicator.rank(), c.world_size, kBatch, kGroup);
  const SwinObjective objective({.views = {.draw_seed = 5, .group = kGroup}});
  TrainStep step(objective, network, buckets, optimizer, communicator,
                 {.global_batch = kBatch, .micro_batch = c.micro_batch, .lanes = lanes.size()});
  const LoaderOptions loading{.volumes = {}, .seed = 1, .patch = kPatch, .global_batch = kBatch, .lanes = lanes};
  SyntheticLoader loader(loading, 5, c.skipped);
  AMAES_RETURN_IF_ERROR(step.ComputeGradients(1, [&] { return loader.Next(); }, {}));
  outcome.gradient = at::cat(buckets.flat()).clone();
  AMAES_ASSIGN_OR_RETURN(outcome.report, step.Update(1, 1e-3));
  std::vector<at::Tensor> values;
  for (const NamedTensor& parameter : network.parameters()) values.push_back(parameter.tensor.detach().flatten());
  outcome.parameters = at::cat(values);
  TrainOptions options;
  options.spec.pretrain.validation = {.every_steps = 1, .crops = 7};
  options.spec.pretrain.micro_batch = c.micro_batch;
  SyntheticSource source;
  source.options = loading;
  FakeClock clock;
  const TrainEnvironment environment{.data = source,
                                     .objective = objective,
                                     .communicator = communicator,
                                     .store = store,
                                     .clock = clock,
                                     .report = [](const WorkerReport&) {},
                                     .stop_requested = [] { return false; }};
  AMAES_ASSIGN_OR_RETURN(Validation validation, Validation::Create(options, environment, c.micro_batch));
  AMAES_ASSIGN_OR_RETURN(outcome.validation, validation.Run(network, 1));
  return absl::OkStatus();
}

std::vector<Outcome> RunAll(const Case& c) {
  auto communicators = MakeLocalCommunicators(c.world_size, absl::Seconds(60));
  MemoryStore store;
  std::vector<Outcome> outcomes(c.world_size);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < c.world_size; ++rank) {
    threads.emplace_back([&, rank] { outcomes[rank].status = Run(c, *communicators[rank], store, outcomes[rank]); });
  }
  for (std::thread& thread : threads) thread.join();
  return outcomes;
}

void ExpectSame(const Outcome& a, const Outcome& b) {
  ASSERT_OK(a.status);
  ASSERT_OK(b.status);
  EXPECT_LT(((a.gradient - b.gradient).norm() / b.gradient.norm()).item<double>(), 1e-5);
  EXPECT_LT((a.parameters - b.parameters).abs().max().item<double>(), 1e-5);  // a hundredth of the learning rate
  ASSERT_EQ(a.report.sums.size(), b.report.sums.size());
  for (std::size_t i = 0; i < a.report.sums.size(); ++i) EXPECT_NEAR(a.report.sums[i], b.report.sums[i], 1e-5) << i;
  ASSERT_EQ(a.validation.size(), 2u);
  ASSERT_EQ(b.validation.size(), 2u);
  for (int split = 0; split < 2; ++split) {
    for (const auto& [name, value] : a.validation[split].metrics) {
      EXPECT_NEAR(value, b.validation[split].metrics.at(name), 1e-6) << name;
    }
  }
}

TEST(SwinGroups, WorldSizeAndMicroBatchChangeNothing) {
  const std::vector<Outcome> one = RunAll({});
  ASSERT_OK(one[0].status);
  EXPECT_EQ(one[0].report.sums[Objective::kSamples], kBatch);
  EXPECT_GT(one[0].gradient.norm().item<double>(), 1e-3);
  for (const int world_size : {2, 3, 4}) {
    for (const Outcome& outcome : RunAll({.world_size = world_size})) ExpectSame(outcome, one[0]);
  }
  ExpectSame(RunAll({.micro_batch = kBatch})[0], one[0]);
}

TEST(SwinGroups, ASkippedSampleLeavesItsGroupToTheOthers) {
  const Case one{.skipped = {3}}, two{.world_size = 2, .skipped = {3}};
  const std::vector<Outcome> alone = RunAll(one);
  EXPECT_EQ(alone[0].report.skipped, 1);
  EXPECT_EQ(alone[0].report.sums[Objective::kSamples], kBatch - 1);
  for (const Outcome& outcome : RunAll(two)) ExpectSame(outcome, alone[0]);
}

// The reference's way, where the group is the local batch, does depend on the world size: what the groups are there for.
TEST(SwinGroups, AnotherGroupIsAnotherLoss) {
  const auto loss = [](std::int64_t group) {
    const TinySwinHeads network(3);
    const SwinObjective objective({.views = {.draw_seed = 5, .group = group}});
    SyntheticSource source;
    source.options = {.volumes = {}, .seed = 1, .patch = kPatch, .global_batch = kBatch, .lanes = {0, kBatch}};
    const std::vector<double> sums = EvaluateCrops(objective, network, *source.FixedCrops(Split::kTrain, 4), 4).value();
    return objective.MetricsOf(sums).at("loss_contrastive");
  };
  EXPECT_GT(loss(4), loss(2) + 0.5);
}

// Two runs of one recipe that differ in their seed see other views in training, and the same in validation.
TEST(SwinGroups, FixedCropsHaveTheSameViewsUnderAnySeed) {
  const auto loss = [](std::uint64_t seed, bool fixed, const std::string& digest = "balls") {
    JobSpec job;
    job.pretrain.objective = {.name = "swinunetr", .group = kGroup};
    job.pretrain.dataset.digest = digest;
    job.pretrain.seed = seed;
    const auto objective = MakeObjective(job, at::kCPU, {});
    SyntheticSource source;
    source.options = {.volumes = {}, .seed = 1, .patch = kPatch, .global_batch = kBatch, .lanes = {0, kBatch}};
    std::vector<Sample> samples = *source.FixedCrops(Split::kTrain, 2);
    for (Sample& sample : samples) sample.fixed = fixed;
    const TinySwinHeads network(3);
    return EvaluateCrops(**objective, network, samples, 2).value()[Objective::kLoss];
  };
  EXPECT_EQ(loss(1, true), loss(2, true));
  EXPECT_NE(loss(1, true), loss(1, true, "cubes"));
  EXPECT_NE(loss(1, false), loss(2, false));
}

}  // namespace
}  // namespace amaes
