// One step, before the optimiser: world size, micro-batches and batches give the same loss and gradient.
#include "libs/train/train_step.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "libs/base/testing/status_matchers.h"
#include "libs/collective/make_communicator.h"
#include "libs/collective/testing/faulty_communicator.h"
#include "libs/evaluate/masked_objective.h"
#include "libs/models/unet.h"
#include "libs/train/failure.h"
#include "tests/unit/train/synthetic_source.h"

namespace amaes {
namespace {

using ::testing::HasSubstr;

struct Case {
  int world_size = 1;
  std::int64_t global_batch = 2, micro_batch = 1;
  c10::ScalarType type = at::kFloat;
  LossRegion region = LossRegion::kWhole;
  bool bf16 = false;
  std::int64_t patch = 32;
  std::set<std::int64_t> skipped = {};
  bool update = false;
  double clip_norm = 0;
  double decay = 0;  // of an average; 0 = none
  UpdateLimits limits = {};
  double poison = 0;  // added to one voxel of the first rank's samples
  BucketOptions buckets{.first_bytes = 4096, .bytes = 16384, .bytes_per_element = 4};
};

struct Outcome {
  absl::Status status;
  at::Tensor gradient;       // all buckets, one after the other
  at::Tensor parameters;     // all, one after the other
  at::Tensor average;        // the same, where there is one
  at::Tensor first, second;  // moments of AdamW, the same
  StepReport report;         // when updated
};

double MeanLoss(const StepReport& report) { return MaskedObjective({}).MetricsOf(report.sums).at("loss"); }

Outcome RunRank(const Case& c, Communicator& communicator) {
  Outcome outcome;
  const std::unique_ptr<Network> network = MakeUNet({.filters = 4, .seed = 3});
  network->To(at::kCPU, c.type);
  std::vector<std::int64_t> sizes;
  for (const NamedTensor& parameter : network->parameters()) sizes.push_back(parameter.tensor.numel());
  const std::vector<BucketPlan> plan = PlanBuckets(sizes, c.buckets);
  AdamW optimizer(network->parameters(), plan, {});
  std::unique_ptr<WeightAverage> average;
  if (c.decay > 0) average = std::make_unique<WeightAverage>(network->parameters(), plan, c.decay);
  GradientBuckets buckets(network->parameters(), plan, communicator, {});
  const LaneRange lanes = LanesOf(communicator.rank(), c.world_size, c.global_batch);
  const MaskedObjective objective({.token = 4, .region = c.region, .bf16 = c.bf16, .device = at::kCPU});
  TrainStep step(objective, *network, buckets, optimizer, communicator,
                 {.global_batch = c.global_batch,
                  .micro_batch = c.micro_batch,
                  .lanes = lanes.size(),
                  .clip_norm = c.clip_norm,
                  .device = at::kCPU},
                 average.get());
  SyntheticLoader loader(
      {.volumes = {}, .seed = 1, .patch = Cube(c.patch), .global_batch = c.global_batch, .lanes = lanes}, 5, c.skipped);
  outcome.status = step.ComputeGradients(1,
                                         [&] {
                                           absl::StatusOr<Sample> sample = loader.Next();
                                           if (c.poison != 0 && communicator.rank() == 0)
                                             sample->input[0] += static_cast<float>(c.poison);
                                           return sample;
                                         },
                                         {});
  if (!outcome.status.ok()) return outcome;
  // By parameter: a flat buffer has a weight's elements in the order of its strides, which are others in float32.
  std::vector<at::Tensor> gradients;
  for (const NamedTensor& parameter : network->parameters())
    gradients.push_back(parameter.tensor.grad().contiguous().flatten());
  outcome.gradient = at::cat(gradients);
  if (c.update) {
    absl::StatusOr<StepReport> report = step.Update(1, 1e-3, c.limits);
    outcome.status = report.status();
    if (report.ok()) outcome.report = *report;
  }
  std::vector<at::Tensor> values;
  for (const NamedTensor& parameter : network->parameters()) values.push_back(parameter.tensor.detach().flatten());
  outcome.parameters = at::cat(values);
  values.clear();
  for (const NamedTensor& weight : average ? average->weights() : std::vector<NamedTensor>()) {
    values.push_back(weight.tensor.flatten());
  }
  if (average) outcome.average = at::cat(values);
  for (const auto& [moments, out] :
       {std::pair{&optimizer.first_moments(), &outcome.first}, {&optimizer.second_moments(), &outcome.second}}) {
    values.clear();
    for (const NamedTensor& moment : *moments) values.push_back(moment.tensor.contiguous().flatten());
    *out = at::cat(values);
  }
  return outcome;
}

std::vector<Outcome> RunAll(const Case& c) {
  auto communicators = MakeLocalCommunicators(c.world_size, absl::Seconds(60));
  std::vector<Outcome> outcomes(c.world_size);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < c.world_size; ++rank) {
    threads.emplace_back([&, rank] { outcomes[rank] = RunRank(c, *communicators[rank]); });
  }
  for (std::thread& thread : threads) thread.join();
  return outcomes;
}

double RelativeDifference(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).norm() / b.norm()).item<double>();
}

