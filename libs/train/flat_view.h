// A parameter's place in a flat bucket, seen as a tensor.
#pragma once

#include <ATen/core/Tensor.h>

#include "libs/train/bucket_plan.h"

namespace amaes {

// Element i in memory order of `like` is element offset + i of `flat`: shape and strides (layout) are those of `like`.
inline at::Tensor FlatView(const at::Tensor& flat, const BucketSlot& slot, const at::Tensor& like) {
  return flat.as_strided(like.sizes(), like.strides(), flat.storage_offset() + slot.offset);
}

}  // namespace amaes
