// The pure parts of training, and AdamW.
#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "libs/base/files.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/train/adamw.h"
#include "libs/train/bucket_plan.h"
#include "libs/train/checkpoint_io.h"
#include "libs/train/failure.h"
#include "libs/train/lr_schedule.h"
#include "libs/train/metrics_log.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Computed apart, with 30 digits.
TEST(LrSchedule, GoldenTable) {
  const LrSchedule schedule{.learning_rate = 1e-4, .steps = 276900, .warmup_steps = 13845, .warmup_start_factor = 1e-3};
  const std::pair<std::int64_t, double> table[] = {
      {0, 1e-7},
      {1, 1.07215601300108e-7},
      {6922, 5.00463921993499e-5},
      {13844, 9.99927843986999e-5},
      {13845, 1e-4},
      {13846, 9.99999999964343e-5},
      {145372, 5.000029856804219e-5},
      {145373, 4.999970143195781e-5},
      {276899, 3.565715032776462e-15},
      {276900, 0},
  };
  for (const auto& [step, rate] : table)
    EXPECT_NEAR(LearningRateAt(schedule, step), rate, 1e-10 * rate + 1e-19) << step;
}

// What torch.optim.lr_scheduler gives: LinearLR(1e-3, 1, T_w), then CosineAnnealingLR(T − T_w), in one SequentialLR.
TEST(LrSchedule, EqualsTorchsSchedulers) {
  const LrSchedule short_run{.learning_rate = 1e-4, .steps = 100, .warmup_steps = 5, .warmup_start_factor = 1e-3};
  const LrSchedule demo{.learning_rate = 2e-3, .steps = 350, .warmup_steps = 10, .warmup_start_factor = 1e-3};
  const std::tuple<LrSchedule, std::int64_t, double> table[] = {
      {short_run, 0, 1.0000000000000001e-07},
      {short_run, 1, 2.0080000000000001e-05},
      {short_run, 2, 4.0059999999999999e-05},
      {short_run, 4, 8.0019999999999996e-05},
      {short_run, 5, 0.0001},
      {short_run, 6, 9.9972662867046312e-05},
      {short_run, 28, 8.6221260239554461e-05},
      {short_run, 52, 5.0826697238317928e-05},
      {short_run, 76, 1.493816078637557e-05},
      {short_run, 99, 2.7337132953697551e-08},
      {short_run, 100, 0},
      {demo, 0, 1.9999999999999999e-06},
      {demo, 5, 0.0010010000000000002},
      {demo, 9, 0.0018002000000000003},
      {demo, 10, 0.002},
      {demo, 11, 0.0019999573117033677},
      {demo, 95, 0.0017071067811865483},
      {demo, 180, 0.0010000000000000005},
      {demo, 265, 0.00029289321881345262},
      {demo, 349, 4.2688296632120717e-08},
  };
  for (const auto& [schedule, step, rate] : table) {
    EXPECT_NEAR(LearningRateAt(schedule, step), rate, 1e-10 * rate + 1e-19) << schedule.steps << " " << step;
  }
}

TEST(LrSchedule, WithoutWarmUpAndBeyondTheEnd) {
  const LrSchedule schedule{.learning_rate = 2.0, .steps = 4, .warmup_steps = 0, .warmup_start_factor = 0.5};
  EXPECT_DOUBLE_EQ(LearningRateAt(schedule, 0), 2.0);
  EXPECT_DOUBLE_EQ(LearningRateAt(schedule, 2), 1.0);
  EXPECT_DOUBLE_EQ(LearningRateAt(schedule, 4), 0.0);
  EXPECT_DOUBLE_EQ(LearningRateAt(schedule, 5), 0.0);
  const LrSchedule only_warmup{.learning_rate = 2.0, .steps = 4, .warmup_steps = 4, .warmup_start_factor = 0.5};
  EXPECT_DOUBLE_EQ(LearningRateAt(only_warmup, 2), 1.5);
  EXPECT_DOUBLE_EQ(LearningRateAt(only_warmup, 4), 0.0);
}

TEST(BucketPlan, GoesBackwardsAndClosesFullBuckets) {
  const auto plan = PlanBuckets({10, 100, 16, 3}, {.first_bytes = 128, .bytes = 300, .bytes_per_element = 4});
  ASSERT_EQ(plan.size(), 3u);
  EXPECT_THAT(plan[0].slots, ElementsAre(BucketSlot{3, 0, 3}, BucketSlot{2, 16, 16}));
  EXPECT_EQ(plan[0].elements, 32);
  EXPECT_THAT(plan[1].slots, ElementsAre(BucketSlot{1, 0, 100}));
  EXPECT_EQ(plan[1].elements, 112);
  EXPECT_THAT(plan[2].slots, ElementsAre(BucketSlot{0, 0, 10}));
}

