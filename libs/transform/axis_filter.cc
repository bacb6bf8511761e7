#include "libs/transform/axis_filter.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "libs/base/log.h"
#include "libs/transform/kernels.h"

namespace amaes {
namespace {

constexpr double kPole = -0.26794919243112270647;  // sqrt(3) - 2

std::int64_t Shown(std::int64_t i, std::int64_t size, Beyond beyond) {
  if (beyond == Beyond::kEdge || size == 1) return std::clamp<std::int64_t>(i, 0, size - 1);
  const std::int64_t period = beyond == Beyond::kMirror ? 2 * size - 2 : 2 * size;
  i = ((i % period) + period) % period;
  return i < size ? i : period - i - (beyond == Beyond::kMirror ? 0 : 1);
}

// `source` of places first, first + 1, …
std::vector<std::int32_t> Continued(std::int64_t first, std::int64_t count, const LinePart& part, Beyond beyond) {
  std::vector<std::int32_t> source;
  source.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t sample = Shown(first + i, part.size, beyond) - part.begin;
    AMAES_CHECK(sample >= 0 && sample < part.count);
    source.push_back(static_cast<std::int32_t>(sample));
  }
  return source;
}

// What a sample `distance` away weighs in a spline's coefficient.
double CoefficientWeight(std::int64_t distance) {
  return 6 * kPole / (kPole * kPole - 1) * std::pow(kPole, std::abs(distance));
}

std::array<double, 4> CubicWeights(double t) {
  const double u = 1 - t;
  return {u * u * u / 6, (4 - 6 * t * t + 3 * t * t * t) / 6, (4 - 6 * u * u + 3 * u * u * u) / 6, t * t * t / 6};
}

// All outputs have the weights of the first, one place further on each.
void Repeat(AxisFilter& filter, std::int64_t first) {
  const std::vector<float> weights = filter.weights;
  filter.weights.clear();
  for (std::int64_t o = 0; o < filter.out; ++o) {
    filter.start.push_back(static_cast<std::int32_t>(first + o));
    filter.weights.insert(filter.weights.end(), weights.begin(), weights.end());
  }
}

FilterPlan PlanOf(const AxisFilter& filter) {
  return {filter.in,
          filter.out,
          filter.taps,
          static_cast<std::int64_t>(filter.source.size()),
          filter.source.data(),
          filter.start.data(),
          filter.weights.data(),
          filter.spline};
}

}  // namespace

AxisFilter SplineAt(const std::vector<double>& places, const LinePart& part, Beyond beyond) {
  AxisFilter filter;
  filter.in = part.count;
  filter.out = static_cast<std::int64_t>(places.size());
  filter.taps = 4;
  filter.spline = true;
  const auto [least, most] = std::minmax_element(places.begin(), places.end());
  const auto first = static_cast<std::int64_t>(std::floor(*least)) - 1 - kSplineReach;
  const auto last = static_cast<std::int64_t>(std::floor(*most)) + 2 + kSplineReach;
  filter.source = Continued(first, last - first + 1, part, beyond);
  for (const double place : places) {
    const double whole = std::floor(place);
    filter.start.push_back(static_cast<std::int32_t>(static_cast<std::int64_t>(whole) - 1 - first));
    for (const double weight : CubicWeights(place - whole)) filter.weights.push_back(static_cast<float>(weight));
  }
  return filter;
}

AxisFilter SplineCoefficients(std::int64_t first, std::int64_t count, const LinePart& part) {
  AxisFilter filter;
  filter.in = part.count;
  filter.out = count;
  filter.taps = 1;
  filter.spline = true;
  filter.source = Continued(first - kSplineReach, count + 2 * kSplineReach, part, Beyond::kMirror);
  filter.weights = {1};
  Repeat(filter, kSplineReach);
  return filter;
}

