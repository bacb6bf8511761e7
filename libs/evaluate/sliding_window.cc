#include "libs/evaluate/sliding_window.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/models/autocast.h"
#include "libs/models/torch_errors.h"

namespace amaes {
namespace {

constexpr double kSigmaShare = 0.125, kSmallestWeight = 1e-3;

struct Window {
  Shape3 start{};                   // in the padded volume, not flipped
  std::vector<std::int64_t> flips;  // tensor dimensions
};

// [1, 1, patch].
at::Tensor Weights(const SlidingWindowOptions& options) {
  const at::TensorOptions type = at::TensorOptions(at::kFloat).device(options.device);
  at::Tensor out = at::ones({1, 1, 1, 1, 1}, type);
  if (options.weights == WindowWeights::kSum) return out;
  for (int a = 0; a < 3; ++a) {
    const auto n = static_cast<double>(options.patch[a]);
    const double sigma = kSigmaShare * n;
    at::Tensor x = at::arange(options.patch[a], type) - (n - 1) / 2;
    x = (x.square() / (-2 * sigma * sigma)).exp();
    std::array<std::int64_t, 5> shape{1, 1, 1, 1, 1};
    shape[2 + a] = options.patch[a];
    out = out * x.view(shape);
  }
  return out.clamp_min(std::max(out.min().item<double>(), kSmallestWeight));
}

at::Tensor Region(const at::Tensor& volume, const Shape3& start, const Shape3& size) {
  at::Tensor out = volume;
  for (int a = 0; a < 3; ++a) out = out.narrow(2 + a, start[a], size[a]);
  return out;
}

// Every window of every flip, in order. A window of a flipped volume lies where its mirror image does in the volume.
std::vector<Window> Windows(const Shape3& size, const SlidingWindowOptions& options) {
  std::array<std::vector<std::int64_t>, 3> starts;
  for (int a = 0; a < 3; ++a) starts[a] = WindowStarts(size[a], options.patch[a], options.overlap);
  std::vector<Window> out;
  for (unsigned flip = 0; flip < 8; ++flip) {
    std::vector<std::int64_t> dimensions;
    bool wanted = true;
    for (int a = 0; a < 3; ++a) {
      if ((flip >> a & 1u) == 0) continue;
      wanted = wanted && options.mirror[a];
      dimensions.push_back(2 + a);
    }
    if (!wanted) continue;
    for (const std::int64_t x : starts[0]) {
      for (const std::int64_t y : starts[1]) {
        for (const std::int64_t z : starts[2]) {
          Window window{{x, y, z}, dimensions};
          for (const std::int64_t d : dimensions)
            window.start[d - 2] = size[d - 2] - options.patch[d - 2] - window.start[d - 2];
          out.push_back(std::move(window));
        }
      }
    }
  }
  return out;
}

class Slider {
 public:
  Slider(const Network& network, const SlidingWindowOptions& options) : network_(network), options_(options) {}

  // Undefined when stopped.
  at::Tensor Run(const at::Tensor& volume) {
    const c10::AutoGradMode no_gradients(false);
    Shape3 size{}, below{}, given{};
    std::vector<std::int64_t> pad(6);  // last dimension first
    for (int a = 0; a < 3; ++a) {
      given[a] = volume.size(2 + a);
      size[a] = std::max(given[a], options_.patch[a]);
      below[a] = (size[a] - given[a]) / 2;
      pad[4 - 2 * a] = below[a];
      pad[5 - 2 * a] = size[a] - given[a] - below[a];
    }
    const at::Tensor padded = at::constant_pad_nd(volume.to(options_.device, at::kFloat), pad, 0);
    const at::Tensor weights = Weights(options_);
    const std::vector<Window> windows = Windows(size, options_);
    at::Tensor canvas;
    for (std::size_t first = 0; first < windows.size(); first += static_cast<std::size_t>(options_.batch)) {
      const double share = static_cast<double>(first) / static_cast<double>(windows.size());
      if (options_.keep_going && !options_.keep_going(share)) return {};
      const std::size_t last = std::min(windows.size(), first + static_cast<std::size_t>(options_.batch));
      const at::Tensor output = Predict(padded, windows, first, last);
      if (!canvas.defined()) canvas = at::zeros({1, output.size(1), size[0], size[1], size[2]}, output.options());
      for (std::size_t i = first; i < last; ++i) {
        at::Tensor part = output.narrow(0, static_cast<std::int64_t>(i - first), 1);
        if (!windows[i].flips.empty()) part = part.flip(windows[i].flips);
        Region(canvas, windows[i].start, options_.patch).add_(part * weights);
      }
    }
    Normalise(canvas, weights, windows, size);
    return Region(canvas, below, given).contiguous();
  }

 private:
  // Float32 logits of some windows, as the flipped volume has them.
  at::Tensor Predict(const at::Tensor& padded, const std::vector<Window>& windows, std::size_t first,
                     std::size_t last) const {
    std::vector<at::Tensor> parts;
    for (std::size_t i = first; i < last; ++i) {
      const at::Tensor part = Region(padded, windows[i].start, options_.patch);
      parts.push_back(windows[i].flips.empty() ? part : part.flip(windows[i].flips));
    }
    const AutocastScope autocast(options_.device.type(), options_.bf16);
    return network_.Forward(at::cat(parts, 0)).to(at::kFloat);
  }

  // The mean over flips; with Gaussian weights, over windows too.
  void Normalise(at::Tensor& canvas, const at::Tensor& weights, const std::vector<Window>& windows,
                 const Shape3& size) const {
    if (options_.weights == WindowWeights::kGaussian) {
      at::Tensor total = at::zeros({1, 1, size[0], size[1], size[2]}, canvas.options());
      for (const Window& window : windows) Region(total, window.start, options_.patch).add_(weights);
      canvas.div_(total);
      return;
    }
    std::int64_t flips = 1;
    for (const bool axis : options_.mirror) flips *= axis ? 2 : 1;
    if (flips > 1) canvas.div_(static_cast<double>(flips));
  }

  const Network& network_;
  const SlidingWindowOptions& options_;
};

}  // namespace

std::vector<std::int64_t> WindowStarts(std::int64_t size, std::int64_t patch, double overlap) {
  const auto step =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(std::floor(static_cast<double>(patch) * (1 - overlap))));
  const std::int64_t last = std::max<std::int64_t>(0, size - patch);
  std::vector<std::int64_t> out;
  for (std::int64_t start = 0; start < last; start += step) out.push_back(start);
  out.push_back(last);
  return out;
}

absl::StatusOr<at::Tensor> SlidingWindow(const Network& network, const at::Tensor& volume,
                                         const SlidingWindowOptions& options) {
  AMAES_CHECK(options.batch > 0 && options.overlap >= 0 && options.overlap < 1);
  at::Tensor logits;
  AMAES_RETURN_IF_ERROR(CatchTorch("sliding window", [&] { logits = Slider(network, options).Run(volume); }));
  if (!logits.defined()) return absl::CancelledError("stopped between two windows");
  return logits;
}

}  // namespace amaes