TEST(OptimizerOwners, SharesAreContiguousAndBalanced) {
  EXPECT_THAT(OptimizerOwners({1, 1, 1, 1}, 2), ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(OptimizerOwners({8, 1, 1}, 2), ElementsAre(0, 1, 1));
  EXPECT_THAT(OptimizerOwners({5, 5}, 4), ElementsAre(1, 3));
  EXPECT_THAT(OptimizerOwners({5, 5}, 1), ElementsAre(0, 0));
}

TEST(Failure, TheFirstReasonStays) {
  EXPECT_EQ(FailureOf(absl::InternalError("x")).reason, "INTERNAL");
  const absl::Status lost = CollectiveFailure(absl::UnavailableError("rank 1 is gone"));
  EXPECT_EQ(FailureOf(lost).reason, "PEER_LOST");
  EXPECT_TRUE(FailureOf(StorageFailure(lost)).retryable);
  EXPECT_EQ(FailureOf(StorageFailure(lost)).reason, "PEER_LOST");
  const Failure damaged = FailureOf(DataFailure(absl::DataLossError("volume 3, chunk 2")));
  EXPECT_EQ(damaged.reason, "DATA_DAMAGED");
  EXPECT_EQ(damaged.message, "volume 3, chunk 2");
  EXPECT_FALSE(damaged.retryable);
}

TEST(MetricsLog, GoesOnWhereTheCheckpointWas) {
  TempDir dir;
  const auto path = dir.path() / "metrics.jsonl";
  std::int64_t length = 0;
  {
    ASSERT_OK_AND_ASSIGN(MetricsLog log, MetricsLog::Open(path, 0));
    log.Append(
        ValidationResult{.step = 0,
                         .split = "train",
                         .metrics = {{"loss_masked", 0.5}, {"loss_visible_mean", 0.125}, {"masked_r2", std::nan("")}}});
    TrainProgress step;
    step.step = 1;
    step.metrics["loss_masked"] = 0.1;
    step.learning_rate = 1e-4;
    log.Append(step);
    ASSERT_OK_AND_ASSIGN(length, log.Flush(true));
    step.step = 2;
    log.Append(step);
    ASSERT_OK(log.Flush(false));
  }
  EXPECT_GT(std::filesystem::file_size(path), static_cast<std::uintmax_t>(length));
  EXPECT_THAT(MetricsLog::Open(path, 100000), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("100000")));
  { ASSERT_OK_AND_ASSIGN(MetricsLog log, MetricsLog::Open(path, length)); }
  EXPECT_EQ(std::filesystem::file_size(path), static_cast<std::uintmax_t>(length));
  std::ofstream(path, std::ios::app) << "{\"step\":3,\"loss_ma";
  ASSERT_OK_AND_ASSIGN(const MetricsHistory history, ReadMetrics(path));
  ASSERT_EQ(history.steps.size(), 1u);
  EXPECT_DOUBLE_EQ(history.steps[0].metrics.at("loss_masked"), 0.1);
  EXPECT_DOUBLE_EQ(history.steps[0].learning_rate, 1e-4);
  ASSERT_EQ(history.validations.size(), 1u);
  EXPECT_EQ(history.validations[0].split, "train");
  EXPECT_DOUBLE_EQ(history.validations[0].metrics.at("loss_visible_mean"), 0.125);
  EXPECT_FALSE(history.validations[0].metrics.contains("masked_r2")) << "what is not finite is left out";
}

// Three parameters, so that there are gaps and two buckets.
struct AdamWFixture {
  std::vector<NamedTensor> parameters;
  std::vector<BucketPlan> plan;

  AdamWFixture() {
    for (const std::int64_t size : {5, 40, 3}) {
      const at::Tensor value = at::arange(size, at::kFloat) * 0.1 - 0.2;
      parameters.push_back({"p" + std::to_string(size), value.clone().requires_grad_(true)});
    }
    plan = PlanBuckets({5, 40, 3}, {.first_bytes = 64, .bytes = 1 << 20, .bytes_per_element = 4});
  }
  std::vector<at::Tensor> Gradients(double scale) const {
    std::vector<at::Tensor> flat;
    for (const BucketPlan& bucket : plan) flat.push_back((at::arange(bucket.elements, at::kFloat) - 7.5) * scale);
    return flat;
  }
};

at::Tensor Scalar(float value) { return at::full({}, value, at::kFloat); }

