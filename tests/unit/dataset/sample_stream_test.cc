#include "libs/dataset/sample_stream.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>
#include <set>

namespace amaes {
namespace {

std::vector<std::int64_t> Pass(const SampleStream& stream, std::int64_t pass) {
  std::vector<std::int64_t> order;
  for (std::int64_t i = 0; i < stream.volumes(); ++i) order.push_back(stream.VolumeAt(pass * stream.volumes() + i));
  return order;
}

// Computed by an independent implementation.
TEST(SampleStream, Golden) {
  const SampleStream stream(1, "d", 10);
  EXPECT_EQ(Pass(stream, 0), (std::vector<std::int64_t>{8, 6, 3, 5, 4, 9, 0, 7, 2, 1}));
  EXPECT_EQ(Pass(stream, 1), (std::vector<std::int64_t>{5, 9, 4, 7, 3, 1, 2, 8, 0, 6}));
  EXPECT_EQ(stream.draw_seed(), 0x8735cdacbe496846u);
  EXPECT_EQ(SampleStream(1, "d", 44756).VolumeAt(1'000'000'000'000), 40588);
  EXPECT_EQ(SampleStream(std::uint64_t{1} << 63, "d", 44756).VolumeAt(1'000'000'000'000), 38711);
}

TEST(SampleStream, EveryPassVisitsEachVolumeOnce) {
  for (std::int64_t n = 1; n <= 300; ++n) {
    const SampleStream stream(7, "digest", n);
    for (const std::int64_t pass : {0, 1, 2, 1'000'000}) {
      std::vector<std::uint8_t> seen(static_cast<std::size_t>(n));
      for (const std::int64_t volume : Pass(stream, pass)) {
        ASSERT_GE(volume, 0);
        ASSERT_LT(volume, n);
        ASSERT_EQ(seen[volume]++, 0) << "n " << n << " pass " << pass;
      }
    }
  }
}

TEST(SampleStream, OrderDependsOnPassSeedAndDataset) {
  const SampleStream stream(1, "digest", 50);
  std::set<std::vector<std::int64_t>> orders;
  for (std::int64_t pass = 0; pass < 100; ++pass) orders.insert(Pass(stream, pass));
  orders.insert(Pass(SampleStream(2, "digest", 50), 0));
  orders.insert(Pass(SampleStream(1, "other", 50), 0));
  EXPECT_EQ(orders.size(), 102u);
  EXPECT_EQ(Pass(SampleStream(1, "digest", 50), 3), Pass(stream, 3));
  EXPECT_NE(SampleStream(1, "other", 50).draw_seed(), stream.draw_seed());
}

// Each volume comes at each place of a pass equally often, also where the network's domain is tiny.
TEST(SampleStream, PlacesAreUniform) {
  constexpr std::int64_t kPasses = 3000;
  for (const std::int64_t n : {2, 3, 5, 16, 17, 30}) {
    const SampleStream stream(3, "digest", n);
    std::vector<std::int64_t> counts(static_cast<std::size_t>(n * n));
    for (std::int64_t pass = 0; pass < kPasses; ++pass) {
      const std::vector<std::int64_t> order = Pass(stream, pass);
      for (std::int64_t place = 0; place < n; ++place) ++counts[place * n + order[place]];
    }
    const double expected = static_cast<double>(kPasses) / static_cast<double>(n);
    double statistic = 0;
    for (const std::int64_t count : counts) {
      const double difference = static_cast<double>(count) - expected;
      statistic += difference * difference / expected;
    }
    const double freedom = static_cast<double>((n - 1) * (n - 1));
    EXPECT_LT(statistic, freedom + 5 * std::sqrt(2 * freedom)) << "n " << n;
  }
}

TEST(SampleStream, AnyPositionIsAsNearAsTheFirst) {
  const SampleStream stream(1, "digest", 44756);
  std::set<std::int64_t> volumes;
  const std::int64_t start = 1'000'000'000'000 / 44756 * 44756;
  for (std::int64_t i = 0; i < 44756; ++i) volumes.insert(stream.VolumeAt(start + i));
  EXPECT_EQ(volumes.size(), 44756u);
  EXPECT_EQ(stream.PassOf(start), start / 44756);
}

TEST(LanesOf, CoverTheBatchOnceAndEvenly) {
  for (std::int64_t batch = 1; batch <= 40; ++batch) {
    for (std::int64_t world = 1; world <= batch; ++world) {
      std::int64_t next = 0;
      for (std::int64_t rank = 0; rank < world; ++rank) {
        const LaneRange lanes = LanesOf(rank, world, batch);
        ASSERT_EQ(lanes.first, next);
        ASSERT_GE(lanes.size(), batch / world);
        ASSERT_LE(lanes.size(), (batch + world - 1) / world);
        next = lanes.last;
      }
      ASSERT_EQ(next, batch);
    }
  }
}

TEST(LanesOf, GroupsStayWhole) {
  for (std::int64_t group = 1; group <= 5; ++group) {
    for (std::int64_t groups = 1; groups <= 9; ++groups) {
      for (std::int64_t world = 1; world <= groups; ++world) {
        for (std::int64_t rank = 0; rank < world; ++rank) {
          const LaneRange whole = LanesOf(rank, world, groups), lanes = LanesOf(rank, world, groups * group, group);
          ASSERT_EQ(lanes, (LaneRange{whole.first * group, whole.last * group}));
        }
      }
    }
  }
}

TEST(LanesOf, EveryWorldSizeReadsTheSameSamples) {
  const SampleStream stream(1, "digest", 13);
  constexpr std::int64_t kBatch = 7, kSteps = 9;
  std::map<std::int64_t, std::map<std::int64_t, std::int64_t>> by_world;
  for (const std::int64_t world : {1, 2, 3}) {
    for (std::int64_t rank = 0; rank < world; ++rank) {
      const LaneRange lanes = LanesOf(rank, world, kBatch);
      for (std::int64_t step = 0; step < kSteps; ++step) {
        for (std::int64_t lane = lanes.first; lane < lanes.last; ++lane) {
          const std::int64_t position = step * kBatch + lane;
          EXPECT_TRUE(by_world[world].emplace(position, stream.VolumeAt(position)).second);
        }
      }
    }
  }
  EXPECT_EQ(by_world[1].size(), static_cast<std::size_t>(kBatch * kSteps));
  EXPECT_EQ(by_world[1], by_world[2]);
  EXPECT_EQ(by_world[1], by_world[3]);
}

}  // namespace
}  // namespace amaes
