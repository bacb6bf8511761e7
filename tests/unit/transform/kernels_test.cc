// The kernels for AVX2 do what the baseline ones do. (On a processor without AVX2 both are the baseline ones.)
#include "libs/transform/kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "libs/base/rng.h"
#include "libs/transform/axis_filter.h"

namespace amaes {
namespace {

std::vector<float> Numbers(std::size_t count, std::uint64_t seed) {
  RandomStream stream(seed, Purpose::kPhantom, 0);
  std::vector<float> out(count);
  for (float& value : out) value = static_cast<float>(stream.Uniform(-1, 1));
  return out;
}

void ExpectNear(const std::vector<float>& a, const std::vector<float>& b, float tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], tolerance) << i;
}

template <typename Work>
void ExpectSame(std::size_t outputs, float tolerance, const Work& work) {
  std::vector<float> baseline(outputs), fast(outputs);
  work(BaselineKernels(), baseline.data());
  work(FastKernels(), fast.data());
  ExpectNear(baseline, fast, tolerance);
}

TEST(Kernels, ProductsOfEveryTileSize) {
  for (const std::int64_t m : {1, 5, 6, 13}) {
    for (const std::int64_t n : {1, 15, 16, 300}) {
      const std::int64_t k = 29;
      const std::vector<float> a = Numbers(m * k, 1), b = Numbers(k * n, 2);
      std::vector<float> expected(m * n);
      for (std::int64_t i = 0; i < m; ++i) {
        for (std::int64_t j = 0; j < n; ++j) {
          double sum = 0;
          for (std::int64_t t = 0; t < k; ++t)
            sum += static_cast<double>(a[i * k + t]) * static_cast<double>(b[t * n + j]);
          expected[i * n + j] = static_cast<float>(sum);
        }
      }
      for (const Kernels* kernels : {&BaselineKernels(), &FastKernels()}) {
        std::vector<float> c(m * n, 9);
        kernels->multiply(m, n, k, a.data(), k, b.data(), n, c.data(), n);
        ExpectNear(c, expected, 1e-5f);
      }
    }
  }
}

TEST(Kernels, FieldsAreTheSame) {
  const std::size_t count = 1000;
  ExpectSame(count, 0, [&](const Kernels& k, float* out) { k.uniform(7, 11, 3, 64, count, out); });
  ExpectSame(count, 2e-6f, [&](const Kernels& k, float* out) { k.normal(7, 11, 3, 64, count, out); });
}

TEST(Kernels, VoxelByVoxel) {
  const std::size_t count = 1003;
  const std::vector<float> in = Numbers(count, 3), noise = Numbers(count, 4);
  const auto size = static_cast<std::int64_t>(count);
  ExpectSame(count, 1e-6f, [&](const Kernels& k, float* out) {
    std::copy(in.begin(), in.end(), out);
    k.add(size, noise.data(), 0.1f, -0.9f, 0.9f, out);
    k.multiply_noise(size, noise.data(), 0.1f, -0.9f, 0.8f, out);
    k.shade(size, 0.5f, noise.data(), -0.7f, 0.7f, out);
    k.magnitude(size, out, noise.data(), 0.25f, -0.2f, 1.0f, out);
    k.gamma(size, -1, 0.8f, 1.7f, 1.2f, -1.0f, -1.0f, 0.2f, out);
  });
}

TEST(Kernels, PowersAreThoseOfTheLibrary) {
  std::vector<float> values(10001);
  for (const double gamma : {0.5, 0.77, 1.0, 1.3, 2.0}) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) / 10000;
    FastKernels().gamma(static_cast<std::int64_t>(values.size()), 1, 1, static_cast<float>(gamma), 1, 0, 0, 1,
                        values.data());
    for (std::size_t i = 0; i < values.size(); ++i) {
      ASSERT_NEAR(values[i], std::pow(static_cast<double>(static_cast<float>(i) / 10000), gamma), 1e-6)
          << i << " " << gamma;
    }
  }
}

TEST(Kernels, RangeOfAnyLength) {
  for (const std::size_t count : {1u, 7u, 8u, 9u, 100u}) {
    std::vector<float> values = Numbers(count, count);
    values[count / 2] = -3;
    values[count - 1] = 5;
    for (const Kernels* kernels : {&BaselineKernels(), &FastKernels()}) {
      float low = 0, high = 0;
      kernels->range(static_cast<std::int64_t>(count), values.data(), &low, &high);
      EXPECT_EQ(high, 5);
      EXPECT_EQ(low, count == 1 ? 5 : -3);
    }
  }
}

}  // namespace
}  // namespace amaes
