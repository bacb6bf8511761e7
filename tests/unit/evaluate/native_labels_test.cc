#include "libs/evaluate/native_labels.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/base/testing/status_matchers.h"

namespace amaes {
namespace {

using testing::ElementsAre;

constexpr std::uint8_t kBackground = 0;

// Three classes on a line of four voxels, in the middle of six.
TEST(NativeLabels, TheLargestLogitWins) {
  const at::Tensor logits =
      at::tensor({0.f, 1.f, 0.f, 2.f, /**/ 3.f, 1.f, -1.f, 1.f, /**/ 1.f, 0.f, 4.f, 2.f}).view({1, 3, 1, 1, 4});
  const NativeGrid grid{{1, 1, 6}, {0, 0, 1}, {1, 1, 4}};
  const std::vector<std::uint8_t> values{kBackground, 1, 4};
  ASSERT_OK_AND_ASSIGN(const auto labels, NativeLabels(logits, grid, LabelRule::kClasses, values));
  // Equal logits: the first of them.
  EXPECT_THAT(labels, ElementsAre(0, 1, 0, 4, 0, 0));
}

TEST(NativeLabels, TheLastRegionGivesTheLabel) {
  const at::Tensor logits =
      at::tensor({1.f, 1.f, 1.f, -1.f, /**/ -1.f, 2.f, 2.f, 0.f, /**/ -1.f, -1.f, 0.5f, -3.f}).view({1, 3, 1, 1, 4});
  const NativeGrid grid{{1, 2, 5}, {0, 1, 0}, {1, 1, 4}};
  const std::vector<std::uint8_t> values{2, 1, 4};
  ASSERT_OK_AND_ASSIGN(const auto labels, NativeLabels(logits, grid, LabelRule::kRegions, values));
  EXPECT_THAT(labels, ElementsAre(0, 0, 0, 0, 0, 2, 1, 4, 0, 0));
}

// Two voxels become four: logits 1 and -1 become 1, 0.5, -0.5, -1 against a background of 0.
TEST(NativeLabels, LogitsAreInterpolatedNotLabels) {
  at::Tensor logits = at::zeros({1, 2, 1, 1, 2});
  logits[0][1][0][0][0] = 1.0;
  logits[0][1][0][0][1] = -1.0;
  const NativeGrid grid{{2, 1, 4}, {1, 0, 0}, {1, 1, 4}};
  const std::vector<std::uint8_t> values{kBackground, 9};
  ASSERT_OK_AND_ASSIGN(const auto labels, NativeLabels(logits, grid, LabelRule::kClasses, values));
  EXPECT_THAT(labels, ElementsAre(0, 0, 0, 0, 9, 9, 0, 0));
}

}  // namespace
}  // namespace amaes
