#include "libs/metrics/distance_transform.h"

#include <limits>

#include "libs/base/log.h"

namespace amaes {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

// One line: the lower envelope of parabolas of width 1 / step² over its samples, read at its samples.
class Line {
 public:
  Line(std::int64_t length, double step)
      : length_(length), step2_(step * step), values_(length), out_(length), places_(length), borders_(length + 1) {}

  double* values() { return values_.data(); }

  const double* Run() {
    std::int64_t count = 0;  // parabolas of the envelope
    for (std::int64_t q = 0; q < length_; ++q) {
      if (values_[q] == kInfinite) continue;
      double from = -kInfinite;
      while (count > 0) {
        from = Crossing(places_[count - 1], q);
        if (from > borders_[count - 1]) break;
        --count;
        from = -kInfinite;
      }
      places_[count] = q;
      borders_[count] = from;
      ++count;
    }
    if (count == 0) return values_.data();
    borders_[count] = kInfinite;
    std::int64_t k = 0;
    for (std::int64_t q = 0; q < length_; ++q) {
      while (borders_[k + 1] < static_cast<double>(q)) ++k;
      const auto away = static_cast<double>(q - places_[k]);
      out_[q] = away * away * step2_ + values_[places_[k]];
    }
    return out_.data();
  }

 private:
  // Where the parabola of q becomes lower than that of p < q.
  double Crossing(std::int64_t p, std::int64_t q) const {
    const auto a = static_cast<double>(p), b = static_cast<double>(q);
    return ((values_[q] / step2_ + b * b) - (values_[p] / step2_ + a * a)) / (2 * (b - a));
  }

  const std::int64_t length_;
  const double step2_;
  std::vector<double> values_, out_;
  std::vector<std::int64_t> places_;
  std::vector<double> borders_;
};

}  // namespace

std::vector<double> SquaredDistances(absl::Span<const std::uint8_t> seeds, const Shape3& shape,
                                     const std::array<double, 3>& spacing) {
  AMAES_CHECK(static_cast<std::int64_t>(seeds.size()) == VoxelCount(shape));
  std::vector<double> field(seeds.size());
  for (std::size_t i = 0; i < seeds.size(); ++i) field[i] = seeds[i] != 0 ? 0 : kInfinite;
  const Shape3 stride{shape[1] * shape[2], shape[2], 1};
  for (int axis = 2; axis >= 0; --axis) {
    Line line(shape[axis], spacing[axis]);
    const int outer = axis == 0 ? 1 : 0, inner = axis == 2 ? 1 : 2;
    for (std::int64_t i = 0; i < shape[outer]; ++i) {
      for (std::int64_t j = 0; j < shape[inner]; ++j) {
        double* at = field.data() + i * stride[outer] + j * stride[inner];
        for (std::int64_t k = 0; k < shape[axis]; ++k) line.values()[k] = at[k * stride[axis]];
        const double* result = line.Run();
        for (std::int64_t k = 0; k < shape[axis]; ++k) at[k * stride[axis]] = result[k];
      }
    }
  }
  return field;
}

}  // namespace amaes
