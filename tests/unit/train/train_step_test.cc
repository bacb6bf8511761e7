// One step, before the optimiser: world size, micro-batches and batches give the same loss and gradient.
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
#include "libs/train/train_step.h"
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
  BucketOptions buckets{.first_bytes = 4096, .bytes = 16384, .bytes_per_element = 4};
};

struct Outcome {
  absl::Status status;
  at::Tensor gradient;    // all buckets, one after the other
  at::Tensor parameters;  // all, one after the other
  StepReport report;      // when updated
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
  GradientBuckets buckets(network->parameters(), plan, communicator, {});
  const LaneRange lanes = LanesOf(communicator.rank(), c.world_size, c.global_batch);
  const MaskedObjective objective({.token = 4, .region = c.region, .bf16 = c.bf16, .device = at::kCPU});
  TrainStep step(objective, *network, buckets, optimizer, communicator,
                 {.global_batch = c.global_batch, .micro_batch = c.micro_batch, .lanes = lanes.size(), .device = at::kCPU});
  SyntheticLoader loader({.volumes = {}, .seed = 1, .patch = Cube(c.patch), .global_batch = c.global_batch, .lanes = lanes}, 5,
                         c.skipped);
  outcome.status = step.ComputeGradients(1, [&] { return loader.Next(); }, {});
  if (!outcome.status.ok()) return outcome;
  outcome.gradient = at::cat(buckets.flat()).clone();
  if (c.update) {
    absl::StatusOr<StepReport> report = step.Update(1, 1e-3);
    outcome.status = report.status();
    if (report.ok()) outcome.report = *report;
  }
  std::vector<at::Tensor> values;
  for (const NamedTensor& parameter : network->parameters()) values.push_back(parameter.tensor.detach().flatten());
  outcome.parameters = at::cat(values);
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
  EXPECT_NEAR(apart.report.sums[Objective::kLoss], together.report.sums[Objective::kLoss], 1e-12 * together.report.sums[Objective::kLoss]);
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
  const std::vector<BucketPlan> plan = PlanBuckets(sizes, {.first_bytes = 4096, .bytes = 16384, .bytes_per_element = 4});
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
                                  {.kind = CollectiveFault::Kind::kFail, .rank = 1, .collective = collective,
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
