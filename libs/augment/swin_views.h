// From samples to what SwinUNETR's own pretraining sees: two views of each, turned and spoiled as drawn.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "absl/types/span.h"
#include "libs/draws/swin_draws.h"
#include "libs/loader/sample_source.h"

namespace amaes {

// Of B samples: first the first view of each, then the second.
struct SwinViews {
  at::Tensor input;     // [2B, 1, D, H, W] float32: turned and spoiled
  at::Tensor target;    // [2B, 1, D, H, W] float32: turned; the patch before intensity augmentation
  at::Tensor turns;     // [2B] int64: quarter turns
  at::Tensor excluded;  // [2B, 1, D, H, W] bool: turned; without weight in the reconstruction. Undefined: none
};

struct SwinViewOptions {
  std::uint64_t draw_seed = 1;   // of training samples: SampleStream::draw_seed
  std::uint64_t fixed_seed = 1;  // of fixed crops: the same of FixedCropStream
  std::int64_t group = 4;
};

// Samples in the order of their positions, none skipped, all of one shape with equal last two sides, one channel. A box is
// copied from the source's view of the same number as it is then: samples of a group are spoiled in order. Nothing is copied
// from a sample that is not there. Throws c10::Error.
SwinViews MakeSwinViews(absl::Span<const Sample* const> samples, const SwinViewOptions& options, c10::Device device);

// The tensor part. `patches` [B, 1, D, H, W] are turned by `turns` (host), given noise where `noise_mask`, then what
// `sources[b]` (a sample; b itself: nothing) has where `copy_mask`; masks are bool, shaped like `patches`.
struct SwinSpoiling {
  std::vector<int> turns;
  std::vector<std::int64_t> sources;
  at::Tensor noise, noise_mask, copy_mask;
};
struct SwinView {
  at::Tensor input, target;  // [B, 1, D, H, W]
};
SwinView ApplySwinSpoiling(const at::Tensor& patches, const SwinSpoiling& spoiling);

}  // namespace amaes
