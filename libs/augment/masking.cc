#include "libs/augment/masking.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstring>

#include "absl/functional/function_ref.h"
#include "libs/base/log.h"

namespace amaes {
namespace {

// One host tensor, filled sample by sample, then copied to the device. An empty field is filled with zeros.
template <typename T>
at::Tensor Gather(absl::Span<const Sample* const> samples,
                  absl::FunctionRef<const std::vector<T>&(const Sample&)> field, c10::IntArrayRef sample_shape,
                  c10::ScalarType type, c10::Device device) {
  std::vector<std::int64_t> shape{static_cast<std::int64_t>(samples.size())};
  shape.insert(shape.end(), sample_shape.begin(), sample_shape.end());
  const at::Tensor host = at::empty(shape, at::TensorOptions(type).pinned_memory(device.is_cuda()));
  const std::size_t count = host.numel() / samples.size();
  auto* out = static_cast<T*>(host.mutable_data_ptr());
  for (const Sample* sample : samples) {
    const std::vector<T>& values = field(*sample);
    AMAES_CHECK(values.size() == count || values.empty());
    if (values.empty()) {
      std::fill_n(out, count, T{});
    } else {
      std::memcpy(out, values.data(), count * sizeof(T));
    }
    out += count;
  }
  return host.to(device, /*non_blocking=*/true);
}

bool Any(absl::Span<const Sample* const> samples, absl::FunctionRef<bool(const Sample&)> holds) {
  return std::any_of(samples.begin(), samples.end(), [&](const Sample* sample) { return holds(*sample); });
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

MaskedBatch MakeMaskedBatch(absl::Span<const Sample* const> samples, std::int64_t token, c10::Device device) {
  AMAES_CHECK(!samples.empty());
  const auto [x, y, z] = samples.front()->shape;
  const std::int64_t channels = samples.front()->channels;
  const std::vector<std::int64_t> patch{channels, x, y, z};
  MaskedBatch batch;
  batch.input = Gather<float>(
      samples, [](const Sample& sample) -> auto& { return sample.input; }, patch, at::kFloat, device);
  // The target is the patch after spatial and before intensity augmentation. Masking comes last.
  batch.target = batch.input;
  if (Any(samples, [](const Sample& sample) { return !sample.target.empty(); })) {
    const auto target = [](const Sample& sample) -> auto& {
      return sample.target.empty() ? sample.input : sample.target;
    };
    batch.target = Gather<float>(samples, target, patch, at::kFloat, device);
  }
  batch.mask = VoxelMask(Gather<std::uint8_t>(
                             samples, [](const Sample& sample) -> auto& { return sample.token_mask; },
                             {x / token, y / token, z / token}, at::kByte, device),
                         token);
  if (Any(samples, [](const Sample& sample) { return !sample.excluded.empty(); })) {
    batch.excluded =
        Gather<std::uint8_t>(
            samples, [](const Sample& sample) -> auto& { return sample.excluded; }, {1, x, y, z}, at::kByte, device)
            .to(at::kBool);
  }
  batch.input = batch.input.masked_fill(batch.mask, 0.0);
  return batch;
}

}  // namespace amaes
