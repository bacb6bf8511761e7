#include "libs/models/swin_unetr.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/rand.h>
#include <c10/core/GradMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <set>

#include "libs/base/testing/status_matchers.h"
#include "libs/models/model_registry.h"
#include "libs/models/swin_window.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(SwinWindow, ShortAxesHaveOneWindowAndNoShift) {
  const WindowPlan plan = PlanWindows({16, 7, 4}, /*shifted=*/true);
  EXPECT_THAT(plan.window, ElementsAre(7, 7, 4));
  EXPECT_THAT(plan.padded, ElementsAre(21, 7, 4));
  EXPECT_THAT(plan.shift, ElementsAre(3, 0, 0));
  EXPECT_EQ(plan.windows(), 3);
  EXPECT_EQ(plan.tokens(), 7 * 7 * 4);
  EXPECT_TRUE(plan.shifted());
  EXPECT_FALSE(PlanWindows({16, 7, 4}, /*shifted=*/false).shifted());
  EXPECT_FALSE(PlanWindows({4, 4, 4}, /*shifted=*/true).shifted());
}

TEST(SwinWindow, WhatIsCutComesBackInItsPlace) {
  const at::Tensor x = at::rand({2, 9, 14, 3, 5});
  for (const bool shifted : {false, true}) {
    const WindowPlan plan = PlanWindows({9, 14, 3}, shifted);
    const at::Tensor windows = ToWindows(x, plan);
    EXPECT_EQ(windows.sizes(), (std::vector<std::int64_t>{2, plan.windows(), plan.tokens(), 5}));
    EXPECT_TRUE(at::equal(FromWindows(windows, plan), x));
  }
}

// Along an axis, a window that was rolled holds neighbours, or the two ends of the axis.
TEST(SwinWindow, TokensSeeEachOtherUnlessTheRollBroughtThemTogether) {
  const WindowPlan plan = PlanWindows({16, 7, 9}, /*shifted=*/true);
  const ShiftMask mask = MakeShiftMask(plan, at::kDouble);
  const at::Tensor all = mask.kinds.index_select(0, mask.window);  // [windows, n, n]
  ASSERT_EQ(all.sizes(), (std::vector<std::int64_t>{plan.windows(), plan.tokens(), plan.tokens()}));
  std::vector<std::array<std::int64_t, 3>> places;  // of every token of every window in the rolled grid
  std::array<std::int64_t, 3> count;
  for (int axis = 0; axis < 3; ++axis) count[axis] = plan.padded[axis] / plan.window[axis];
  const auto accessor = all.accessor<double, 3>();
  std::set<double> values;
  for (std::int64_t w = 0; w < plan.windows(); ++w) {
    const std::array<std::int64_t, 3> at_window{w / (count[1] * count[2]), w / count[2] % count[1], w % count[2]};
    for (std::int64_t a = 0; a < plan.tokens(); a += 5) {
      for (std::int64_t b = 0; b < plan.tokens(); b += 3) {
        bool together = true;
        std::array<std::int64_t, 2> left{a, b};
        for (int axis = 2; axis >= 0; --axis) {
          std::array<bool, 2> wrapped;  // rolled in from the lower end
          for (int i = 0; i < 2; ++i) {
            const std::int64_t rolled = at_window[axis] * plan.window[axis] + left[i] % plan.window[axis];
            wrapped[i] = rolled + plan.shift[axis] >= plan.padded[axis];
            left[i] /= plan.window[axis];
          }
          together = together && wrapped[0] == wrapped[1];
        }
        ASSERT_EQ(accessor[w][a][b], together ? 0 : -100) << w << " " << a << " " << b;
        values.insert(accessor[w][a][b]);
      }
    }
  }
  EXPECT_THAT(values, ElementsAre(-100, 0));
}

TEST(SwinWindow, RelativePositionNamesTheDifference) {
  const at::Tensor index = RelativePositionIndex();
  EXPECT_EQ(index[0][0].item<std::int64_t>(), (6 * 13 + 6) * 13 + 6);
  EXPECT_EQ(index[342][0].item<std::int64_t>(), (12 * 13 + 12) * 13 + 12);
  EXPECT_EQ(index[0][342].item<std::int64_t>(), 0);
  EXPECT_EQ(index[49 + 7 + 1][2].item<std::int64_t>(), (7 * 13 + 7) * 13 + 5);
}

TEST(SwinUnetr, EveryDecoderAnswersInThePatchsShape) {
  const c10::AutoGradMode no_gradients(false);
  const at::Tensor input = at::rand({2, 2, 32, 64, 32});
  for (const Decoder decoder : {Decoder::kLight, Decoder::kStandard}) {
    ASSERT_OK_AND_ASSIGN(
        const auto network,
        MakeNetwork({.name = "swin_unetr", .filters = 12, .in_channels = 2, .out_channels = 3, .decoder = decoder}));
    EXPECT_EQ(network->encoder_prefix(), "swinViT.");
    EXPECT_EQ(network->buffers().size(), 8u);
    EXPECT_EQ(network->Forward(input).sizes(), (std::vector<std::int64_t>{2, 3, 32, 64, 32}));
  }
  const auto network =
      MakeSwinUnetr({.name = "swin_unetr", .filters = 12, .in_channels = 2, .decoder = Decoder::kHeads});
  const auto* heads = dynamic_cast<const SwinPretrainingNetwork*>(network.get());
  ASSERT_NE(heads, nullptr);
  const SwinHeadOutputs outputs = heads->ForwardHeads(input);
  EXPECT_EQ(outputs.rotation.sizes(), (std::vector<std::int64_t>{2, 4}));
  EXPECT_EQ(outputs.contrastive.sizes(), (std::vector<std::int64_t>{2, 512}));
  EXPECT_TRUE(at::equal(outputs.reconstruction, network->Forward(input)));
}

TEST(SwinUnetr, MasksFollowThePatchAndTheType) {
  const c10::AutoGradMode no_gradients(false);
  const auto network = MakeSwinUnetr({.name = "swin_unetr", .filters = 12, .decoder = Decoder::kLight});
  const at::Tensor small = at::rand({1, 1, 32, 32, 32}), large = at::rand({1, 1, 64, 32, 32});
  const at::Tensor first = network->Forward(small);
  EXPECT_EQ(network->Forward(large).size(2), 64);
  EXPECT_TRUE(at::equal(network->Forward(small), first));
  network->To(at::kCPU, at::kDouble);
  EXPECT_EQ(network->buffers().front().tensor.scalar_type(), at::kLong);
  EXPECT_LT((network->Forward(small.to(at::kDouble)) - first).abs().max().item<double>(), 1e-4);
}

TEST(SwinUnetr, RefusesAWidthThatHasNoHeads) {
  EXPECT_THAT(MakeNetwork({.name = "swin_unetr", .filters = 32}).status().message(), HasSubstr("a multiple of 12"));
  EXPECT_THAT(MakeNetwork({.name = "swin_unetr", .deep_supervision = true}).status().message(),
              HasSubstr("no deep supervision"));
}

}  // namespace
}  // namespace amaes
