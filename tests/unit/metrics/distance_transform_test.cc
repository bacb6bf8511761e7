#include "libs/metrics/distance_transform.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "libs/base/rng.h"

namespace amaes {
namespace {

// Every voxel against every seed.
std::vector<double> BySearch(const std::vector<std::uint8_t>& seeds, const Shape3& n, const std::array<double, 3>& mm) {
  std::vector<double> out(seeds.size(), std::numeric_limits<double>::infinity());
  const auto place = [&](std::int64_t i) { return Shape3{i / (n[1] * n[2]), i / n[2] % n[1], i % n[2]}; };
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    for (std::size_t j = 0; j < seeds.size(); ++j) {
      if (seeds[j] == 0) continue;
      double square = 0;
      for (int a = 0; a < 3; ++a) {
        const double away = static_cast<double>(place(i)[a] - place(j)[a]) * mm[a];
        square += away * away;
      }
      out[i] = std::min(out[i], square);
    }
  }
  return out;
}

struct Case {
  const char* name;
  Shape3 shape;
  std::array<double, 3> spacing;
  double density;  // share of seeds
};

class DistanceTransformTest : public testing::TestWithParam<Case> {};

TEST_P(DistanceTransformTest, IsExact) {
  const Case& c = GetParam();
  for (std::uint64_t round = 0; round < 5; ++round) {
    RandomStream random(3, Purpose::kPhantom, round);
    std::vector<std::uint8_t> seeds(static_cast<std::size_t>(VoxelCount(c.shape)));
    for (std::uint8_t& seed : seeds) seed = random.UniformDouble() < c.density ? 1 : 0;
    seeds[random.UniformInt(static_cast<std::uint32_t>(seeds.size()))] = 1;
    const std::vector<double> expected = BySearch(seeds, c.shape, c.spacing);
    const std::vector<double> got = SquaredDistances(seeds, c.shape, c.spacing);
    for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-9 * (1 + expected[i])) << i;
  }
}

const Case kCases[] = {
    {"Cube", {9, 9, 9}, {1, 1, 1}, 0.02},
    {"ThickSlices", {12, 11, 4}, {0.72, 0.72, 5}, 0.02},
    {"SparseAndSkewed", {5, 13, 8}, {3, 0.5, 1.7}, 0.003},
    {"Dense", {6, 7, 8}, {1.1, 0.9, 2}, 0.5},
    {"ALine", {1, 1, 40}, {1, 1, 0.3}, 0.05},
};
INSTANTIATE_TEST_SUITE_P(Table, DistanceTransformTest, testing::ValuesIn(kCases),
                         [](const auto& test) { return test.param.name; });

TEST(DistanceTransform, WithoutSeedsIsInfinite) {
  for (const double square : SquaredDistances(std::vector<std::uint8_t>(27), {3, 3, 3}, {1, 1, 1})) {
    EXPECT_EQ(square, std::numeric_limits<double>::infinity());
  }
}

}  // namespace
}  // namespace amaes
