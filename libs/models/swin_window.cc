#include "libs/models/swin_window.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/roll.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <vector>

namespace amaes {
namespace {

constexpr double kUnseen = -100;
constexpr std::array<std::int64_t, 3> kGridAxes{1, 2, 3};

// Along an axis, [length] viewed as an axis of three.
std::array<std::int64_t, 3> Along(int axis, std::int64_t length) {
  std::array<std::int64_t, 3> shape{1, 1, 1};
  shape[axis] = length;
  return shape;
}

}  // namespace

WindowPlan PlanWindows(const std::array<std::int64_t, 3>& grid, bool shifted) {
  WindowPlan plan;
  plan.grid = grid;
  for (int axis = 0; axis < 3; ++axis) {
    const bool several = grid[axis] > kSwinWindow;
    plan.window[axis] = several ? kSwinWindow : grid[axis];
    plan.shift[axis] = several && shifted ? kSwinWindow / 2 : 0;
    plan.padded[axis] = (grid[axis] + plan.window[axis] - 1) / plan.window[axis] * plan.window[axis];
  }
  return plan;
}

at::Tensor ToWindows(const at::Tensor& x, const WindowPlan& plan) {
  const auto& [grid, padded, window, shift] = plan;
  at::Tensor all = x;
  if (padded != grid) {
    all = at::constant_pad_nd(all, {0, 0, 0, padded[2] - grid[2], 0, padded[1] - grid[1], 0, padded[0] - grid[0]});
  }
  if (plan.shifted()) all = at::roll(all, {-shift[0], -shift[1], -shift[2]}, kGridAxes);
  const std::int64_t batch = x.size(0), channels = x.size(4);
  return all
      .view({batch, padded[0] / window[0], window[0], padded[1] / window[1], window[1], padded[2] / window[2],
             window[2], channels})
      .permute({0, 1, 3, 5, 2, 4, 6, 7})
      .reshape({batch, plan.windows(), plan.tokens(), channels});
}

at::Tensor FromWindows(const at::Tensor& windows, const WindowPlan& plan) {
  const auto& [grid, padded, window, shift] = plan;
  const std::int64_t batch = windows.size(0), channels = windows.size(3);
  at::Tensor all = windows
                       .view({batch, padded[0] / window[0], padded[1] / window[1], padded[2] / window[2], window[0],
                              window[1], window[2], channels})
                       .permute({0, 1, 4, 2, 5, 3, 6, 7})
                       .reshape({batch, padded[0], padded[1], padded[2], channels});
  if (plan.shifted()) all = at::roll(all, shift, kGridAxes);
  if (padded == grid) return all;
  return all.narrow(1, 0, grid[0]).narrow(2, 0, grid[1]).narrow(3, 0, grid[2]);
}

at::Tensor RelativePositionIndex() {
  constexpr std::int64_t kTokens = kSwinWindow * kSwinWindow * kSwinWindow, kDistances = 2 * kSwinWindow - 1;
  const at::Tensor token = at::arange(kTokens, at::kLong);
  at::Tensor index = at::zeros({kTokens, kTokens}, at::kLong);
  for (const std::int64_t stride : {kSwinWindow * kSwinWindow, kSwinWindow, std::int64_t{1}}) {
    const at::Tensor place = token.floor_divide(stride).remainder(kSwinWindow);  // along one axis
    index = index * kDistances + (place.unsqueeze(1) - place.unsqueeze(0) + (kSwinWindow - 1));
  }
  return index;
}

ShiftMask MakeShiftMask(const WindowPlan& plan, const at::TensorOptions& options) {
  const at::TensorOptions integers = options.dtype(at::kLong);
  ShiftMask mask;
  mask.window = at::zeros({1, 1, 1}, integers);
  for (int axis = 0; axis < 3; ++axis) {
    const std::int64_t count = plan.padded[axis] / plan.window[axis];
    const bool mixes = plan.shift[axis] > 0;
    const at::Tensor last = at::arange(count, integers).eq(mixes ? count - 1 : count).to(at::kLong);
    mask.window = mask.window + last.view(Along(axis, count)) * (std::int64_t{1} << axis);
  }
  mask.window = mask.window.reshape({-1});
  std::vector<at::Tensor> kinds;
  for (int kind = 0; kind < 8; ++kind) {
    at::Tensor region = at::zeros({1, 1, 1}, integers);
    for (int axis = 0; axis < 3; ++axis) {
      if ((kind >> axis & 1) == 0) continue;
      const at::Tensor place = at::arange(plan.window[axis], integers).view(Along(axis, plan.window[axis]));
      region = region + place.ge(plan.window[axis] - plan.shift[axis]).to(at::kLong) * (std::int64_t{1} << axis);
    }
    region = region.expand(plan.window).reshape({-1});
    kinds.push_back(region.unsqueeze(0).ne(region.unsqueeze(1)).to(options.dtype()) * kUnseen);
  }
  mask.kinds = at::stack(kinds);
  return mask;
}

}  // namespace amaes