TEST(TrainStep, TwoWorkersEqualTwoMicroBatchesBitwise) {
  for (const LossRegion region : {LossRegion::kWhole, LossRegion::kMasked}) {
    const std::vector<Outcome> two = RunAll({.world_size = 2, .region = region, .update = true});
    const std::vector<Outcome> one = RunAll({.world_size = 1, .region = region, .update = true});
    for (const Outcome& outcome : two) {
      ASSERT_OK(outcome.status);
      EXPECT_TRUE(at::equal(outcome.gradient, one[0].gradient));
      EXPECT_TRUE(at::equal(outcome.parameters, one[0].parameters));
      EXPECT_EQ(outcome.report.sums, one[0].report.sums);
    }
    EXPECT_GT(one[0].gradient.norm().item<double>(), 1e-3);
  }
}

TEST(TrainStep, MicroBatchesEqualOneBatchInFloat64) {
  const Outcome apart = RunAll({.micro_batch = 1, .type = at::kDouble, .update = true})[0];
  const Outcome together = RunAll({.micro_batch = 2, .type = at::kDouble, .update = true})[0];
  ASSERT_OK(apart.status);
  const double difference = RelativeDifference(apart.gradient, together.gradient);
  EXPECT_LT(difference, 1e-10);
  EXPECT_NEAR(apart.report.sums[Objective::kLoss], together.report.sums[Objective::kLoss],
              1e-12 * together.report.sums[Objective::kLoss]);
  const Outcome single_precision = RunAll({.micro_batch = 2})[0];
  const double rounding = RelativeDifference(single_precision.gradient.to(at::kDouble), together.gradient);
  EXPECT_LT(rounding, 5e-3);
  std::printf("batch of two against two micro-batches: %.2e (float64), float32 against float64: %.2e\n", difference,
              rounding);
}

TEST(TrainStep, SkippedSamplesHaveNoWeightOnAnyRank) {
  // Lanes 1 and 2 of 4 are damaged: what is left is the mean over lanes 0 and 3.
  const std::vector<Outcome> skipping =
      RunAll({.world_size = 2, .global_batch = 4, .type = at::kDouble, .skipped = {1, 2}, .update = true});
  for (const Outcome& outcome : skipping) {
    ASSERT_OK(outcome.status);
    EXPECT_EQ(outcome.report.skipped, 2);
    EXPECT_EQ(outcome.report.sums[Objective::kSamples], 2);
  }
  EXPECT_TRUE(at::equal(skipping[0].parameters, skipping[1].parameters));
  const Outcome lone = RunAll({.global_batch = 4, .type = at::kDouble, .skipped = {1, 2}})[0];
  EXPECT_LT(RelativeDifference(skipping[0].gradient, lone.gradient), 1e-12);
}

// A rank whose lanes are all damaged has no backward pass, and still takes part in every all-reduce.
TEST(TrainStep, ARankWithoutASampleFollows) {
  const std::vector<Outcome> outcomes = RunAll({.world_size = 2, .skipped = {1}, .update = true});
  ASSERT_OK(outcomes[0].status);
  ASSERT_OK(outcomes[1].status);
  EXPECT_TRUE(at::equal(outcomes[0].parameters, outcomes[1].parameters));
  EXPECT_EQ(outcomes[1].report.sums[Objective::kSamples], 1);
}

