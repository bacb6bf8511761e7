#include "libs/scheduler/node_table.h"

#include "libs/base/testing/fake_clock.h"
#include "libs/base/testing/status_matchers.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const NodeId kA("a"), kB("b");
const Incarnation kFirst("1111"), kSecond("2222");

NodeInfo Info(const NodeId& node, const Incarnation& incarnation, int slots = 2) {
  NodeInfo info{.node = node, .incarnation = incarnation};
  for (int i = 0; i < slots; ++i) info.slots.push_back({.index = i});
  return info;
}

class NodeTableTest : public ::testing::Test {
 protected:
  absl::Status Register(const NodeInfo& info) { return table_.Register(info, clock_.Monotonic(), clock_.Now()); }
  absl::Status Heartbeat(const NodeId& node, const Incarnation& incarnation) {
    return table_.Heartbeat(node, incarnation, clock_.Monotonic(), clock_.Now());
  }
  int FreeSlots() const {
    int free = 0;
    for (const NodeView& view : table_.Views()) {
      for (const SlotView& slot : view.slots) free += view.ready && slot.free;
    }
    return free;
  }
  FakeClock clock_;
  NodeTable table_{absl::Seconds(10)};
};

TEST_F(NodeTableTest, RegistrationNeedsNameIncarnationAndDistinctSlots) {
  EXPECT_THAT(Register(Info(NodeId(), kFirst)), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("name")));
  EXPECT_THAT(Register(Info(kA, Incarnation())),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("incarnation")));
  EXPECT_THAT(Register(Info(kA, kFirst, 0)), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("slot")));
  NodeInfo twice = Info(kA, kFirst);
  twice.slots[1].index = 0;
  EXPECT_THAT(Register(twice), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("index 0")));
  EXPECT_THAT(table_.nodes(), IsEmpty());
}

TEST_F(NodeTableTest, ARegisteredNodeOffersItsSlots) {
  ASSERT_OK(Register(Info(kA, kFirst, 3)));
  EXPECT_EQ(FreeSlots(), 3);
  ASSERT_NE(table_.Find(kA), nullptr);
  EXPECT_EQ(table_.Find(kA)->last_heartbeat_time, clock_.Now());
  EXPECT_EQ(table_.Find(kB), nullptr);
}

TEST_F(NodeTableTest, HeartbeatOfAStrangerIsNotFound) {
  EXPECT_THAT(Heartbeat(kA, kFirst), StatusIs(absl::StatusCode::kNotFound, HasSubstr("register")));
}

TEST_F(NodeTableTest, ANewerIncarnationTakesTheNodeOverAndTheOlderMustEnd) {
  ASSERT_OK(Register(Info(kA, kFirst)));
  ASSERT_OK(Register(Info(kA, kSecond)));
  EXPECT_THAT(Heartbeat(kA, kFirst), StatusIs(absl::StatusCode::kAborted, AllOf(HasSubstr("1111"), HasSubstr("2222"))));
  EXPECT_OK(Heartbeat(kA, kSecond));
}

TEST_F(NodeTableTest, SlotsInUseStaySoWhenTheAgentComesBack) {
  ASSERT_OK(Register(Info(kA, kFirst)));
  table_.Occupy(kA, 1, {.job = JobId("j"), .attempt = 1, .rank = 0});
  ASSERT_OK(Register(Info(kA, kSecond)));
  EXPECT_EQ(FreeSlots(), 1);
}

TEST_F(NodeTableTest, SilenceOfExactlyTheLimitIsNotYetALoss) {
  ASSERT_OK(Register(Info(kA, kFirst)));
  clock_.Advance(absl::Seconds(10));
  EXPECT_THAT(table_.ExpireSilent(clock_.Monotonic()), IsEmpty());
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_THAT(table_.ExpireSilent(clock_.Monotonic()), ElementsAre(kA));
  EXPECT_THAT(table_.ExpireSilent(clock_.Monotonic()), IsEmpty()) << "told once";
  EXPECT_EQ(FreeSlots(), 0);
}

