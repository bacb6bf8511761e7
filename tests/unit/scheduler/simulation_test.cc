#include "tests/unit/scheduler/simulation.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"

namespace amaes {
namespace {

using ::testing::IsEmpty;

constexpr int kSeeds = 1000, kTicksWithFaults = 80;
// Far more than the longest job, its restarts and their back-offs take.
constexpr int kTicksToEnd = 2000;

bool AllRunnableEnded(const Simulation& simulation) {
  for (const auto& [id, job] : simulation.jobs()) {
    if (!IsTerminal(job.state) && simulation.CanEverRun(job)) return false;
  }
  return true;
}

TEST(SimulationTest, InvariantsHoldAndEveryRunnableJobEndsWhenFaultsStop) {
  int placements = 0, faults = 0;
  std::map<JobState, int> ends;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Simulation simulation(seed);
    for (int tick = 0; tick < kTicksWithFaults; ++tick) simulation.Tick(/*faults=*/true);
    simulation.EndFaults();
    for (int tick = 0; tick < kTicksToEnd && !AllRunnableEnded(simulation); ++tick) simulation.Tick(/*faults=*/false);
    ASSERT_THAT(simulation.broken(), IsEmpty());
    for (const auto& [id, job] : simulation.jobs()) {
      EXPECT_TRUE(IsTerminal(job.state) || !simulation.CanEverRun(job))
          << id.value << " is " << JobStateName(job.state) << ": " << job.last_message;
      ++ends[job.state];
    }
    ASSERT_FALSE(HasFailure());
    placements += simulation.placements();
    faults += simulation.faults();
  }
  // The histories were worth something.
  EXPECT_GT(placements, 3 * kSeeds);
  EXPECT_GT(faults, 5 * kSeeds);
  for (JobState state : {JobState::kSucceeded, JobState::kFailed, JobState::kCancelled, JobState::kQueued}) {
    EXPECT_GT(ends[state], kSeeds / 20) << JobStateName(state);
  }
}

TEST(SimulationTest, OneSeedIsOneHistory) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Simulation a(seed), b(seed);
    for (int tick = 0; tick < kTicksWithFaults; ++tick) {
      a.Tick(/*faults=*/true);
      b.Tick(/*faults=*/true);
    }
    EXPECT_EQ(a.placements(), b.placements()) << seed;
    for (const auto& [id, job] : a.jobs()) EXPECT_EQ(job.state, b.jobs().at(id).state) << seed;
  }
}

}  // namespace
}  // namespace amaes