TEST(TrainStep, AStepWithoutAnySampleChangesNothing) {
  const Outcome none = RunAll({.skipped = {0, 1}, .update = true})[0];
  ASSERT_OK(none.status);
  EXPECT_EQ(none.report.skipped, 2);
  EXPECT_TRUE(at::equal(none.parameters, RunAll({.update = false})[0].parameters));
}

// At 32 LibTorch's own weight gradient at the lowest level is garbage (ValidateSpec refuses it).
TEST(TrainStep, Bfloat16IsCloseToFloat32) {
  const Outcome narrow = RunAll({.bf16 = true, .patch = 64, .update = true})[0];
  const Outcome wide = RunAll({.patch = 64, .update = true})[0];
  ASSERT_OK(narrow.status);
  EXPECT_NEAR(MeanLoss(narrow.report), MeanLoss(wide.report), 0.02 * MeanLoss(wide.report));
  EXPECT_LT(RelativeDifference(narrow.gradient, wide.gradient), 0.1);
}

// The norm is of the mean gradient, whatever was skipped.
TEST(TrainStep, ClipsByTheGlobalNorm) {
  const Outcome free = RunAll({.type = at::kDouble, .update = true})[0];
  ASSERT_OK(free.status);
  const double norm = free.report.gradient_norm;
  EXPECT_NEAR(norm, free.gradient.norm().item<double>(), 1e-12 * norm);
  EXPECT_FALSE(free.report.left_out);
  const Outcome skipping = RunAll({.global_batch = 4, .type = at::kDouble, .skipped = {1, 2}, .update = true})[0];
  EXPECT_NEAR(skipping.report.gradient_norm, 2 * skipping.gradient.norm().item<double>(), 1e-9);
  const Outcome loose = RunAll({.type = at::kDouble, .update = true, .clip_norm = 2 * norm})[0];
  EXPECT_TRUE(at::equal(loose.parameters, free.parameters));
}

// What AdamW sees is the mean gradient times clip / (norm + 1e-6), as torch.nn.utils.clip_grad_norm_ has it. A first step is
// almost a sign, which does not tell; the moments do.
TEST(TrainStep, AClippedUpdateIsThatOfTheScaledGradient) {
  for (const std::set<std::int64_t>& skipped : {std::set<std::int64_t>{}, {1, 2}}) {
    const Case base{.global_batch = 4, .type = at::kDouble, .skipped = skipped, .update = true};
    Case before = base, half = base;
    before.update = false;
    const double share = (4.0 - static_cast<double>(skipped.size())) / 4;
    const at::Tensor start = RunAll(before)[0].parameters, mean = RunAll(before)[0].gradient / share;
    half.clip_norm = mean.norm().item<double>() / 2;
    const at::Tensor clipped = mean * (half.clip_norm / (mean.norm().item<double>() + 1e-6));
    for (const int world_size : {1, 2}) {
      half.world_size = world_size;
      for (const Outcome& outcome : RunAll(half)) {
        ASSERT_OK(outcome.status);
        EXPECT_NEAR(outcome.report.gradient_norm, 2 * half.clip_norm, 1e-9 * half.clip_norm) << "before clipping";
        // The divisor is a float32.
        EXPECT_LT(RelativeDifference(outcome.first, 0.1 * clipped), 1e-6);
        EXPECT_LT(RelativeDifference(outcome.second, 0.001 * clipped.square()), 1e-6);
        const at::Tensor stepped = start * (1 - 1e-3 * 0.01) - 1e-3 * clipped / (clipped.abs() + 1e-8);
        EXPECT_LT((outcome.parameters - stepped).abs().max().item<double>(), 1e-9);
      }
    }
  }
}

