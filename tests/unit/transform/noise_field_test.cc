#include "libs/transform/noise_field.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

namespace amaes {
namespace {

TEST(NoiseField, IsTheStreamWordByWord) {
  RandomStream stream(42, Purpose::kElasticNoise, 1'000'000'000'000);
  for (const std::int64_t field : {0, 1, 2}) {
    std::vector<float> values(1000);
    UniformField(42, Purpose::kElasticNoise, 1'000'000'000'000, field, absl::MakeSpan(values));
    for (const float value : values) {
      ASSERT_EQ(value, static_cast<float>(stream.NextUint32() >> 8) * 0x1p-23f - 1) << field;
    }
  }
}

TEST(NoiseField, NormalNumbersAreBoxMullersOfItsPairs) {
  RandomStream stream(3, Purpose::kAdditiveNoise, 5);
  std::vector<float> values(5000);
  NormalField(3, Purpose::kAdditiveNoise, 5, 0, absl::MakeSpan(values));
  for (std::size_t i = 0; i < values.size(); i += 2) {
    const double u = (static_cast<double>(stream.NextUint32() >> 8) + 1) * 0x1p-24;
    const double turn = static_cast<double>(stream.NextUint32() >> 8) * 0x1p-24;
    const double radius = std::sqrt(-2 * std::log(u));
    ASSERT_NEAR(values[i], radius * std::cos(2 * std::numbers::pi * turn), 5e-6);
    ASSERT_NEAR(values[i + 1], radius * std::sin(2 * std::numbers::pi * turn), 5e-6);
  }
}

TEST(NoiseField, MomentsOfTheNormal) {
  std::vector<float> values(1 << 20);
  NormalField(9, Purpose::kAdditiveNoise, 0, 0, absl::MakeSpan(values));
  double sum[5] = {};
  for (const float value : values) {
    double power = 1;
    for (double& moment : sum) {
      moment += power;
      power *= static_cast<double>(value);
    }
  }
  const double n = sum[0];
  EXPECT_NEAR(sum[1] / n, 0, 5 / std::sqrt(n));
  EXPECT_NEAR(sum[2] / n, 1, 5 * std::sqrt(2 / n));
  EXPECT_NEAR(sum[3] / n, 0, 5 * std::sqrt(15 / n));
  EXPECT_NEAR(sum[4] / n, 3, 5 * std::sqrt(96 / n));
}

TEST(NoiseField, EndsAnywhere) {
  std::vector<float> all(100), part(37);
  NormalField(1, Purpose::kAdditiveNoise, 2, 0, absl::MakeSpan(all));
  NormalField(1, Purpose::kAdditiveNoise, 2, 0, absl::MakeSpan(part));
  for (std::size_t i = 0; i < part.size(); ++i) EXPECT_EQ(part[i], all[i]);
}

}  // namespace
}  // namespace amaes
