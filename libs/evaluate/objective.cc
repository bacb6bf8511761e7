#include "libs/evaluate/objective.h"

#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "libs/base/status_macros.h"
#include "libs/models/torch_errors.h"

namespace amaes {

std::optional<CropPicture> Objective::Picture(const Network&, const Sample&) const { return std::nullopt; }

absl::StatusOr<std::vector<double>> EvaluateCrops(const Objective& objective, const Network& network,
                                                  absl::Span<const Sample> crops, std::int64_t batch) {
  const auto size = static_cast<std::size_t>(std::max<std::int64_t>(1, batch / objective.group()) * objective.group());
  std::vector<double> total(objective.sums(), 0.0);
  AMAES_RETURN_IF_ERROR(CatchTorch("evaluation", [&] {
    const c10::AutoGradMode no_gradients(false);
    at::Tensor sums;
    for (std::size_t first = 0; first < crops.size(); first += size) {
      std::vector<const Sample*> kept;
      for (const Sample& crop : crops.subspan(first, size)) {
        if (!crop.skipped) kept.push_back(&crop);
      }
      if (kept.empty()) continue;
      const at::Tensor more = objective.Compute(network, kept).sums;
      sums = sums.defined() ? sums + more : more;
    }
    if (!sums.defined()) return;
    const at::Tensor host = sums.to(at::kCPU).contiguous();
    total.assign(host.const_data_ptr<double>(), host.const_data_ptr<double>() + host.numel());
  }));
  return total;
}

}  // namespace amaes
