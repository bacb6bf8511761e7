// Our norm and activation against the tensor library's own, forward and backward.
#include "libs/models/fused_norm.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/instance_norm.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include "libs/models/layers.h"

namespace amaes {
namespace {

struct Case {
  const char* what;
  std::vector<std::int64_t> shape;
  at::ScalarType type;
  bool residual;
  double slope, offset;  // of all values
  double tolerance;      // relative to the largest
};

at::Tensor Leaf(const at::Tensor& values) { return values.detach().clone().requires_grad_(true); }

double Difference(const at::Tensor& got, const at::Tensor& wanted) {
  return ((got - wanted).abs().max() / wanted.abs().max().clamp_min(1e-30)).item<double>();
}

class FusedNormTest : public ::testing::TestWithParam<Case> {};

TEST_P(FusedNormTest, EqualsTheLibrarysOperations) {
  const Case& c = GetParam();
  const auto options = at::TensorOptions().dtype(c.type);
  const at::Tensor values = at::randn(c.shape, options) * 2 + c.offset, added = at::randn(c.shape, options);
  const at::Tensor weight = at::rand({c.shape[1]}, options) + 0.5, bias = at::randn({c.shape[1]}, options);
  const at::Tensor upstream = at::randn(c.shape, options);
  at::Tensor ours[4] = {Leaf(values), Leaf(weight), Leaf(bias), Leaf(added)};
  at::Tensor theirs[4] = {Leaf(values), Leaf(weight), Leaf(bias), Leaf(added)};
  ASSERT_TRUE(CanFuseNorm(ours[0], {ours[1], ours[2]}));
  const at::Tensor got = FusedNorm(ours[0], {ours[1], ours[2]}, c.residual ? ours[3] : at::Tensor(), c.slope);
  at::Tensor wanted = at::instance_norm(theirs[0], theirs[1], theirs[2], {}, {}, true, 0.1, 1e-5, false);
  if (c.residual) wanted = wanted + theirs[3];
  wanted = at::leaky_relu(wanted, c.slope);
  EXPECT_TRUE(got.is_contiguous(at::MemoryFormat::ChannelsLast3d));
  EXPECT_LT(Difference(got.detach(), wanted.detach()), c.tolerance);
  (got * upstream).sum().backward();
  (wanted * upstream).sum().backward();
  for (int i = 0; i < (c.residual ? 4 : 3); ++i) {
    ASSERT_TRUE(ours[i].grad().defined()) << i;
    EXPECT_LT(Difference(ours[i].grad(), theirs[i].grad()), 10 * c.tolerance) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Table, FusedNormTest,
                         ::testing::Values(Case{"Plain", {2, 3, 4, 5, 6}, at::kDouble, false, 1.0, 0, 1e-12},
                                           Case{"Leaky", {2, 16, 8, 8, 8}, at::kDouble, false, 0.01, 0, 1e-12},
                                           Case{"Residual", {2, 5, 8, 9, 7}, at::kDouble, true, 0.01, 0, 1e-12},
                                           Case{"ManyBlocks", {1, 70, 16, 17, 18}, at::kDouble, true, 0.01, 3, 1e-12},
                                           Case{
                                               "FarFromZero", {1, 4, 16, 16, 16}, at::kDouble, false, 0.01, 1000, 1e-9},
                                           Case{"SingleChannel", {2, 1, 8, 8, 8}, at::kFloat, false, 0.01, 0, 1e-5},
                                           Case{"Float", {2, 32, 16, 16, 16}, at::kFloat, false, 0.01, 0, 1e-5},
                                           Case{"FloatResidual", {1, 33, 16, 16, 17}, at::kFloat, true, 0.01, 1, 1e-5},
                                           Case{"TwoVoxels", {1, 8, 2, 1, 1}, at::kDouble, false, 0.01, 0, 1e-9}),
                         [](const auto& test) { return test.param.what; });

TEST(FusedNorm, HasTheSameBitsWithAnyNumberOfThreads) {
  const at::Tensor values = at::randn({2, 20, 17, 16, 15});
  const auto run = [&](int threads) {
    at::set_num_threads(threads);
    const at::Tensor x = Leaf(values), weight = Leaf(at::rand({20}) * 0 + 1.5f), bias = Leaf(at::rand({20}) * 0);
    const at::Tensor y = FusedNorm(x, {weight, bias}, {}, 0.01);
    y.square().sum().backward();
    at::set_num_threads(1);
    return std::vector<at::Tensor>{y.detach(), x.grad(), weight.grad(), bias.grad()};
  };
  const std::vector<at::Tensor> one = run(1), two = run(2);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(at::equal(one[i], two[i])) << i;
}

TEST(FusedNorm, RefusesASingleVoxelAndLeavesOtherTypesAlone) {
  const Affine norm{at::rand({4}), at::rand({4})};
  EXPECT_ANY_THROW(FusedNorm(at::rand({1, 4, 1, 1, 1}), norm, {}, 0.01));
  EXPECT_FALSE(CanFuseNorm(at::rand({1, 4, 2, 2, 2}).to(at::kBFloat16), norm));
  EXPECT_FALSE(CanFuseNorm(at::rand({1, 4, 2, 2, 2}).to(at::kDouble), norm));
}

// Small ones alone in their batch go a way of their own.
TEST(Convolution3, OfASingleSampleIsThatOfTwo) {
  for (const std::int64_t stride : {1, 2}) {
    const Affine conv{at::randn({6, 5, 3, 3, 3}), at::randn({6})};
    const at::Tensor one = at::randn({1, 5, 8, 10, 12});
    at::Tensor x = Leaf(one), weight = Leaf(conv.weight), other = Leaf(one), other_weight = Leaf(conv.weight);
    const at::Tensor got = Convolution3(x, {weight, conv.bias}, stride);
    const at::Tensor wanted = at::conv3d(other, other_weight, conv.bias, stride, 1);
    EXPECT_LT(Difference(got.detach(), wanted.detach()), 1e-5);
    got.square().sum().backward();
    wanted.square().sum().backward();
    EXPECT_LT(Difference(x.grad(), other.grad()), 1e-5);
    EXPECT_LT(Difference(weight.grad(), other_weight.grad()), 1e-5);
  }
}

TEST(Convolution1, IsAProductOfMatrices) {
  for (const std::int64_t in : {1, 7}) {
    const at::Tensor weight = at::randn({3, in, 1, 1, 1}), bias = at::randn({3}), x = at::randn({2, in, 4, 5, 6});
    EXPECT_LT(Difference(Convolution1(x, {weight, bias}), at::conv3d(x, weight, bias)), 1e-5);
    EXPECT_LT(Difference(Convolution1(x, {weight, {}}), at::conv3d(x, weight)), 1e-5);
  }
}

}  // namespace
}  // namespace amaes
