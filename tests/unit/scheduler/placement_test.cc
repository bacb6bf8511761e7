#include "libs/scheduler/placement.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/rng.h"

namespace amaes {
namespace {

using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

// "c" free CPU slot, "C" used one, "g" and "G" GPUs; a node that starts with "-" is not ready.
NodeView Node(const std::string& name, const std::string& slots) {
  NodeView node{.node = NodeId(name), .ready = slots.empty() || slots[0] != '-'};
  for (char c : slots) {
    if (c == '-') continue;
    const int index = static_cast<int>(node.slots.size());
    node.slots.push_back({.index = index, .gpu = c == 'g' || c == 'G', .free = c == 'c' || c == 'g'});
  }
  return node;
}

WaitingJob Job(const std::string& id, int slots, const std::string& device = "auto", int priority = 50, int age = 0) {
  return {
      .job = JobId(id), .priority = priority, .queued = kNow - absl::Seconds(age), .slots = slots, .device = device};
}
WaitingJob Later(WaitingJob job, absl::Duration wait) {
  job.not_before = kNow + wait;
  return job;
}

struct Case {
  std::string name;
  std::vector<NodeView> nodes;
  std::vector<WaitingJob> jobs;
  // In queue order: "id:node/slot,node/slot" or "id:REASON".
  std::vector<std::string> expected;
  std::string message;  // part of the last decision's
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

std::string Describe(const Decision& decision) {
  if (decision.ranks.empty()) return absl::StrCat(decision.job.value, ":", decision.reason);
  return absl::StrCat(decision.job.value, ":",
                      absl::StrJoin(decision.ranks, ",", [](std::string* out, const SlotRef& rank) {
                        absl::StrAppend(out, rank.node.value, "/", rank.slot);
                      }));
}

class PlacementTest : public ::testing::TestWithParam<Case> {};

TEST_P(PlacementTest, ChoosesOrExplains) {
  const Case& c = GetParam();
  const std::vector<Decision> got = Place(kNow, c.jobs, c.nodes);
  std::vector<std::string> described;
  for (const Decision& decision : got) described.push_back(Describe(decision));
  EXPECT_EQ(described, c.expected);
  ASSERT_FALSE(got.empty());
  EXPECT_THAT(got.back().message, HasSubstr(c.message));
}

const Case kCases[] = {
    {"OneFits", {Node("a", "c")}, {Job("j", 1)}, {"j:a/0"}, "takes 1 CPU slot on a"},
    {"NoNodeAtAll", {}, {Job("j", 1)}, {"j:NO_NODES"}, "needs 1 CPU slot, no node is ready (0 known); start an agent"},
    {"LostNodesDoNotCount", {Node("a", "-cc")}, {Job("j", 1)}, {"j:NO_NODES"}, "1 known"},
    {"UsedSlotsAreNotGivenAgain", {Node("a", "Cc")}, {Job("j", 1)}, {"j:a/1"}, ""},
    {"AGangIsPlacedWholeOrNotAtAll",
     {Node("a", "cc"), Node("b", "cC")},
     {Job("j", 4)},
     {"j:WAITING_FOR_SLOTS"},
     "needs 4 CPU slots; 3 of 4 are free on 2 nodes, short by 1; starts when"},
    {"TooLargeForTheNodesIsSaidSo",
     {Node("a", "cc"), Node("b", "cc")},
     {Job("j", 5)},
     {"j:NEVER_FITS"},
     "needs 5 CPU slots, 2 ready nodes have 4 in total and 0 GPU slots; add nodes or ask for fewer workers"},
    {"LostNodesThatWouldHelpAreNamed",
     {Node("a", "cc"), Node("b", "-ccc")},
     {Job("j", 5)},
     {"j:NEVER_FITS"},
     "1 node with 3 CPU slots would have to come back"},
    {"OneNodeIsPreferredToTwo", {Node("a", "c"), Node("b", "c"), Node("c", "cc")}, {Job("j", 2)}, {"j:c/0,c/1"}, ""},
    {"TwoNodesArePreferredToThree",
     {Node("a", "c"), Node("b", "cc"), Node("c", "cc")},
     {Job("j", 4)},
     {"j:b/0,b/1,c/0,c/1"},
     "on b, c"},
    {"TiesGoToTheSmallestNames",
     {Node("c", "ccc"), Node("b", "cc"), Node("a", "cccc")},
     {Job("j", 2)},
     {"j:a/0,a/1"},
     ""},
    {"RanksFollowNodeNamesAndSlotIndices",
     {Node("b", "cc"), Node("a", "Ccc")},
     {Job("j", 4)},
     {"j:a/1,a/2,b/0,b/1"},
     ""},
    {"HigherPriorityGoesFirst",
     {Node("a", "c")},
     {Job("low", 1, "cpu", 10, 100), Job("high", 1, "cpu", 90)},
     {"high:a/0", "low:WAITING_FOR_SLOTS"},
     "0 of 1 are free"},
    {"OlderGoesFirst",
     {Node("a", "c")},
     {Job("young", 1, "cpu", 50, 1), Job("old", 1, "cpu", 50, 2)},
     {"old:a/0", "young:WAITING_FOR_SLOTS"},
     ""},
    {"TheIdDecidesLast", {Node("a", "c")}, {Job("b", 1), Job("a", 1)}, {"a:a/0", "b:WAITING_FOR_SLOTS"}, ""},
    {"ALargeGangIsNotStarvedBySmallJobs",
     {Node("a", "ccC")},
     {Job("large", 3, "cpu", 50, 9), Job("small", 1)},
     {"large:WAITING_FOR_SLOTS", "small:BEHIND_JOB"},
     "waits behind large, which needs 3 CPU slots; 2 of 3 are free on 1 node, short by 1"},
    {"AJobThatNeverFitsBlocksNobody",
     {Node("a", "cc")},
     {Job("giant", 9, "cpu", 90), Job("small", 1)},
     {"giant:NEVER_FITS", "small:a/0"},
     ""},
    {"AJobThatNeverFitsIsToldSoEvenBehindAnother",
     {Node("a", "C")},
     {Job("first", 1, "cpu", 90), Job("giant", 9)},
     {"first:WAITING_FOR_SLOTS", "giant:NEVER_FITS"},
     ""},
    {"BackOffHoldsOnlyItsOwnJob",
     {Node("a", "c")},
     {Later(Job("j", 1, "cpu", 90), absl::Milliseconds(2500)), Job("k", 1)},
     {"j:BACKOFF", "k:a/0"},
     ""},
    {"BackOffSaysUntilWhen",
     {Node("a", "c")},
     {Later(Job("j", 1), absl::Milliseconds(2500))},
     {"j:BACKOFF"},
     "waits until 2027-01-15T08:00:02.5+00:00 after a failure"},
    {"BackOffEndsOnTime", {Node("a", "c")}, {Later(Job("j", 1), absl::ZeroDuration())}, {"j:a/0"}, ""},
    {"AutoTakesGpusIfThatManyAreKnown", {Node("a", "ccgg")}, {Job("j", 2)}, {"j:a/2,a/3"}, "2 GPU slots"},
    {"AutoWaitsForKnownGpusRatherThanTakingCpus",
     {Node("a", "ccgG")},
     {Job("j", 2)},
     {"j:WAITING_FOR_SLOTS"},
     "needs 2 GPU slots; 1 of 2 are free"},
    {"AutoTakesCpusIfTooFewGpusAreKnown", {Node("a", "ccg")}, {Job("j", 2)}, {"j:a/0,a/1"}, "2 CPU slots"},
    {"AutoCountsGpusOfReadyNodesOnly", {Node("a", "cc"), Node("b", "-gg")}, {Job("j", 2)}, {"j:a/0,a/1"}, ""},
    {"CpuNeverTakesAGpu", {Node("a", "Cg")}, {Job("j", 1, "cpu")}, {"j:WAITING_FOR_SLOTS"}, ""},
    {"GpuNeverTakesACpu", {Node("a", "cG")}, {Job("j", 1, "gpu")}, {"j:WAITING_FOR_SLOTS"}, ""},
    {"GpuWithoutGpusNeverFits",
     {Node("a", "cc")},
     {Job("j", 1, "gpu")},
     {"j:NEVER_FITS"},
     "needs 1 GPU slot, 1 ready node has 0"},
    {"AnyPrefersACpu", {Node("a", "g"), Node("b", "gc")}, {Job("j", 1, "any")}, {"j:b/1"}, ""},
    {"AnyTakesAGpuIfNoCpuIsFree", {Node("a", "Cg")}, {Job("j", 1, "any")}, {"j:a/1"}, "takes 1 slot on a"},
    {"AnyMixesIfItMust", {Node("a", "gcg")}, {Job("j", 2, "any")}, {"j:a/1,a/0"}, ""},
    {"AnUnknownDeviceIsNamed",
     {Node("a", "c")},
     {Job("j", 1, "tpu")},
     {"j:NEVER_FITS"},
     "device 'tpu' is none of auto, cpu, gpu, any"},
    {"NoSlotsIsNoGang", {Node("a", "c")}, {Job("j", 0)}, {"j:NEVER_FITS"}, "asks for 0 slots"},
    {"SeveralJobsShareTheNodes",
     {Node("a", "ccc"), Node("b", "cc")},
     {Job("j", 2, "cpu", 50, 3), Job("k", 2, "cpu", 50, 2), Job("l", 1)},
     {"j:a/0,a/1", "k:b/0,b/1", "l:a/2"},
     ""},
};
INSTANTIATE_TEST_SUITE_P(Table, PlacementTest, ::testing::ValuesIn(kCases),
                         [](const auto& test) { return test.param.name; });

struct Situation {
  std::vector<NodeView> nodes;
  std::vector<WaitingJob> jobs;
};

Situation RandomSituation(std::uint64_t seed) {
  RandomStream random(seed, Purpose::kPhantom, 0);
  Situation out;
  const std::uint32_t nodes = random.UniformInt(6), jobs = 1 + random.UniformInt(8);
  for (std::uint32_t n = 0; n < nodes; ++n) {
    std::string slots = random.UniformInt(5) == 0 ? "-" : "";
    for (std::uint32_t s = random.UniformInt(5); s > 0; --s) slots.push_back("cCgG"[random.UniformInt(4)]);
    out.nodes.push_back(Node(absl::StrCat("n", random.UniformInt(1000), "-", n), slots));
  }
  const char* const devices[] = {"auto", "cpu", "gpu", "any"};
  for (std::uint32_t j = 0; j < jobs; ++j) {
    WaitingJob job =
        Job(absl::StrCat("j", j), 1 + static_cast<int>(random.UniformInt(6)), devices[random.UniformInt(4)],
            static_cast<int>(random.UniformInt(3)), static_cast<int>(random.UniformInt(4)));
    out.jobs.push_back(random.UniformInt(6) == 0 ? Later(job, absl::Seconds(1)) : job);
  }
  return out;
}

void ExpectWithinCapacity(const Situation& situation, const std::vector<Decision>& decisions) {
  std::map<std::pair<std::string, int>, const SlotView*> free;
  for (const NodeView& node : situation.nodes) {
    for (const SlotView& slot : node.slots) {
      if (node.ready && slot.free) free[{node.node.value, slot.index}] = &slot;
    }
  }
  for (const Decision& decision : decisions) {
    for (const SlotRef& rank : decision.ranks) {
      const auto found = free.find({rank.node.value, rank.slot});
      ASSERT_NE(found, free.end()) << Describe(decision) << ": not free, or given twice";
      EXPECT_EQ(found->second->gpu, rank.gpu);
      free.erase(found);
    }
  }
}

TEST(PlacementPropertyTest, HoldsForRandomClusters) {
  for (std::uint64_t seed = 0; seed < 5000; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    const Situation situation = RandomSituation(seed);
    std::map<std::string, WaitingJob> jobs;
    for (const WaitingJob& job : situation.jobs) jobs[job.job.value] = job;
    const std::vector<Decision> decisions = Place(kNow, situation.jobs, situation.nodes);
    ASSERT_EQ(decisions.size(), jobs.size());
    ExpectWithinCapacity(situation, decisions);
    bool blocked = false;
    for (std::size_t i = 0; i < decisions.size(); ++i) {
      const Decision& decision = decisions[i];
      const WaitingJob& job = jobs[decision.job.value];
      if (i > 0) {
        EXPECT_GE(jobs[decisions[i - 1].job.value].priority, job.priority);
      }
      EXPECT_EQ(decision.reason == "PLACED", !decision.ranks.empty());
      if (!decision.ranks.empty()) {
        EXPECT_EQ(decision.ranks.size(), static_cast<std::size_t>(job.slots)) << "gangs are whole";
        EXPECT_FALSE(blocked) << "a job behind a fitting one was placed";
      }
      blocked |= decision.reason == "WAITING_FOR_SLOTS";
      EXPECT_TRUE(std::any_of(decision.message.begin(), decision.message.end(), [](char c) {
        return c >= '0' && c <= '9';
      })) << decision.message;
    }
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(PlacementPropertyTest, DoesNotDependOnTheOrderOfItsInput) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const Situation situation = RandomSituation(seed);
    Situation reversed = situation;
    std::reverse(reversed.nodes.begin(), reversed.nodes.end());
    std::reverse(reversed.jobs.begin(), reversed.jobs.end());
    const auto a = Place(kNow, situation.jobs, situation.nodes), b = Place(kNow, reversed.jobs, reversed.nodes);
    for (std::size_t i = 0; i < a.size(); ++i) {
      EXPECT_EQ(Describe(a[i]), Describe(b[i])) << "seed " << seed;
      EXPECT_EQ(a[i].message, b[i].message) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace amaes
