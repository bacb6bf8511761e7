#include "libs/evaluate/sliding_window.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/base/testing/status_matchers.h"

namespace amaes {
namespace {

using testing::ElementsAre;

TEST(WindowStarts, Table) {
  EXPECT_THAT(WindowStarts(128, 128, 0.5), ElementsAre(0));
  EXPECT_THAT(WindowStarts(100, 128, 0.5), ElementsAre(0));
  EXPECT_THAT(WindowStarts(129, 128, 0.5), ElementsAre(0, 1));
  EXPECT_THAT(WindowStarts(256, 128, 0.5), ElementsAre(0, 64, 128));
  EXPECT_THAT(WindowStarts(251, 64, 0.5), ElementsAre(0, 32, 64, 96, 128, 160, 187));
  EXPECT_THAT(WindowStarts(100, 32, 0), ElementsAre(0, 32, 64, 68));
  EXPECT_THAT(WindowStarts(6, 4, 0.99), ElementsAre(0, 1, 2));
}

// Answers with two channels, the input times a ramp along x, and the input; counts calls.
class Ramp final : public Network {
 public:
  at::Tensor Forward(const at::Tensor& input) const override {
    ++calls;
    widest = std::max(widest, input.size(0));
    const at::Tensor ramp = at::arange(input.size(2), input.options()).view({1, 1, -1, 1, 1});
    return at::cat({input * ramp, input}, 1);
  }
  mutable int calls = 0;
  mutable std::int64_t widest = 0;
};

at::Tensor Volume(std::int64_t d, std::int64_t h, std::int64_t w) { return at::rand({1, 1, d, h, w}); }

TEST(SlidingWindow, SumsAsManyTimesAsWindowsMeet) {
  const Ramp network;
  const at::Tensor volume = at::ones({1, 1, 6, 4, 4});
  ASSERT_OK_AND_ASSIGN(const at::Tensor logits, SlidingWindow(network, volume, {.patch = {4, 4, 4}}));
  // Windows at x = 0 and 2: voxels 2 and 3 are in both.
  const at::Tensor line = logits[0][1].select(1, 0).select(1, 0);
  EXPECT_TRUE(at::equal(line, at::tensor({1.f, 1.f, 2.f, 2.f, 1.f, 1.f}))) << line;
  const at::Tensor ramp = logits[0][0].select(1, 3).select(1, 3);
  EXPECT_TRUE(at::equal(ramp, at::tensor({0.f, 1.f, 2.f + 0, 3.f + 1, 2.f, 3.f}))) << ramp;
  EXPECT_EQ(network.calls, 2);
}

TEST(SlidingWindow, GaussianIsAMean) {
  const Ramp network;
  const at::Tensor volume = Volume(11, 9, 7);
  ASSERT_OK_AND_ASSIGN(
      const at::Tensor logits,
      SlidingWindow(
          network, volume,
          {.patch = {6, 4, 8}, .overlap = 0.3, .weights = WindowWeights::kGaussian, .mirror = {true, false, true}}));
  EXPECT_TRUE(at::allclose(logits.narrow(1, 1, 1), volume, 1e-5, 1e-6));
}

// The mean of x times ramp over both directions: (i + (n - 1 - i)) / 2 = (n - 1) / 2.
TEST(SlidingWindow, MirrorsWholeVolumes) {
  const Ramp network;
  const at::Tensor volume = Volume(4, 4, 4);
  ASSERT_OK_AND_ASSIGN(const at::Tensor logits,
                       SlidingWindow(network, volume, {.patch = {4, 4, 4}, .mirror = {true, true, true}}));
  EXPECT_EQ(network.calls, 8);
  EXPECT_TRUE(at::allclose(logits.narrow(1, 0, 1), volume * 1.5));
}

TEST(SlidingWindow, BatchesChangeNothing) {
  const Ramp network;
  const at::Tensor volume = Volume(13, 10, 9);
  SlidingWindowOptions options{.patch = {6, 6, 6}, .mirror = {false, true, false}};
  ASSERT_OK_AND_ASSIGN(const at::Tensor one, SlidingWindow(network, volume, options));
  options.batch = 7;
  ASSERT_OK_AND_ASSIGN(const at::Tensor seven, SlidingWindow(network, volume, options));
  EXPECT_EQ(network.widest, 7);
  EXPECT_TRUE(at::equal(one, seven));
}

// Half of the missing voxels below, the odd one above: what the ramp counts from.
TEST(SlidingWindow, PadsASmallVolumeWithZeros) {
  const Ramp network;
  const at::Tensor volume = at::ones({1, 1, 5, 4, 3});
  ASSERT_OK_AND_ASSIGN(const at::Tensor logits, SlidingWindow(network, volume, {.patch = {8, 4, 4}}));
  EXPECT_EQ(logits.sizes(), at::IntArrayRef({1, 2, 5, 4, 3}));
  EXPECT_EQ(logits[0][0][0][0][0].item<float>(), 1);
  EXPECT_EQ(logits[0][0][4][3][2].item<float>(), 5);
}

TEST(SlidingWindow, StopsWhenTold) {
  const Ramp network;
  std::vector<double> shares;
  const auto stopped = SlidingWindow(network, Volume(8, 4, 4), {.patch = {4, 4, 4}, .keep_going = [&](double share) {
                                                                  shares.push_back(share);
                                                                  return shares.size() < 3;
                                                                }});
  EXPECT_THAT(stopped, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(network.calls, 2);
  EXPECT_THAT(shares, ElementsAre(0, testing::DoubleEq(1.0 / 3), testing::DoubleEq(2.0 / 3)));
}

}  // namespace
}  // namespace amaes
