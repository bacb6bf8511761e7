#include "libs/volume/statistics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace amaes {
namespace {

// Side by side, so that the compiler makes vectors of them; a fixed number, so that sums do not depend on the machine.
constexpr std::size_t kLanes = 16;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

Extent MeasureOneByOne(absl::Span<const float> values) {
  Extent extent{kInfinity, -kInfinity, 0};
  for (const float v : values) {
    if (!std::isfinite(v)) {
      ++extent.nonfinite;
      continue;
    }
    extent.low = std::min(extent.low, v);
    extent.high = std::max(extent.high, v);
  }
  return extent;
}

// sum of f(value)
template <typename F>
double Sum(absl::Span<const float> values, const F& f) {
  std::array<double, kLanes> sums{};
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (std::size_t l = 0; l < kLanes; ++l) sums[l] += f(static_cast<double>(values[i + l]));
  }
  double sum = 0;
  for (; i < values.size(); ++i) sum += f(static_cast<double>(values[i]));
  for (const double part : sums) sum += part;
  return sum;
}

}  // namespace

Extent MeasureExtent(absl::Span<const float> values) {
  // Written as vectors of four, of which every machine has registers; of arrays the compiler makes scalars.
  using Floats = float __attribute__((vector_size(16)));
  using Words = std::uint32_t __attribute__((vector_size(16)));
  Floats low = Floats{} + kInfinity, high = Floats{} - kInfinity, low2 = low, high2 = high;
  Words finite = ~Words{};
  std::size_t i = 0;
  for (; i + 8 <= values.size(); i += 8) {
    Floats v, v2;
    std::memcpy(&v, values.data() + i, sizeof(v));
    std::memcpy(&v2, values.data() + i + 4, sizeof(v2));
    low = v < low ? v : low;
    high = v > high ? v : high;
    low2 = v2 < low2 ? v2 : low2;
    high2 = v2 > high2 ? v2 : high2;
    // The sign bit becomes 0 only if all bits of the exponent are set: NaN or infinity.
    finite &= (reinterpret_cast<Words>(v) & 0x7f800000u) - 0x7f800000u;
    finite &= (reinterpret_cast<Words>(v2) & 0x7f800000u) - 0x7f800000u;
  }
  Extent extent = MeasureOneByOne(values.subspan(i));
  for (int l = 0; l < 4; ++l) {
    if ((finite[l] & 0x80000000u) == 0) return MeasureOneByOne(values);
    extent.low = std::min({extent.low, low[l], low2[l]});
    extent.high = std::max({extent.high, high[l], high2[l]});
  }
  return extent;
}

Moments MeasureMoments(absl::Span<const float> values) {
  const auto count = static_cast<double>(values.size());
  const double mean = Sum(values, [](double v) { return v; }) / count;
  const double squares = Sum(values, [mean](double v) { return (v - mean) * (v - mean); });
  return {mean, std::sqrt(squares / count)};
}

Quantile MeasureQuantile(absl::Span<const float> values, const Extent& extent, float left_out, double q) {
  // Buckets in the order of the values tell in which of them the wanted ranks lie; only those few are looked at closely.
  constexpr std::int64_t kBuckets = 4096;
  const float scale = static_cast<float>(kBuckets - 1) / (extent.high - extent.low);
  const float low = extent.low;
  const bool flat = !(scale > 0) || !std::isfinite(scale);  // all in one bucket, then
  const auto bucket = [&](float v) { return flat ? 0 : static_cast<std::int32_t>((v - low) * scale); };
  std::vector<std::int64_t> counts(kBuckets);
  Quantile out;
  float lowest = kInfinity;
  for (const float v : values) {
    if (v == left_out) continue;
    lowest = v < lowest ? v : lowest;
    ++counts[static_cast<std::size_t>(bucket(v))];
    ++out.count;
  }
  if (out.count == 0) return out;
  out.lowest = lowest;
  const double position = q * static_cast<double>(out.count - 1);
  const auto below = static_cast<std::int64_t>(position);
  const std::int64_t above = std::min(below + 1, out.count - 1);
  const auto bucket_of = [&](std::int64_t rank, std::int64_t& before) {
    std::int64_t b = 0;
    for (before = 0; before + counts[static_cast<std::size_t>(b)] <= rank; ++b)
      before += counts[static_cast<std::size_t>(b)];
    return b;
  };
  std::int64_t before = 0, unused = 0;
  const std::int64_t first = bucket_of(below, before), last = bucket_of(above, unused);
  std::vector<float> close;
  for (const float v : values) {
    if (v == left_out) continue;
    const std::int32_t b = bucket(v);
    if (b >= first && b <= last) close.push_back(v);
  }
  const auto at = close.begin() + (below - before);
  std::nth_element(close.begin(), at, close.end());
  const double lower = *at;
  const double upper = above == below ? lower : *std::min_element(at + 1, close.end());
  out.value = lower + (upper - lower) * (position - static_cast<double>(below));
  return out;
}

}  // namespace amaes
