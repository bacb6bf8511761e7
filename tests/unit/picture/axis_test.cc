#include "libs/picture/axis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace amaes {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Labels(const std::vector<Tick>& ticks) {
  std::vector<std::string> out;
  for (const Tick& tick : ticks) {
    if (!tick.label.empty()) out.push_back(tick.label);
  }
  return out;
}

TEST(TickLabel, IsShort) {
  EXPECT_EQ(TickLabel(0), "0");
  EXPECT_EQ(TickLabel(0.05), "0.05");
  EXPECT_EQ(TickLabel(1e-5), "1e-5");
  EXPECT_EQ(TickLabel(3e12), "3e12");
  EXPECT_EQ(TickLabel(999), "999");
  EXPECT_EQ(TickLabel(1000), "1,000");
  EXPECT_EQ(TickLabel(276900), "276,900");
  EXPECT_EQ(TickLabel(1234567), "1,234,567");
  EXPECT_EQ(TickLabel(-1000), "-1,000");
}

TEST(LinearTicks, AreRound) {
  EXPECT_THAT(Labels(LinearTicks(0, 200, 8)), ElementsAre("0", "50", "100", "150", "200"));
  EXPECT_THAT(Labels(LinearTicks(3, 11, 8)), ElementsAre("3", "4", "5", "6", "7", "8", "9", "10", "11"));
  EXPECT_THAT(Labels(LinearTicks(-1, 1, 4)), ElementsAre("-1", "-0.5", "0", "0.5", "1"));
  EXPECT_THAT(Labels(LinearTicks(0.0501, 0.0505, 4)), ElementsAre("0.0501", "0.0502", "0.0503", "0.0504", "0.0505"));
}

TEST(LogTicks, SuitTheSpan) {
  EXPECT_THAT(Labels(LogTicks(0.008, 0.25)), ElementsAre("0.01", "0.02", "0.05", "0.1", "0.2"));
  EXPECT_THAT(Labels(LogTicks(0.0005, 20)), ElementsAre("0.001", "0.01", "0.1", "1", "10"));
  EXPECT_THAT(Labels(LogTicks(1e-9, 1)), ElementsAre("1e-8", "1e-6", "0.0001", "0.01", "1"));
  EXPECT_THAT(Labels(LogTicks(0.04, 0.06)), ElementsAre("0.04", "0.045", "0.05", "0.055", "0.06"));
}

TEST(LogTicks, StayInside) {
  for (const double high : {0.11, 0.3, 1.0, 50.0, 1e6}) {
    for (const Tick& tick : LogTicks(0.1, high)) {
      EXPECT_GE(tick.value, 0.1 * 0.999);
      EXPECT_LE(tick.value, high * 1.001);
    }
  }
}

}  // namespace
}  // namespace amaes
