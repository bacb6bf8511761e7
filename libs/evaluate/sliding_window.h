// A network that sees patches, run over a whole volume.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/models/network.h"
#include "libs/volume/volume.h"

namespace amaes {

// First voxels of the windows along an axis of max(size, patch) voxels: steps of floor(patch · (1 - overlap)), at least 1,
// and the last window flush with the end. `overlap` in [0, 1).
std::vector<std::int64_t> WindowStarts(std::int64_t size, std::int64_t patch, double overlap);

enum class WindowWeights {
  kSum,  // logits are added up: the reference. Where more windows meet they are larger
  kGaussian,  // mean with the weights of a normal distribution about the window's centre (deviation patch / 8), at least 1e-3
};

struct SlidingWindowOptions {
  Shape3 patch{};
  double overlap = 0.5;
  WindowWeights weights = WindowWeights::kSum;
  std::array<bool, 3> mirror{};  // axes: the mean over all combinations of flipped volumes
  std::int64_t batch = 1;        // windows per forward pass
  bool bf16 = false;             // autocast; sums are float32 all the same
  c10::Device device = at::kCPU;
  // Called before every forward pass with the share that is done, in [0, 1); false stops. May be empty.
  std::function<bool(double)> keep_going{};
};

// `volume` [1, C, D, H, W], any device; an axis shorter than the patch is padded with zeros, half on either side (the odd
// one above), and the result is cut back. Returns logits [1, K, D, H, W], float32, on `options.device`.
//   - Cancelled: `keep_going` said no.   - ResourceExhausted: out of memory.   - Internal: error of the tensor library.
absl::StatusOr<at::Tensor> SlidingWindow(const Network& network, const at::Tensor& volume,
                                         const SlidingWindowOptions& options);

}  // namespace amaes
