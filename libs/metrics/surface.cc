#include "libs/metrics/surface.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "libs/base/log.h"
#include "libs/metrics/distance_transform.h"

namespace amaes {
namespace {

constexpr double kQuantile = 0.95;

// Grows by what is inside.
struct Bounds {
  Shape3 low, high{-1, -1, -1};  // inclusive

  bool empty() const { return high[0] < 0; }
  Shape3 size() const { return {high[0] - low[0] + 1, high[1] - low[1] + 1, high[2] - low[2] + 1}; }
};

Bounds BoundsOf(absl::Span<const std::uint8_t> a, absl::Span<const std::uint8_t> b, const Shape3& shape) {
  Bounds out{shape};
  std::size_t i = 0;
  for (std::int64_t x = 0; x < shape[0]; ++x) {
    for (std::int64_t y = 0; y < shape[1]; ++y) {
      for (std::int64_t z = 0; z < shape[2]; ++z, ++i) {
        if ((a[i] | b[i]) == 0) continue;
        out.low = {std::min(out.low[0], x), std::min(out.low[1], y), std::min(out.low[2], z)};
        out.high = {std::max(out.high[0], x), std::max(out.high[1], y), std::max(out.high[2], z)};
      }
    }
  }
  return out;
}

// The surface voxels of `mask` inside `bounds`, which hold all of it.
std::vector<std::uint8_t> Surface(absl::Span<const std::uint8_t> mask, const Shape3& shape, const Bounds& bounds) {
  const Shape3 size = bounds.size();
  const Shape3 stride{shape[1] * shape[2], shape[2], 1};
  std::vector<std::uint8_t> out(static_cast<std::size_t>(VoxelCount(size)));
  std::size_t o = 0;
  for (std::int64_t x = bounds.low[0]; x <= bounds.high[0]; ++x) {
    for (std::int64_t y = bounds.low[1]; y <= bounds.high[1]; ++y) {
      for (std::int64_t z = bounds.low[2]; z <= bounds.high[2]; ++z, ++o) {
        const std::int64_t i = x * stride[0] + y * stride[1] + z;
        if (mask[i] == 0) continue;
        const Shape3 at{x, y, z};
        bool inner = true;
        for (int a = 0; a < 3 && inner; ++a) {
          inner = at[a] > 0 && at[a] + 1 < shape[a] && mask[i - stride[a]] != 0 && mask[i + stride[a]] != 0;
        }
        out[o] = inner ? 0 : 1;
      }
    }
  }
  return out;
}

std::vector<double> DistancesFrom(const std::vector<std::uint8_t>& surface, const std::vector<std::uint8_t>& to,
                                  const Shape3& size, const std::array<double, 3>& spacing) {
  const std::vector<double> squares = SquaredDistances(to, size, spacing);
  std::vector<double> out;
  for (std::size_t i = 0; i < surface.size(); ++i) {
    if (surface[i] != 0) out.push_back(std::sqrt(squares[i]));
  }
  return out;
}

// `values` is reordered.
double Quantile(std::vector<double>& values, double q) {
  const double place = q * static_cast<double>(values.size() - 1);
  const auto lower = static_cast<std::ptrdiff_t>(std::floor(place));
  std::nth_element(values.begin(), values.begin() + lower, values.end());
  const double low = values[lower];
  if (lower + 1 == static_cast<std::ptrdiff_t>(values.size())) return low;
  const double high = *std::min_element(values.begin() + lower + 1, values.end());
  return low + (high - low) * (place - static_cast<double>(lower));
}

}  // namespace

SurfaceScores MeasureSurfaces(absl::Span<const std::uint8_t> truth, absl::Span<const std::uint8_t> prediction,
                              const Shape3& shape, const std::array<double, 3>& spacing) {
  AMAES_CHECK(static_cast<std::int64_t>(truth.size()) == VoxelCount(shape) && truth.size() == prediction.size());
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  const Bounds bounds = BoundsOf(truth, prediction, shape);
  if (bounds.empty()) return {kNone, kNone, kNone};
  const std::vector<std::uint8_t> of_truth = Surface(truth, shape, bounds);
  const std::vector<std::uint8_t> of_prediction = Surface(prediction, shape, bounds);
  std::vector<double> there = DistancesFrom(of_prediction, of_truth, bounds.size(), spacing);
  std::vector<double> back = DistancesFrom(of_truth, of_prediction, bounds.size(), spacing);
  if (there.empty() || back.empty()) return {kInfinite, kInfinite, kInfinite};
  SurfaceScores scores;
  double sum = 0;
  for (const std::vector<double>* distances : {&there, &back}) {
    for (const double d : *distances) {
      sum += d;
      scores.hausdorff = std::max(scores.hausdorff, d);
    }
  }
  scores.average = sum / static_cast<double>(there.size() + back.size());
  scores.hausdorff_95 = std::max(Quantile(there, kQuantile), Quantile(back, kQuantile));
  return scores;
}

}  // namespace amaes
