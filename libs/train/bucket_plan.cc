#include "libs/train/bucket_plan.h"

#include <utility>

namespace amaes {

std::vector<BucketPlan> PlanBuckets(absl::Span<const std::int64_t> parameter_sizes, const BucketOptions& options) {
  std::vector<BucketPlan> plan;
  BucketPlan open;
  for (std::int64_t i = static_cast<std::int64_t>(parameter_sizes.size()) - 1; i >= 0; --i) {
    const std::int64_t count = parameter_sizes[i];
    open.slots.push_back({.parameter = i, .offset = open.elements, .count = count});
    open.elements += (count + kBucketAlignment - 1) / kBucketAlignment * kBucketAlignment;
    const std::int64_t limit = plan.empty() ? options.first_bytes : options.bytes;
    if (open.elements * options.bytes_per_element >= limit) plan.push_back(std::exchange(open, {}));
  }
  if (!open.slots.empty()) plan.push_back(std::move(open));
  return plan;
}

}  // namespace amaes