// The textbook update in float64 (Loshchilov and Hutter; torch.optim.AdamW).
TEST(AdamW, MatchesTheFormula) {
  AdamWFixture fixture;
  const std::vector<at::Tensor> start = [&] {
    std::vector<at::Tensor> values;
    for (const auto& parameter : fixture.parameters)
      values.push_back(parameter.tensor.detach().to(at::kDouble, false, true));
    return values;
  }();
  AdamW adamw(fixture.parameters, fixture.plan, {.beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-6, .weight_decay = 0.05});
  const double rates[] = {0.01, 0.02, 0.005};
  for (int update = 1; update <= 3; ++update) {
    adamw.Step(fixture.Gradients(0.3 * update), rates[update - 1], update, Scalar(1), Scalar(0));
  }
  for (const BucketPlan& bucket : fixture.plan) {
    for (const BucketSlot& slot : bucket.slots) {
      at::Tensor p = start[slot.parameter].clone(), m = at::zeros_like(p), v = at::zeros_like(p);
      for (int update = 1; update <= 3; ++update) {
        const at::Tensor g = (at::arange(slot.offset, slot.offset + slot.count, at::kDouble) - 7.5) * 0.3 * update;
        const double rate = rates[update - 1];
        p = p * (1 - rate * 0.05);
        m = 0.9 * m + 0.1 * g;
        v = 0.99 * v + 0.01 * g * g;
        p = p - rate * (m / (1 - std::pow(0.9, update))) / ((v / (1 - std::pow(0.99, update))).sqrt() + 1e-6);
      }
      const at::Tensor got = fixture.parameters[slot.parameter].tensor.detach().to(at::kDouble);
      EXPECT_TRUE(at::allclose(got, p, 1e-6, 1e-7)) << got << p;
      EXPECT_TRUE(at::allclose(adamw.first_moments()[slot.parameter].tensor.to(at::kDouble), m, 1e-5, 1e-6));
      EXPECT_TRUE(at::allclose(adamw.second_moments()[slot.parameter].tensor.to(at::kDouble), v, 1e-5, 1e-6));
    }
  }
}

TEST(AdamW, DividesGradientsAndCanBeSkippedOnTheDevice) {
  AdamWFixture a, b;
  AdamW first(a.parameters, a.plan, {}), second(b.parameters, b.plan, {});
  first.Step(a.Gradients(1.0), 0.1, 1, Scalar(1), Scalar(0));
  second.Step(b.Gradients(0.5), 0.1, 1, Scalar(0.5), Scalar(0));
  for (std::size_t i = 0; i < a.parameters.size(); ++i) {
    EXPECT_TRUE(at::equal(a.parameters[i].tensor, b.parameters[i].tensor));
    EXPECT_TRUE(at::equal(first.second_moments()[i].tensor, second.second_moments()[i].tensor));
  }
  first.Step(a.Gradients(9.0), 0.1, 2, Scalar(1), Scalar(1));
  for (std::size_t i = 0; i < a.parameters.size(); ++i) {
    EXPECT_TRUE(at::equal(a.parameters[i].tensor, b.parameters[i].tensor));
    EXPECT_TRUE(at::equal(first.first_moments()[i].tensor, second.first_moments()[i].tensor));
  }
}

// A parameter and two buffers, one of them indices.
class Buffered final : public Network {
 public:
  explicit Buffered(double value) {
    parameters_.push_back({"weight", at::full({3}, value, at::kFloat).requires_grad_(true)});
    buffers_.push_back({"index", at::full({2, 2}, static_cast<std::int64_t>(value), at::kLong)});
    buffers_.push_back({"scale", at::full({4}, value, at::kFloat)});
  }
  at::Tensor Forward(const at::Tensor& input) const override { return input; }
};

TEST(CheckpointIo, BuffersAreSavedLoadedAndMoved) {
  TempDir dir;
  const BucketOptions one{.first_bytes = 1 << 20, .bytes = 1 << 20, .bytes_per_element = 4};
  Buffered saved(7), loaded(3);
  AdamW optimizer(saved.parameters(), PlanBuckets({3}, one), {}), other(loaded.parameters(), PlanBuckets({3}, one), {});
  ASSERT_OK_AND_ASSIGN(const CheckpointShare share, CopyShare(saved, optimizer, nullptr, 0, 1));
  CheckpointManifest manifest;
  ASSERT_OK_AND_ASSIGN(manifest.files, WriteShare(dir.path(), share));
  ASSERT_OK(LoadState(dir.path(), manifest, loaded, other));
  EXPECT_TRUE(at::equal(loaded.parameters()[0].tensor, saved.parameters()[0].tensor));
  for (const std::size_t i : {0, 1}) EXPECT_TRUE(at::equal(loaded.buffers()[i].tensor, saved.buffers()[i].tensor));
  EXPECT_EQ(loaded.buffers()[0].tensor.scalar_type(), at::kLong);
  loaded.To(at::kCPU, at::kDouble);
  EXPECT_EQ(loaded.buffers()[0].tensor.scalar_type(), at::kLong);
  EXPECT_EQ(loaded.buffers()[1].tensor.scalar_type(), at::kDouble);
}

}  // namespace
}  // namespace amaes
