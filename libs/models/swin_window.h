// How a grid of tokens is cut into the windows that attention works in: padded at the upper end to whole windows, in every
// second block rolled by half a window first.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>

namespace amaes {

inline constexpr std::int64_t kSwinWindow = 7;  // tokens per side

struct WindowPlan {
  std::array<std::int64_t, 3> grid{};    // tokens per axis
  std::array<std::int64_t, 3> padded{};  // a multiple of `window`
  std::array<std::int64_t, 3> window{};  // kSwinWindow, or the grid's side where that is not longer
  std::array<std::int64_t, 3>
      shift{};  // half a window; 0 where there is one window only, or for a block that is not shifted

  bool shifted() const { return shift[0] + shift[1] + shift[2] > 0; }
  std::int64_t tokens() const { return window[0] * window[1] * window[2]; }  // n, of one window
  std::int64_t windows() const { return padded[0] / window[0] * (padded[1] / window[1]) * (padded[2] / window[2]); }
  bool operator==(const WindowPlan&) const = default;
};

WindowPlan PlanWindows(const std::array<std::int64_t, 3>& grid, bool shifted);

// [B, D, H, W, C] → [B, windows, n, C], and back. Padding is 0; on the way back it is dropped.
at::Tensor ToWindows(const at::Tensor& x, const WindowPlan& plan);
at::Tensor FromWindows(const at::Tensor& windows, const WindowPlan& plan);

// [343, 343] int64: row of the relative-position table for (query, key) in a full window. A smaller window takes the first
// n rows and columns, as MONAI does.
at::Tensor RelativePositionIndex();

// What tokens of a rolled window may not see of each other, as they were not neighbours before: -100, else 0. A window at
// the upper end of an axis mixes two regions along it, so there are eight kinds.
struct ShiftMask {
  at::Tensor kinds;   // [8, n, n]
  at::Tensor window;  // [windows] int64: its kind
};
ShiftMask MakeShiftMask(const WindowPlan& plan, const at::TensorOptions& options);

}  // namespace amaes
