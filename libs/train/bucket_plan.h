// How parameters lie in flat buckets. Gradients, parameters and optimiser state share one plan. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace amaes {

struct BucketSlot {
  std::int64_t parameter = 0;  // index in the network's order
  std::int64_t offset = 0;     // elements from the bucket's start, a multiple of kBucketAlignment
  std::int64_t count = 0;      // elements
  bool operator==(const BucketSlot&) const = default;
};

struct BucketPlan {
  std::vector<BucketSlot> slots;
  std::int64_t elements = 0;  // with gaps for alignment
  bool operator==(const BucketPlan&) const = default;
};

inline constexpr std::int64_t kBucketAlignment = 16;  // elements: a cache line of float32

struct BucketOptions {
  std::int64_t first_bytes = std::int64_t{1} << 20;  // small, so that communication starts early
  std::int64_t bytes = std::int64_t{25} << 20;
  std::int64_t bytes_per_element = 4;
};

// In reverse order of the parameters, the order in which backward finishes them. A bucket is closed once it holds at least
// its number of bytes; a parameter is never split.
std::vector<BucketPlan> PlanBuckets(absl::Span<const std::int64_t> parameter_sizes, const BucketOptions& options);

}  // namespace amaes
