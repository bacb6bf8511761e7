#include "libs/evaluate/segmentation_objective.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/evaluate/segmentation_loss.h"

namespace amaes {
namespace {

using ::testing::DoubleNear;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

// Logits 4·x, one channel per class, the last of which the first input channel decides.
class Threshold final : public Network {
 public:
  Threshold() { parameters_.push_back({"w", at::full({1}, 4.0f).requires_grad_(true)}); }
  at::Tensor Forward(const at::Tensor& input) const override {
    return at::cat(
        {parameters_[0].tensor * 0.5f + input.narrow(1, 0, 1) * 0, parameters_[0].tensor * input.narrow(1, 0, 1)}, 1);
  }
};

Sample MakeSample(std::vector<float> input, std::vector<std::uint8_t> labels) {
  Sample sample;
  sample.shape = {1, 2, 2};
  sample.channels = 2;
  sample.input = std::move(input);
  sample.input.insert(sample.input.end(), 4, 9.0f);  // a second channel that nothing looks at
  sample.labels = std::move(labels);
  return sample;
}

TEST(SegmentationObjective, CountsAndAddsUp) {
  const Threshold network;
  const SegmentationObjective objective({.classes = {"lesion"}});
  ASSERT_EQ(objective.sums(), 7);
  const Sample first = MakeSample({1, 1, 0, 0}, {1, 0, 0, 0}), second = MakeSample({0, 1, 1, 0}, {0, 1, 1, 1});
  const std::vector<const Sample*> both = {&first, &second};
  const ObjectiveResult together = objective.Compute(network, both);
  const at::Tensor apart = objective.Compute(network, absl::MakeConstSpan(both).first(1)).sums +
                           objective.Compute(network, absl::MakeConstSpan(both).subspan(1)).sums;
  EXPECT_LT((together.sums - apart).abs().max().item<double>(), 1e-6);
  const std::vector<double> sums(together.sums.const_data_ptr<double>(), together.sums.const_data_ptr<double>() + 7);
  EXPECT_EQ(sums[0], 2);
  EXPECT_NEAR(sums[1], together.loss.item<double>(), 1e-6);
  EXPECT_NEAR(sums[1], sums[2] + sums[3], 1e-9);
  EXPECT_EQ(sums[4], 3);  // right
  EXPECT_EQ(sums[5], 1);  // wrongly there
  EXPECT_EQ(sums[6], 1);  // wrongly not
  together.loss.backward();
  EXPECT_NE(network.parameters()[0].tensor.grad().item<float>(), 0);
  EXPECT_THAT(objective.MetricsOf(sums), UnorderedElementsAre(Pair("loss", DoubleNear(sums[1] / 2, 1e-12)),
                                                              Pair("loss_dice", DoubleNear(sums[2] / 2, 1e-12)),
                                                              Pair("loss_ce", DoubleNear(sums[3] / 2, 1e-12)),
                                                              Pair("dice_lesion", 0.75), Pair("dice", 0.75)));
}

TEST(SegmentationObjective, TheMeanIsOverClassesThatAreThere) {
  const SegmentationObjective objective({.classes = {"a", "b", "c"}});
  const std::vector<double> sums = {1, 0.5, -0.5, 1, /*a*/ 2, 2, 2, /*b*/ 0, 0, 0, /*c*/ 0, 4, 0};
  const MetricMap metrics = objective.MetricsOf(sums);
  EXPECT_EQ(metrics.at("dice_a"), 0.5);
  EXPECT_EQ(metrics.at("dice_b"), 1);
  EXPECT_EQ(metrics.at("dice_c"), 0);
  EXPECT_EQ(metrics.at("dice"), 0.25);
}

}  // namespace
}  // namespace amaes
