// From samples, as the loader gives them, to what the network sees: masking, target, transfer to the device.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "absl/types/span.h"
#include "libs/loader/loader.h"

namespace amaes {

struct MaskedBatch {
  at::Tensor input;   // [B, 1, P, P, P] float32; 0 where masked
  at::Tensor target;  // [B, 1, P, P, P] float32; the patch before intensity augmentation
  at::Tensor mask;    // [B, 1, P, P, P] bool; true where masked
};

// [B, T, T, T] uint8 (1 = masked) → [B, 1, T·token, T·token, T·token] bool. Throws c10::Error.
at::Tensor VoxelMask(const at::Tensor& token_mask, std::int64_t token);

// Samples must not be skipped ones, and at least one; all of side `patch` with (patch/token)³ tokens. On a GPU the copy
// is asynchronous, from pinned memory. Throws c10::Error.
MaskedBatch MakeMaskedBatch(absl::Span<const Sample* const> samples, std::int64_t patch, std::int64_t token,
                            c10::Device device);

}  // namespace amaes
