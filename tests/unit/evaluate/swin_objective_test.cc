#include "libs/evaluate/swin_objective.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "libs/base/rng.h"
#include "libs/base/testing/status_matchers.h"
#include "tests/unit/evaluate/tiny_swin_heads.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::Key;

constexpr Shape3 kPatch{64, 32, 32};
constexpr int kGroup = 2;

Sample Random(std::int64_t position) {
  Sample sample;
  sample.position = position;
  sample.fixed = true;
  sample.shape = kPatch;
  RandomStream stream(1, Purpose::kPhantom, static_cast<std::uint64_t>(position));
  for (std::int64_t i = 0; i < VoxelCount(kPatch); ++i)
    sample.input.push_back(static_cast<float>(stream.UniformDouble()));
  return sample;
}

SwinObjective PairObjective() { return SwinObjective({.views = {.draw_seed = 4, .group = kGroup}}); }

// Views of two samples; vectors along axes, so that similarities are 1 and 0.
TEST(SwinLosses, AreWhatTheirFormulasSay) {
  SwinHeadOutputs outputs;
  outputs.rotation = at::zeros({4, 4}, at::kDouble);
  outputs.rotation[0][2] = 3;
  outputs.contrastive = at::zeros({4, 512}, at::kDouble);
  for (int i = 0; i < 4; ++i) outputs.contrastive[i][i % 2] = 5;  // both views of a sample point the same way
  outputs.reconstruction = at::zeros({4, 1, 2, 2, 2}, at::kDouble);
  SwinViews views;
  views.turns = at::tensor(c10::ArrayRef<std::int64_t>({2, 0, 1, 3}));
  views.target = at::zeros({4, 1, 2, 2, 2}, at::kDouble).fill_(-0.25);
  const SwinLosses losses = ComputeSwinLosses(outputs, views, at::zeros({2}, at::kLong));
  EXPECT_NEAR(losses.rotation[0].item<double>(), std::log(std::exp(3) + 3) - 3, 1e-12);
  EXPECT_NEAR(losses.rotation[1].item<double>(), std::log(4), 1e-12);
  EXPECT_EQ(losses.correct[0].item<double>(), 1);
  EXPECT_EQ(losses.correct[3].item<double>(), 0);
  for (int i = 0; i < 4; ++i) {
    EXPECT_NEAR(losses.contrastive[i].item<double>(), std::log(std::exp(2) + 2) - 2, 1e-12);
    EXPECT_NEAR(losses.reconstruction[i].item<double>(), 0.25, 1e-12);
  }
  // Apart, each sample has its own two views alone: nothing to tell them from.
  const SwinLosses apart = ComputeSwinLosses(outputs, views, at::tensor(c10::ArrayRef<std::int64_t>({0, 1})));
  EXPECT_NEAR(apart.contrastive.abs().max().item<double>(), 0, 1e-12);
}

TEST(SwinLosses, ExcludedVoxelsAreNotRestored) {
  SwinHeadOutputs outputs;
  outputs.rotation = at::zeros({2, 4}, at::kDouble);
  outputs.contrastive = at::eye(2, at::kDouble);
  outputs.reconstruction = at::zeros({2, 1, 1, 1, 4}, at::kDouble).requires_grad_(true);
  SwinViews views;
  views.turns = at::tensor(c10::ArrayRef<std::int64_t>({2, 0}));
  views.target = at::tensor({1.0, 2.0, 4.0, 8.0, 1.0, 2.0, 4.0, 8.0}, at::kDouble).view({2, 1, 1, 1, 4});
  views.excluded = at::tensor({0, 1, 0, 1, 1, 1, 1, 1}).to(at::kBool).view({2, 1, 1, 1, 4});
  const SwinLosses losses = ComputeSwinLosses(outputs, views, at::zeros({1}, at::kLong));
  EXPECT_EQ(losses.reconstruction[0].item<double>(), 2.5);
  EXPECT_EQ(losses.reconstruction[1].item<double>(), 0) << "nothing is left";
  losses.reconstruction.sum().backward();
  EXPECT_EQ(outputs.reconstruction.grad().count_nonzero().item<std::int64_t>(), 2);
}

TEST(SwinObjective, NamesItsMetricsAndAddsThemUp) {
  const TinySwinHeads network;
  const std::vector<Sample> crops{Random(0), Random(1)};
  ASSERT_OK_AND_ASSIGN(const std::vector<double> sums, EvaluateCrops(PairObjective(), network, crops, 2));
  EXPECT_EQ(sums[Objective::kSamples], 2);
  const MetricMap metrics = PairObjective().MetricsOf(sums);
  EXPECT_THAT(metrics, ElementsAre(Key("loss"), Key("loss_contrastive"), Key("loss_reconstruction"),
                                   Key("loss_rotation"), Key("rotation_accuracy")));
  EXPECT_NEAR(metrics.at("loss"),
              metrics.at("loss_rotation") + metrics.at("loss_contrastive") + metrics.at("loss_reconstruction"), 1e-6);
  EXPECT_GT(metrics.at("loss_contrastive"), 0.1);
  EXPECT_NEAR(std::fmod(4 * metrics.at("rotation_accuracy"), 1), 0, 1e-12);  // of four views
}

TEST(SwinObjective, GroupsAreIndependentOfTheBatch) {
  const TinySwinHeads network;
  std::vector<Sample> crops;
  for (int i = 0; i < 5; ++i) crops.push_back(Random(i));
  crops[2].skipped = true;  // its group goes on with the other one
  crops[2].input.clear();
  ASSERT_OK_AND_ASSIGN(const std::vector<double> together, EvaluateCrops(PairObjective(), network, crops, 8));
  ASSERT_OK_AND_ASSIGN(const std::vector<double> apart, EvaluateCrops(PairObjective(), network, crops, 1));
  ASSERT_EQ(together.size(), apart.size());
  EXPECT_EQ(together[0], 4);
  for (std::size_t i = 0; i < apart.size(); ++i) EXPECT_NEAR(together[i], apart[i], 1e-5) << i;
}

TEST(SwinObjective, GradientReachesEveryHead) {
  const TinySwinHeads network;
  const Sample a = Random(0), b = Random(1);
  const ObjectiveResult result = PairObjective().Compute(network, std::vector<const Sample*>{&a, &b});
  EXPECT_NEAR(result.loss.item<double>(), result.sums[1].item<double>(), 1e-6);
  result.loss.backward();
  for (const auto& [name, parameter] : network.parameters()) {
    EXPECT_GT(parameter.grad().abs().max().item<double>(), 0) << name;
  }
}

TEST(SwinObjective, PictureShowsTheFirstView) {
  const TinySwinHeads network;
  const Sample sample = Random(3);
  const std::optional<CropPicture> picture = PairObjective().Picture(network, sample);
  ASSERT_TRUE(picture.has_value());
  EXPECT_EQ(picture->shape, kPatch);
  EXPECT_EQ(picture->target.size(), sample.input.size());
  EXPECT_NE(picture->masked, picture->target);
  Sample skipped = sample;
  skipped.skipped = true;
  EXPECT_FALSE(PairObjective().Picture(network, skipped).has_value());
}

}  // namespace
}  // namespace amaes
