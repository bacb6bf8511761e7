#include "libs/evaluate/native_labels.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/upsample_trilinear3d.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <cstring>

#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/models/torch_errors.h"

namespace amaes {
namespace {

// [d, h, w] uint8: labels of the box.
at::Tensor BoxLabels(const at::Tensor& logits, LabelRule rule, absl::Span<const std::uint8_t> values) {
  const at::TensorOptions bytes = at::TensorOptions(at::kByte).device(logits.device());
  at::Tensor out = at::zeros({logits.size(2), logits.size(3), logits.size(4)}, bytes);
  const at::Tensor winner = rule == LabelRule::kClasses ? logits[0].argmax(0) : at::Tensor();
  for (std::int64_t k = 0; k < logits.size(1); ++k) {
    out.masked_fill_(rule == LabelRule::kClasses ? winner.eq(k) : logits[0][k].gt(0), static_cast<int>(values[k]));
  }
  return out;
}

}  // namespace

absl::StatusOr<std::vector<std::uint8_t>> NativeLabels(const at::Tensor& logits, const NativeGrid& grid, LabelRule rule,
                                                       absl::Span<const std::uint8_t> values) {
  std::vector<std::uint8_t> out(static_cast<std::size_t>(VoxelCount(grid.shape)));
  AMAES_RETURN_IF_ERROR(CatchTorch("labels", [&] {
    AMAES_CHECK(logits.dim() == 5 && logits.size(0) == 1 && logits.size(1) == static_cast<std::int64_t>(values.size()));
    const c10::AutoGradMode no_gradients(false);
    at::Tensor native = logits;
    if (logits.sizes().slice(2) != at::IntArrayRef(grid.box_size)) {
      native = at::upsample_trilinear3d(logits, grid.box_size, /*align_corners=*/false);
    }
    const at::Tensor box = BoxLabels(native, rule, values).to(at::kCPU).contiguous();
    const auto* from = box.const_data_ptr<std::uint8_t>();
    const Shape3& n = grid.shape;
    for (std::int64_t x = 0; x < grid.box_size[0]; ++x) {
      for (std::int64_t y = 0; y < grid.box_size[1]; ++y, from += grid.box_size[2]) {
        const std::int64_t at = ((grid.box_start[0] + x) * n[1] + grid.box_start[1] + y) * n[2] + grid.box_start[2];
        std::memcpy(out.data() + at, from, static_cast<std::size_t>(grid.box_size[2]));
      }
    }
  }));
  return out;
}

}  // namespace amaes
