// From samples, as the loader gives them, to what the network sees: masking, target, transfer to the device.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "absl/types/span.h"
#include "libs/loader/loader.h"

namespace amaes {

struct MaskedBatch {
  at::Tensor input;     // [B, 1, D, H, W] float32; 0 where masked
  at::Tensor target;    // [B, 1, D, H, W] float32; the patch before intensity augmentation
  at::Tensor mask;      // [B, 1, D, H, W] bool; true where masked
  at::Tensor excluded;  // [B, 1, D, H, W] bool: without weight in the loss; undefined: none
};

// [B, X, Y, Z] uint8 (1 = masked) → [B, 1, X·token, Y·token, Z·token] bool. Throws c10::Error.
at::Tensor VoxelMask(const at::Tensor& token_mask, std::int64_t token);

// Samples must not be skipped ones, and at least one; all of one shape, a multiple of `token`. On a GPU the copy
// is asynchronous, from pinned memory. Throws c10::Error.
MaskedBatch MakeMaskedBatch(absl::Span<const Sample* const> samples, std::int64_t token, c10::Device device);

}  // namespace amaes
