#include "libs/augment/masking.h"

#include <ATen/ops/empty.h>

#include <cstring>

#include "libs/base/log.h"

namespace amaes {
namespace {

// One host tensor per field, filled sample by sample, then copied to the device.
template <typename T>
at::Tensor Gather(absl::Span<const Sample* const> samples, const std::vector<T> Sample::*field, c10::IntArrayRef sample_shape,
                  c10::ScalarType type, c10::Device device) {
  std::vector<std::int64_t> shape{static_cast<std::int64_t>(samples.size())};
  shape.insert(shape.end(), sample_shape.begin(), sample_shape.end());
  const at::Tensor host = at::empty(shape, at::TensorOptions(type).pinned_memory(device.is_cuda()));
  const std::size_t count = host.numel() / samples.size();
  T* out = host.mutable_data_ptr<T>();
  for (const Sample* sample : samples) {
    const std::vector<T>& values = sample->*field;
    AMAES_CHECK(values.size() == count);
    std::memcpy(out, values.data(), count * sizeof(T));
    out += count;
  }
  return host.to(device, /*non_blocking=*/true);
}

}  // namespace

at::Tensor VoxelMask(const at::Tensor& token_mask, std::int64_t token) {
  const std::int64_t batch = token_mask.size(0);
  const std::int64_t x = token_mask.size(1), y = token_mask.size(2), z = token_mask.size(3);
  return token_mask.to(at::kBool)
      .view({batch, 1, x, 1, y, 1, z, 1})
      .expand({batch, 1, x, token, y, token, z, token})
      .reshape({batch, 1, x * token, y * token, z * token});
}

MaskedBatch MakeMaskedBatch(absl::Span<const Sample* const> samples, std::int64_t patch, std::int64_t token,
                            c10::Device device) {
  AMAES_CHECK(!samples.empty());
  const std::int64_t grid = patch / token;
  MaskedBatch batch;
  batch.target = Gather(samples, &Sample::patch, {1, patch, patch, patch}, at::kFloat, device);
  batch.mask = VoxelMask(Gather(samples, &Sample::token_mask, {grid, grid, grid}, at::kByte, device), token);
  // The seam of the method: spatial transforms end above this line, intensity transforms go on this copy, so the target
  // is the patch after spatial and before intensity augmentation. Masking comes last.
  batch.input = batch.target.clone();
  batch.input.masked_fill_(batch.mask, 0.0);
  return batch;
}

}  // namespace amaes