TEST_F(NodeTableTest, HeartbeatsKeepANodeReady) {
  ASSERT_OK(Register(Info(kA, kFirst)));
  ASSERT_OK(Register(Info(kB, kFirst)));
  for (int i = 0; i < 5; ++i) {
    clock_.Advance(absl::Seconds(6));
    ASSERT_OK(Heartbeat(kB, kFirst));
    EXPECT_EQ(table_.ExpireSilent(clock_.Monotonic()), i == 1 ? std::vector<NodeId>{kA} : std::vector<NodeId>{});
  }
}

TEST_F(NodeTableTest, ALostNodeMustRegisterAgain) {
  ASSERT_OK(Register(Info(kA, kFirst)));
  clock_.Advance(absl::Seconds(11));
  ASSERT_THAT(table_.ExpireSilent(clock_.Monotonic()), ElementsAre(kA));
  EXPECT_THAT(Heartbeat(kA, kFirst), StatusIs(absl::StatusCode::kNotFound, HasSubstr("register again")));
  ASSERT_OK(Register(Info(kA, kFirst)));
  EXPECT_EQ(FreeSlots(), 2);
}

TEST_F(NodeTableTest, AnExpectedNodeHoldsSlotsButTakesNothingNew) {
  table_.Expect(kA, clock_.Monotonic(), clock_.Now());
  table_.Occupy(kA, 0, {.job = JobId("j"), .attempt = 1, .rank = 0});
  EXPECT_EQ(FreeSlots(), 0);
  EXPECT_THAT(Heartbeat(kA, kFirst), StatusIs(absl::StatusCode::kNotFound));
  clock_.Advance(absl::Seconds(9));
  ASSERT_OK(Register(Info(kA, kFirst)));
  EXPECT_EQ(FreeSlots(), 1);
  clock_.Advance(absl::Seconds(9));
  EXPECT_THAT(table_.ExpireSilent(clock_.Monotonic()), IsEmpty());
}

TEST_F(NodeTableTest, AnExpectedNodeThatDoesNotComeIsLost) {
  table_.Expect(kA, clock_.Monotonic(), clock_.Now());
  clock_.Advance(absl::Seconds(11));
  EXPECT_THAT(table_.ExpireSilent(clock_.Monotonic()), ElementsAre(kA));
}

TEST_F(NodeTableTest, ExpectDoesNotTouchARegisteredNode) {
  ASSERT_OK(Register(Info(kA, kFirst)));
  table_.Expect(kA, clock_.Monotonic(), clock_.Now());
  EXPECT_TRUE(table_.Find(kA)->ready);
  EXPECT_OK(Heartbeat(kA, kFirst));
}

TEST_F(NodeTableTest, ReleaseFreesTheAttemptOrOneRankAndNothingElse) {
  ASSERT_OK(Register(Info(kA, kFirst, 3)));
  ASSERT_OK(Register(Info(kB, kFirst, 1)));
  const JobId job("j");
  table_.Occupy(kA, 0, {.job = job, .attempt = 2, .rank = 0});
  table_.Occupy(kA, 1, {.job = job, .attempt = 2, .rank = 1});
  table_.Occupy(kA, 2, {.job = JobId("other"), .attempt = 2, .rank = 0});
  table_.Occupy(kB, 0, {.job = job, .attempt = 2, .rank = 2});
  table_.Release(job, 1);
  EXPECT_EQ(FreeSlots(), 0) << "another attempt";
  table_.Release(job, 2, 1);
  EXPECT_EQ(FreeSlots(), 1);
  table_.Release(job, 2);
  EXPECT_EQ(FreeSlots(), 3);
}

TEST_F(NodeTableTest, OccupyingTwiceForTheSameUseIsHarmless) {
  ASSERT_OK(Register(Info(kA, kFirst)));
  const SlotUse use{.job = JobId("j"), .attempt = 1, .rank = 0};
  table_.Occupy(kA, 0, use);
  table_.Occupy(kA, 0, use);
  EXPECT_EQ(FreeSlots(), 1);
}

TEST(NodeTableDeathTest, ASlotIsNeverGivenTwice) {
  NodeTable table;
  ASSERT_OK(table.Register(Info(kA, kFirst), absl::ZeroDuration(), absl::UnixEpoch()));
  table.Occupy(kA, 0, {.job = JobId("j"), .attempt = 1, .rank = 0});
  EXPECT_DEATH(table.Occupy(kA, 0, {.job = JobId("k"), .attempt = 1, .rank = 0}), "use");
}

}  // namespace
}  // namespace amaes
