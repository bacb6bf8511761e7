// Every fuzz target, over its seeds, their beginnings, and seeds with bytes changed by a fixed rule: what runs in every
// build and keeps the targets alive. The search itself: ./dev test --fuzz.
#include <gtest/gtest.h>

#include "tests/fuzz/targets.h"

namespace amaes {
namespace {

class FuzzSmokeTest : public ::testing::TestWithParam<FuzzTarget> {};

TEST_P(FuzzSmokeTest, SeedsAndTheirNeighbours) {
  const FuzzTarget& target = GetParam();
  const std::vector<std::string> seeds = target.seeds();
  ASSERT_FALSE(seeds.empty());
  target.run({});
  for (const std::string& seed : seeds) {
    ASSERT_FALSE(seed.empty());
    target.run(seed);
    const std::size_t step = seed.size() / 97 + 1;
    for (std::size_t at = 0; at < seed.size(); at += step) {
      target.run(absl::string_view(seed).substr(0, at));
      for (const char mask : {'\x01', '\x80', '\xff'}) {
        std::string changed = seed;
        changed[at] = static_cast<char>(changed[at] ^ mask);
        target.run(changed);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, FuzzSmokeTest, ::testing::ValuesIn(FuzzTargets()),
                         [](const auto& entry) { return std::string(entry.param.name); });

}  // namespace
}  // namespace amaes
