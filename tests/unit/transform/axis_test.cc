#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

#include "libs/base/rng.h"
#include "libs/transform/axis_filter.h"
#include "libs/transform/axis_matrix.h"
#include "libs/transform/elastic.h"

namespace amaes {
namespace {

std::vector<float> Numbers(std::size_t count) {
  RandomStream stream(17, Purpose::kPhantom, count);
  std::vector<float> out(count);
  for (float& value : out) value = static_cast<float>(stream.UniformDouble());
  return out;
}

// A filter along any axis is its matrix times the line.
TEST(AxisFilter, IsItsMatrix) {
  const std::int64_t n = 23;
  const AxisFilter filters[] = {SplineAt({0.0, 3.25, 11.5, 22.0}, {n, 0, n}, Beyond::kMirror),
                                SplineAt({-0.3, 7.5, 22.4}, {n, 0, n}, Beyond::kEdge),
                                SplineCoefficients(-1, 25, {n, 0, n}), Smoothing(n, 0.9), Refinement(n, -12, 4, 60)};
  for (const AxisFilter& filter : filters) {
    const std::vector<float> matrix = DenseMatrix(filter);
    for (const auto& [outer, inner] : {std::pair{1, 35}, std::pair{3, 32}, std::pair{37, 1}}) {
      const std::vector<float> in = Numbers(outer * n * inner);
      std::vector<float> out(outer * filter.out * inner);
      ApplyFilter(filter, outer, inner, in, absl::MakeSpan(out));
      for (std::int64_t a = 0; a < outer; ++a) {
        for (std::int64_t o = 0; o < filter.out; ++o) {
          for (std::int64_t b = 0; b < inner; ++b) {
            double sum = 0;
            for (std::int64_t i = 0; i < n; ++i)
              sum += static_cast<double>(matrix[o * n + i]) * static_cast<double>(in[(a * n + i) * inner + b]);
            ASSERT_NEAR(out[(a * filter.out + o) * inner + b], sum, 2e-6);
          }
        }
      }
    }
  }
}

TEST(AxisFilter, ASplineGoesThroughItsSamples) {
  const std::int64_t n = 19;
  const std::vector<float> in = Numbers(n);
  std::vector<double> places;
  for (std::int64_t i = 0; i < n; ++i) places.push_back(static_cast<double>(i));
  std::vector<float> out(n);
  ApplyFilter(SplineAt(places, {n, 0, n}, Beyond::kMirror), 1, 1, in, absl::MakeSpan(out));
  for (std::int64_t i = 0; i < n; ++i) EXPECT_NEAR(out[i], in[i], 1e-6);
}

TEST(AxisFilter, APartGivesWhatTheWholeLineGives) {
  const std::int64_t n = 100;
  const std::vector<float> in = Numbers(n);
  const std::vector<double> places{40.5, 47.9, 52.0};
  std::vector<float> whole(3), part(3);
  ApplyFilter(SplineAt(places, {n, 0, n}, Beyond::kMirror), 1, 1, in, absl::MakeSpan(whole));
  ApplyFilter(SplineAt(places, {n, 26, 42}, Beyond::kMirror), 1, 1, absl::MakeConstSpan(in).subspan(26, 42),
              absl::MakeSpan(part));
  EXPECT_EQ(whole, part);
}

TEST(AxisFilter, LagrangeIsExactForPolynomials) {
  const AxisFilter filter = Refinement(20, -9, 3, 30);
  const auto polynomial = [](double x) { return 1 + x * (0.2 - x * (0.03 - x * 0.0004)); };
  std::vector<float> in, out(30);
  for (int i = 0; i < 20; ++i) in.push_back(static_cast<float>(polynomial(-9 + 3 * i)));
  ApplyFilter(filter, 1, 1, in, absl::MakeSpan(out));
  for (int o = 0; o < 30; ++o) EXPECT_NEAR(out[o], polynomial(o), 2e-4 * (1 + std::abs(polynomial(o)))) << o;
}

// By the definition: transform, multiply, transform back.
TEST(AxisMatrix, MultipliesFrequencies) {
  for (const std::int64_t n : {8, 9, 15}) {
    for (const std::vector<double>& factors : {GhostingFactors(n, 0.9, 3), RingingFactors(n, n - 3, false)}) {
      const Circulant circulant = FourierFactors(factors);
      const std::vector<float> in = Numbers(n);
      std::vector<float> re(n), im(n);
      ApplyMatrix(circulant.real, 1, 1, in, absl::MakeSpan(re));
      if (!circulant.imaginary.values.empty()) ApplyMatrix(circulant.imaginary, 1, 1, in, absl::MakeSpan(im));
      for (std::int64_t i = 0; i < n; ++i) {
        std::complex<double> sum = 0;
        for (std::int64_t k = 0; k < n; ++k) {
          for (std::int64_t j = 0; j < n; ++j) {
            const double angle = 2 * std::numbers::pi * static_cast<double>(k * (i - j)) / static_cast<double>(n);
            sum += factors[k] * std::polar(static_cast<double>(in[j]), angle) / static_cast<double>(n);
          }
        }
        EXPECT_NEAR(re[i], sum.real(), 1e-6);
        EXPECT_NEAR(im[i], sum.imag(), 1e-6);
      }
    }
  }
}

TEST(AxisMatrix, RingingKeepsWhatIsAskedFor) {
  const auto kept = [](std::int64_t size, std::int64_t count, bool wrap) {
    std::int64_t sum = 0;
    for (const double factor : RingingFactors(size, count, wrap)) sum += factor == 1 ? 1 : 0;
    return sum;
  };
  EXPECT_EQ(kept(128, 96, true), 96);
  EXPECT_EQ(kept(128, 97, true), 98);
  EXPECT_EQ(kept(128, 127, true), 128);
  EXPECT_EQ(kept(96, 110, false), 96);
  EXPECT_EQ(kept(96, 97, true), 1);   // the index -1 of the reference's array
  EXPECT_EQ(kept(64, 96, true), 16);  // -16
}

TEST(Elastic, IsASmoothedField) {
  const Shape3 patch{20, 24, 28};
  const auto voxels = static_cast<std::size_t>(VoxelCount(patch));
  std::vector<float> noise = Numbers(voxels);
  for (float& value : noise) value = 2 * value - 1;
  std::vector<float> out(voxels), expected(noise), next(voxels);
  ElasticComponent(patch, PlanElastic(patch, 500, 20), noise, absl::MakeSpan(out));
  const std::int64_t inner[3] = {24 * 28, 28, 1}, outer[3] = {1, 20, 20 * 24};
  for (int axis = 0; axis < 3; ++axis) {
    ApplyMatrix(GaussianAt(patch[axis], 20, 0, 1, patch[axis]), outer[axis], inner[axis], expected,
                absl::MakeSpan(next));
    expected.swap(next);
  }
  for (std::size_t i = 0; i < voxels; ++i) ASSERT_NEAR(out[i], 500 * expected[i], 1e-4);
}

}  // namespace
}  // namespace amaes