TEST(TrainStep, ClippingAndAveragingAreTheSameAtAnyWorldSize) {
  const Case base{.global_batch = 4, .update = true, .clip_norm = 0.01, .decay = 0.9};
  Case two = base;
  two.world_size = 2;
  const Outcome one = RunAll(base)[0];
  ASSERT_OK(one.status);
  EXPECT_GT(one.report.gradient_norm, 0.01);
  for (const Outcome& outcome : RunAll(two)) {
    ASSERT_OK(outcome.status);
    EXPECT_LT(RelativeDifference(outcome.parameters, one.parameters), 1e-6);
    EXPECT_LT(RelativeDifference(outcome.average, one.average), 1e-6);
    EXPECT_NEAR(outcome.report.gradient_norm, one.report.gradient_norm, 1e-5 * one.report.gradient_norm);
  }
  const std::vector<Outcome> ranks = RunAll(two);
  EXPECT_TRUE(at::equal(ranks[0].parameters, ranks[1].parameters));
  EXPECT_TRUE(at::equal(ranks[0].average, ranks[1].average));
  EXPECT_EQ(ranks[0].report.gradient_norm, ranks[1].report.gradient_norm);
}

TEST(TrainStep, TheAverageFollowsTheWeights) {
  const Outcome before = RunAll({.type = at::kDouble})[0];
  const Outcome after = RunAll({.type = at::kDouble, .update = true, .decay = 0.9})[0];
  // The first update's decay is (1 + 1) / (10 + 1).
  const double decay = 2.0 / 11;
  const at::Tensor expected = before.parameters * decay + after.parameters * (1 - decay);
  EXPECT_LT((after.average - expected).abs().max().item<double>(), 1e-9);
}

TEST(TrainStep, AnUpdateThatIsNotFiniteIsLeftOutOnAllRanks) {
  const at::Tensor untouched = RunAll({})[0].parameters;
  for (const double poison : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    const std::vector<Outcome> ranks =
        RunAll({.world_size = 2, .update = true, .clip_norm = 1, .decay = 0.9, .poison = poison});
    for (const Outcome& outcome : ranks) {
      ASSERT_OK(outcome.status);
      EXPECT_TRUE(outcome.report.left_out);
      EXPECT_TRUE(at::equal(outcome.parameters, untouched));
      EXPECT_TRUE(at::equal(outcome.average, untouched));
    }
  }
}

TEST(TrainStep, AnUpdateBeyondTheLimitsIsLeftOutOnAllRanks) {
  const Outcome free = RunAll({.world_size = 2, .update = true})[0];
  const double loss = MeanLoss(free.report), norm = free.report.gradient_norm;
  const at::Tensor untouched = RunAll({})[0].parameters;
  for (const auto& [limits, left_out] : {std::pair{UpdateLimits{.loss = loss * 1.001, .norm = norm * 1.001}, false},
                                         {UpdateLimits{.loss = loss * 0.999}, true},
                                         {UpdateLimits{.norm = norm * 0.999}, true}}) {
    for (const Outcome& outcome : RunAll({.world_size = 2, .update = true, .limits = limits})) {
      ASSERT_OK(outcome.status);
      EXPECT_EQ(outcome.report.left_out, left_out);
      EXPECT_EQ(at::equal(outcome.parameters, untouched), left_out);
    }
  }
}

// Records when collectives start, against the end of backward.
class RecordingCommunicator final : public Communicator {
 public:
  explicit RecordingCommunicator(std::unique_ptr<Communicator> inner) : inner_(std::move(inner)) {}
  int rank() const override { return inner_->rank(); }
  int world_size() const override { return inner_->world_size(); }
  absl::StatusOr<Ticket> StartAllReduceSum(Buffer buffer) override {
    counts.push_back(buffer.count);
    if (on_start) on_start();
    return inner_->StartAllReduceSum(buffer);
  }
  absl::Status Wait(Ticket ticket) override { return inner_->Wait(ticket); }
  absl::Status Synchronize() override { return inner_->Synchronize(); }
  absl::Status Broadcast(Buffer buffer, int root) override { return inner_->Broadcast(buffer, root); }
  void Abort(absl::string_view reason) override { inner_->Abort(reason); }

  std::vector<std::int64_t> counts;
  std::function<void()> on_start;

 private:
  const std::unique_ptr<Communicator> inner_;
};