AxisFilter Smoothing(std::int64_t size, double sigma) {
  const auto radius = static_cast<std::int64_t>(4 * sigma + 0.5);
  AxisFilter filter;
  filter.in = filter.out = size;
  filter.taps = 1 + 2 * radius;
  filter.source = Continued(-radius, size + 2 * radius, {size, 0, size}, Beyond::kReflect);
  std::vector<double> weights;
  double sum = 0;
  for (std::int64_t d = -radius; d <= radius; ++d) {
    weights.push_back(d == 0 ? 1 : std::exp(-0.5 * static_cast<double>(d * d) / (sigma * sigma)));
    sum += weights.back();
  }
  for (const double weight : weights) filter.weights.push_back(static_cast<float>(weight / sum));
  Repeat(filter, 0);
  return filter;
}

AxisFilter Refinement(std::int64_t samples, double first, double spacing, std::int64_t count) {
  AxisFilter filter;
  filter.in = samples;
  filter.out = count;
  filter.taps = 8;
  filter.source = Continued(0, samples, {samples, 0, samples}, Beyond::kEdge);
  for (std::int64_t o = 0; o < count; ++o) {
    const double place = (static_cast<double>(o) - first) / spacing;
    const auto begin = static_cast<std::int64_t>(std::floor(place)) - 3;
    AMAES_CHECK(begin >= 0 && begin + 8 <= samples);
    filter.start.push_back(static_cast<std::int32_t>(begin));
    for (std::int64_t t = 0; t < 8; ++t) {
      double weight = 1;
      for (std::int64_t other = 0; other < 8; ++other) {
        if (other != t) weight *= (place - static_cast<double>(begin + other)) / static_cast<double>(t - other);
      }
      filter.weights.push_back(static_cast<float>(weight));
    }
  }
  return filter;
}

void ApplyFilter(const AxisFilter& filter, std::int64_t outer, std::int64_t inner, absl::Span<const float> in,
                 absl::Span<float> out) {
  AMAES_CHECK(static_cast<std::int64_t>(in.size()) == outer * filter.in * inner);
  AMAES_CHECK(static_cast<std::int64_t>(out.size()) == outer * filter.out * inner);
  std::vector<float> scratch(static_cast<std::size_t>(FilterScratch(PlanOf(filter))));
  FastKernels().filter(PlanOf(filter), outer, inner, in.data(), out.data(), scratch.data());
}

std::vector<float> ApplyFilters(const std::array<AxisFilter, 3>& filters, const Shape3& shape,
                                absl::Span<const float> in) {
  AMAES_CHECK(static_cast<std::int64_t>(in.size()) == VoxelCount(shape));
  const FilterPlan x = PlanOf(filters[0]), y = PlanOf(filters[1]), z = PlanOf(filters[2]);
  const Kernels& kernels = FastKernels();
  std::vector<float> scratch(
      static_cast<std::size_t>(std::max({FilterScratch(x), FilterScratch(y), FilterScratch(z)})));
  // Slab by slab along z and y, while a slab is in the cache; then along x, in place.
  std::vector<float> slab(static_cast<std::size_t>(y.in * z.out));
  std::vector<float> out(static_cast<std::size_t>(std::max(x.in, x.out) * y.out * z.out));
  for (std::int64_t i = 0; i < x.in; ++i) {
    kernels.filter(z, y.in, 1, in.data() + i * y.in * z.in, slab.data(), scratch.data());
    kernels.filter(y, 1, z.out, slab.data(), out.data() + i * y.out * z.out, scratch.data());
  }
  kernels.filter(x, 1, y.out * z.out, out.data(), out.data(), scratch.data());
  out.resize(static_cast<std::size_t>(x.out * y.out * z.out));
  return out;
}

std::vector<float> DenseMatrix(const AxisFilter& filter) {
  std::vector<float> matrix(static_cast<std::size_t>(filter.out * filter.in));
  const std::int64_t reach = filter.spline ? kSplineReach : 0;
  for (std::int64_t o = 0; o < filter.out; ++o) {
    for (std::int64_t t = 0; t < filter.taps; ++t) {
      const std::int64_t place = filter.start[o] + t;
      for (std::int64_t d = -reach; d <= reach; ++d) {
        const double share = filter.spline ? CoefficientWeight(d) : 1;
        matrix[o * filter.in + filter.source[place + d]] +=
            static_cast<float>(share * filter.weights[o * filter.taps + t]);
      }
    }
  }
  return matrix;
}

}  // namespace amaes
