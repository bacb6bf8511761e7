#include "libs/volume/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "libs/base/rng.h"

namespace amaes {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> Noise(std::size_t count) {
  RandomStream random(5, Purpose::kPhantom, 0);
  std::vector<float> values;
  for (std::size_t i = 0; i < count; ++i) values.push_back(static_cast<float>(random.Normal()));
  return values;
}

TEST(Extent, SeesEveryValueWhereverItStands) {
  for (const std::size_t count : {1, 15, 16, 17, 100}) {
    for (std::size_t at = 0; at < count; ++at) {
      std::vector<float> values(count, 1.0f);
      values[at] = -3;
      Extent extent = MeasureExtent(values);
      EXPECT_EQ(extent.low, -3);
      EXPECT_EQ(extent.high, count == 1 ? -3 : 1);
      EXPECT_EQ(extent.nonfinite, 0);
      for (const float odd : {kNan, -kNan, kInfinity, -kInfinity}) {
        values[at] = odd;
        extent = MeasureExtent(values);
        EXPECT_EQ(extent.nonfinite, 1) << count << " " << at << " " << odd;
        if (count > 1) {
          EXPECT_EQ(extent.low, 1);
          EXPECT_EQ(extent.high, 1);
        }
      }
      values[at] = std::numeric_limits<float>::max();
      EXPECT_EQ(MeasureExtent(values).nonfinite, 0);
      EXPECT_EQ(MeasureExtent(values).high, std::numeric_limits<float>::max());
    }
  }
  const Extent none = MeasureExtent(std::vector<float>(40, kNan));
  EXPECT_GT(none.low, none.high);
  EXPECT_EQ(none.nonfinite, 40);
}

TEST(Moments, AreThoseOfThePopulation) {
  std::vector<float> values;
  for (int i = 0; i < 1000; ++i) values.push_back(1e6f + static_cast<float>(i % 10));
  const Moments moments = MeasureMoments(values);
  EXPECT_NEAR(moments.mean, 1e6 + 4.5, 1e-6);
  EXPECT_NEAR(moments.standard_deviation, std::sqrt(8.25), 1e-6);
}

// By sorting.
double SlowQuantile(std::vector<float> values, float left_out, double q) {
  values.erase(std::remove(values.begin(), values.end(), left_out), values.end());
  std::sort(values.begin(), values.end());
  const double position = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const double low = values[below], high = values[std::min(below + 1, values.size() - 1)];
  return low + (high - low) * (position - static_cast<double>(below));
}

TEST(QuantileTest, EqualsThatOfASort) {
  std::vector<float> outlier = Noise(1000);
  outlier[500] = 1e30f;  // all others fall into one bucket
  std::vector<float> huge = Noise(1000);
  for (float& v : huge) v *= 1e38f / 4;
  std::vector<float> steps = Noise(1000);
  for (float& v : steps) v = std::round(v * 2);
  for (const std::vector<float>& values : {Noise(1), Noise(2), Noise(7), Noise(12345), outlier, huge, steps}) {
    const Extent extent = MeasureExtent(values);
    for (const float left_out : {extent.low, 77.0f}) {
      for (const double q : {0.001, 0.25, 0.5, 0.99, 0.9999, 1.0}) {
        const Quantile quantile = MeasureQuantile(values, extent, left_out, q);
        const auto count =
            static_cast<std::int64_t>(values.size()) - std::count(values.begin(), values.end(), left_out);
        EXPECT_EQ(quantile.count, count);
        if (count == 0) continue;
        EXPECT_EQ(quantile.value, SlowQuantile(values, left_out, q)) << values.size() << " " << q;
      }
    }
  }
  const Quantile most = MeasureQuantile(std::vector<float>{4, 2, 2, 9}, {2, 9, 0}, 2, 0.5);
  EXPECT_EQ(most.lowest, 4);
  EXPECT_EQ(most.value, 6.5);
}

}  // namespace
}  // namespace amaes
