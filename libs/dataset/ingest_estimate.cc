#include "libs/dataset/ingest_estimate.h"

#include <algorithm>
#include <cmath>

namespace amaes {

IngestEstimate EstimateIngest(const std::vector<HeaderFacts>& headers, const Contract& contract) {
  IngestEstimate out;
  out.items = static_cast<std::int64_t>(headers.size());
  double source = 0, stored = 0;
  for (const HeaderFacts& header : headers) {
    if (!header.ok()) continue;
    ++out.inspected;
    double target = 1;
    for (int a = 0; a < 3; ++a) {
      const double wanted = contract.spacing_mm[a] > 0 ? contract.spacing_mm[a] : header->spacing[a];
      const double size = static_cast<double>(header->shape[a]) * header->spacing[a] / wanted;
      target *= std::isfinite(size) ? std::max(1.0, std::nearbyint(size)) : 1.0;
    }
    source += static_cast<double>(VoxelCount(header->shape));
    stored += target;
  }
  const double share = out.inspected > 0 ? static_cast<double>(out.items) / static_cast<double>(out.inspected) : 0;
  out.source_voxels = std::llround(source * share);
  out.stored_voxels = std::llround(stored * share);
  out.disk_bytes = std::llround(stored * share * kBytesPerStoredVoxel);
  out.core_seconds = std::max(source, stored) * share / kVoxelsPerCoreSecond;
  return out;
}

std::optional<std::array<double, 3>> MedianSpacing(const std::vector<HeaderFacts>& headers) {
  std::array<double, 3> median{};
  for (int a = 0; a < 3; ++a) {
    std::vector<double> values;
    for (const HeaderFacts& header : headers) {
      if (header.ok()) values.push_back(header->spacing[a]);
    }
    if (values.empty()) return std::nullopt;
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    median[a] = values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  }
  return median;
}

}  // namespace amaes
