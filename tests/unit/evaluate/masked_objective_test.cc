#include "libs/evaluate/masked_objective.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "libs/base/rng.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/draws/draws.h"
#include "libs/models/unet.h"

namespace amaes {
namespace {

ReconstructionSums ToHost(const at::Tensor& sums) {
  ReconstructionSums result;
  for (int i = 0; i < ReconstructionSums::kCount; ++i) result.values[i] = sums[i].item<double>();
  return result;
}

// Two patches of 1×1×4 voxels; the first two voxels are masked.
//   sample 0: target 1 2 | 3 5, output 2 2 | 3 4: masked 1, visible 1; visible mean 4, filling 9 + 4 = 13
//   sample 1: target 0 4 | 2 2, output 0 1 | 2 2: masked 9, visible 0; visible mean 2, filling 4 + 4 = 8
MaskedBatch HandMade() {
  MaskedBatch batch;
  batch.target = at::tensor({1.f, 2.f, 3.f, 5.f, 0.f, 4.f, 2.f, 2.f}).view({2, 1, 1, 1, 4});
  batch.mask = at::tensor({1, 1, 0, 0, 1, 1, 0, 0}).to(at::kBool).view({2, 1, 1, 1, 4});
  batch.input = batch.target.masked_fill(batch.mask, 0.0);
  return batch;
}
at::Tensor HandMadeOutput() {
  return at::tensor({2.f, 2.f, 3.f, 4.f, 0.f, 1.f, 2.f, 2.f}).view({2, 1, 1, 1, 4}).requires_grad_(true);
}

TEST(ReconstructionLoss, HandComputed) {
  const at::Tensor output = HandMadeOutput();
  const ObjectiveResult whole = ReconstructionLoss(output, HandMade(), LossRegion::kWhole);
  const ReconstructionSums sums = ToHost(whole.sums);
  EXPECT_EQ(sums.samples(), 2);
  EXPECT_DOUBLE_EQ(sums.masked_error(), 10);
  EXPECT_DOUBLE_EQ(sums.visible_error(), 1);
  EXPECT_EQ(sums.masked_voxels(), 4);
  EXPECT_EQ(sums.visible_voxels(), 4);
  EXPECT_DOUBLE_EQ(sums.mean_fill_error(), 21);
  EXPECT_DOUBLE_EQ(sums.MaskedR2(), 1 - 10.0 / 21);
  EXPECT_DOUBLE_EQ(sums.MaskedLoss(), 2.5);
  EXPECT_DOUBLE_EQ(sums.VisibleLoss(), 0.25);
  EXPECT_DOUBLE_EQ(sums.MeanFillLoss(), 5.25);
  // Sample losses: whole (1 + 1)/4 and 9/4; masked only 1/2 and 9/2.
  EXPECT_DOUBLE_EQ(whole.loss.item<double>(), 2.75);
  EXPECT_DOUBLE_EQ(sums.MeanLoss(), 1.375);
  const ObjectiveResult masked = ReconstructionLoss(output, HandMade(), LossRegion::kMasked);
  EXPECT_DOUBLE_EQ(masked.loss.item<double>(), 5.0);
  masked.loss.backward();
  // d/dy of (y − t)²/2 on masked voxels: (y − t); none on visible ones.
  const at::Tensor expected = at::tensor({1.f, 0.f, 0.f, 0.f, 0.f, -3.f, 0.f, 0.f}).view({2, 1, 1, 1, 4});
  EXPECT_TRUE(output.grad().equal(expected)) << output.grad();
}

TEST(ReconstructionLoss, RatiosAreTakenAfterSumming) {
  MaskedBatch batch = HandMade();
  ReconstructionSums total;
  for (int i = 0; i < 2; ++i) {
    MaskedBatch one;
    one.target = batch.target.narrow(0, i, 1);
    one.mask = batch.mask.narrow(0, i, 1);
    const ReconstructionSums sums =
        ToHost(ReconstructionLoss(HandMadeOutput().narrow(0, i, 1), one, LossRegion::kWhole).sums);
    for (int j = 0; j < ReconstructionSums::kCount; ++j) total.values[j] += sums.values[j];
  }
  EXPECT_EQ(total.values, ToHost(ReconstructionLoss(HandMadeOutput(), batch, LossRegion::kWhole).sums).values);
}

TEST(ReconstructionLoss, GroupsAreToldApart) {
  const at::Tensor groups = at::tensor({1, 0}, at::kLong);
  const at::Tensor sums = ReconstructionLoss(HandMadeOutput(), HandMade(), LossRegion::kWhole, groups, 3).sums;
  // Group 0 is sample 1, group 1 is sample 0, group 2 has none: masked error, masked voxels, filling.
  const at::Tensor expected = at::tensor({9.0, 2.0, 8.0, 1.0, 2.0, 13.0, 0.0, 0.0, 0.0}, at::kDouble);
  EXPECT_TRUE(sums.narrow(0, ReconstructionSums::kCount, 9).equal(expected)) << sums;
  EXPECT_TRUE(sums.narrow(0, 0, ReconstructionSums::kCount)
                  .equal(ReconstructionLoss(HandMadeOutput(), HandMade(), LossRegion::kWhole).sums));
  const MaskedObjective objective({.groups = {"T1w", "T2w", "FLAIR"}});
  ASSERT_EQ(objective.sums(), sums.numel());
  const MetricMap metrics =
      objective.MetricsOf({sums.const_data_ptr<double>(), static_cast<std::size_t>(sums.numel())});
  EXPECT_DOUBLE_EQ(metrics.at("loss_masked/T1w"), 4.5);
  EXPECT_DOUBLE_EQ(metrics.at("masked_r2/T1w"), 1 - 9.0 / 8);
  EXPECT_DOUBLE_EQ(metrics.at("loss_masked/T2w"), 0.5);
  EXPECT_FALSE(metrics.contains("loss_masked/FLAIR"));
}

// A sample that is not finite spoils its own group alone.
TEST(ReconstructionLoss, AGroupThatIsNotFiniteDoesNotSpoilTheOthers) {
  at::Tensor output = HandMadeOutput().detach().clone();
  output[0].fill_(std::numeric_limits<double>::quiet_NaN());
  const at::Tensor groups = at::tensor({1, 0}, at::kLong);
  const at::Tensor sums = ReconstructionLoss(output, HandMade(), LossRegion::kWhole, groups, 2).sums;
  EXPECT_EQ(sums[ReconstructionSums::kCount].item<double>(), 9.0);
  EXPECT_TRUE(std::isnan(sums[ReconstructionSums::kCount + 3].item<double>()));
}

TEST(ReconstructionLoss, MeanIsZeroAndPerfectIsOne) {
  const MaskedBatch batch = HandMade();
  EXPECT_DOUBLE_EQ(ToHost(ReconstructionLoss(batch.target, batch, LossRegion::kWhole).sums).MaskedR2(), 1.0);
  at::Tensor means = batch.target.clone();
  means[0].masked_fill_(batch.mask[0], 4.0);
  means[1].masked_fill_(batch.mask[1], 2.0);
  EXPECT_DOUBLE_EQ(ToHost(ReconstructionLoss(means, batch, LossRegion::kWhole).sums).MaskedR2(), 0.0);
  MaskedBatch constant = batch;
  constant.target = at::full({2, 1, 1, 1, 4}, 0.5f);
  EXPECT_EQ(ToHost(ReconstructionLoss(batch.target, constant, LossRegion::kWhole).sums).MaskedR2(), 0.0);
}

TEST(ReconstructionLoss, Bfloat16OutputIsComparedInFloat32) {
  const MaskedBatch batch = HandMade();
  const ObjectiveResult loss = ReconstructionLoss(HandMadeOutput().to(at::kBFloat16), batch, LossRegion::kWhole);
  EXPECT_EQ(loss.loss.scalar_type(), at::kFloat);
  EXPECT_EQ(loss.sums.scalar_type(), at::kDouble);
}

// Voxel 0 (masked) and voxel 3 (visible) of sample 0 and all of sample 1 but voxel 1 (masked) do not count.
TEST(ReconstructionLoss, ExcludedVoxelsHaveNoWeight) {
  MaskedBatch batch = HandMade();
  batch.excluded = at::tensor({1, 0, 0, 1, 1, 0, 1, 1}).to(at::kBool).view({2, 1, 1, 1, 4});
  const at::Tensor output = HandMadeOutput();
  const ObjectiveResult whole = ReconstructionLoss(output, batch, LossRegion::kWhole);
  const ReconstructionSums sums = ToHost(whole.sums);
  EXPECT_DOUBLE_EQ(sums.masked_error(), 9);  // (2 − 2)² + (1 − 4)²
  EXPECT_DOUBLE_EQ(sums.visible_error(), 0);
  EXPECT_EQ(sums.masked_voxels(), 2);
  EXPECT_EQ(sums.visible_voxels(), 1);
  EXPECT_DOUBLE_EQ(sums.mean_fill_error(), 1 + 16);  // of 3 (the visible voxel), and of nothing: 0
  EXPECT_DOUBLE_EQ(whole.loss.item<double>(), 0.0 / 2 + 9.0 / 1);
  EXPECT_DOUBLE_EQ(ReconstructionLoss(output, batch, LossRegion::kMasked).loss.item<double>(), 0.0 + 9.0);
  whole.loss.backward();
  EXPECT_EQ(output.grad().count_nonzero().item<std::int64_t>(), 1);
}

TEST(ReconstructionLoss, ASampleThatIsExcludedEntirelyAddsNothing) {
  for (const LossRegion region : {LossRegion::kWhole, LossRegion::kMasked}) {
    MaskedBatch batch = HandMade();
    const at::Tensor output = HandMadeOutput();
    batch.excluded = at::tensor({1, 1, 1, 1, 0, 0, 0, 0}).to(at::kBool).view({2, 1, 1, 1, 4});
    const ObjectiveResult both = ReconstructionLoss(output, batch, region);
    MaskedBatch second;
    second.target = batch.target.narrow(0, 1, 1);
    second.mask = batch.mask.narrow(0, 1, 1);
    const ObjectiveResult alone = ReconstructionLoss(output.narrow(0, 1, 1), second, region);
    EXPECT_DOUBLE_EQ(both.loss.item<double>(), alone.loss.item<double>());
    for (int i = 1; i < ReconstructionSums::kCount; ++i)
      EXPECT_DOUBLE_EQ(both.sums[i].item<double>(), alone.sums[i].item<double>()) << i;
    both.loss.backward();
    EXPECT_EQ(output.grad()[0].count_nonzero().item<std::int64_t>(), 0);
    EXPECT_TRUE(output.grad().isfinite().all().item<bool>());
    // Nothing is left at all.
    batch.excluded = at::ones({2, 1, 1, 1, 4}, at::kBool);
    const ObjectiveResult none = ReconstructionLoss(output, batch, region);
    EXPECT_EQ(none.loss.item<double>(), 0);
    EXPECT_EQ(ToHost(none.sums).MaskedR2(), 0);
  }
}

std::vector<Sample> Crops(std::int64_t count) {
  std::vector<Sample> crops(count);
  for (std::int64_t i = 0; i < count; ++i) {
    RandomStream stream(7, Purpose::kPhantom, i);
    crops[i].shape = Cube(32);
    for (int v = 0; v < 32 * 32 * 32; ++v) crops[i].input.push_back(static_cast<float>(stream.UniformDouble()));
    crops[i].token_mask = DrawValidationMask(1, i, Cube(32), 4, 0.6);
  }
  return crops;
}

TEST(EvaluateCrops, BatchingAndSkippedCropsDoNotMatter) {
  const auto network = MakeUNet({.filters = 4, .seed = 2});
  const MaskedObjective objective({});
  std::vector<Sample> crops = Crops(3);
  ASSERT_OK_AND_ASSIGN(const std::vector<double> one, EvaluateCrops(objective, *network, crops, 1));
  EXPECT_EQ(one[Objective::kSamples], 3);
  const MetricMap metrics = objective.MetricsOf(one);
  EXPECT_GT(metrics.at("loss_masked"), 0);
  EXPECT_DOUBLE_EQ(metrics.at("loss"), one[Objective::kLoss] / 3);
  Sample skipped;
  skipped.skipped = true;
  crops.insert(crops.begin() + 1, skipped);
  ASSERT_OK_AND_ASSIGN(const std::vector<double> two, EvaluateCrops(objective, *network, crops, 2));
  for (int i = 0; i < objective.sums(); ++i) EXPECT_NEAR(two[i], one[i], 1e-5 * one[i]);
  ASSERT_OK_AND_ASSIGN(const std::vector<double> none, EvaluateCrops(objective, *network, {}, 1));
  EXPECT_EQ(objective.MetricsOf(none).at("loss_masked"), 0);
}

TEST(MaskedObjective, APictureHasAllFourParts) {
  const auto network = MakeUNet({.filters = 4, .seed = 2});
  const std::vector<Sample> crops = Crops(1);
  const MaskedObjective objective({});
  const std::optional<CropPicture> picture = objective.Picture(*network, crops[0]);
  ASSERT_TRUE(picture.has_value());
  EXPECT_EQ(picture->shape, Cube(32));
  EXPECT_EQ(picture->input, crops[0].input);
  EXPECT_EQ(picture->target, crops[0].input);
  EXPECT_EQ(picture->reconstruction.size(), crops[0].input.size());
  std::int64_t masked = 0;
  for (const float value : picture->masked) masked += std::isnan(value);
  EXPECT_EQ(masked, MaskedTokenCount(Cube(32), 4, 0.6) * 64);
  Sample skipped;
  skipped.skipped = true;
  EXPECT_FALSE(objective.Picture(*network, skipped).has_value());
}

}  // namespace
}  // namespace amaes