TEST(GradientBuckets, AllReduceStartsWhileBackwardRuns) {
  RecordingCommunicator communicator(MakeSingleCommunicator());
  const std::unique_ptr<Network> network = MakeUNet({.filters = 4, .seed = 3});
  std::vector<std::int64_t> sizes;
  for (const NamedTensor& parameter : network->parameters()) sizes.push_back(parameter.tensor.numel());
  const std::vector<BucketPlan> plan =
      PlanBuckets(sizes, {.first_bytes = 4096, .bytes = 16384, .bytes_per_element = 4});
  ASSERT_GT(plan.size(), 3u);
  GradientBuckets buckets(network->parameters(), plan, communicator, {});
  bool in_backward = false;
  std::size_t started_in_backward = 0;
  // The first layer's gradient comes last; while it is still zero, backward has not reached it.
  const at::Tensor first_weight = network->parameters().front().tensor;
  std::size_t before_first_layer = 0;
  communicator.on_start = [&] {
    started_in_backward += in_backward;
    before_first_layer += first_weight.grad().count_nonzero().item<std::int64_t>() == 0;
  };
  SyntheticLoader loader({.volumes = {}, .seed = 1, .patch = Cube(32), .global_batch = 2, .lanes = {0, 2}}, 5, {});
  buckets.BeginStep(1);
  for (int pass = 0; pass < 2; ++pass) {
    ASSERT_OK_AND_ASSIGN(const Sample sample, loader.Next());
    const MaskedBatch batch = MakeMaskedBatch({&sample}, 4, at::kCPU);
    if (pass == 1) buckets.ExpectLastBackward();
    const at::Tensor loss = ReconstructionLoss(network->Forward(batch.input), batch, LossRegion::kWhole).loss;
    in_backward = true;
    loss.backward();
    in_backward = false;
    if (pass == 1) break;
    EXPECT_TRUE(communicator.counts.empty()) << "only the last micro-batch may start an all-reduce";
    first_weight.mutable_grad().zero_();
  }
  EXPECT_EQ(started_in_backward, plan.size());
  EXPECT_EQ(before_first_layer, plan.size() - 1);
  ASSERT_OK(buckets.FinishBackward());
  ASSERT_OK(buckets.Wait());
  ASSERT_EQ(communicator.counts.size(), plan.size());
  for (std::size_t i = 0; i < plan.size(); ++i) EXPECT_EQ(communicator.counts[i], plan[i].elements);
}

TEST(GradientBuckets, GradientsAreViewsAndGoWithTheBuckets) {
  const auto communicator = MakeSingleCommunicator();
  const std::unique_ptr<Network> network = MakeUNet({.filters = 4, .seed = 3});
  std::vector<std::int64_t> sizes;
  for (const NamedTensor& parameter : network->parameters()) sizes.push_back(parameter.tensor.numel());
  {
    GradientBuckets buckets(network->parameters(), PlanBuckets(sizes, {}), *communicator, {});
    EXPECT_TRUE(network->parameters()[0].tensor.grad().is_alias_of(buckets.flat().back()));
  }
  EXPECT_FALSE(network->parameters()[0].tensor.grad().defined());
}

TEST(TrainStep, AFailingCommunicatorIsAnErrorOnBothRanks) {
  for (const std::int64_t collective : {0, 2}) {
    auto communicators = MakeLocalCommunicators(2, absl::Seconds(60));
    std::vector<Outcome> outcomes(2);
    std::vector<std::thread> threads;
    for (int rank = 0; rank < 2; ++rank) {
      threads.emplace_back([&, rank] {
        FaultyCommunicator faulty(std::move(communicators[rank]),
                                  {.kind = CollectiveFault::Kind::kFail,
                                   .rank = 1,
                                   .collective = collective,
                                   .error = absl::UnavailableError("the wire was cut")});
        outcomes[rank] = RunRank({.world_size = 2}, faulty);
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_THAT(outcomes[1].status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("the wire was cut")));
    for (const Outcome& outcome : outcomes) {
      EXPECT_EQ(FailureOf(outcome.status).reason, "PEER_LOST") << outcome.status;
      EXPECT_TRUE(FailureOf(outcome.status).retryable);
    }
  }
}

}  // namespace
}  // namespace amaes
