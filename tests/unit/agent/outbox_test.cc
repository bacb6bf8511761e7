#include "services/agent/outbox.h"

#include <gtest/gtest.h>

namespace amaes {
namespace {

v1::AgentMessage Exit(int rank) {
  v1::AgentMessage message;
  message.mutable_exit()->set_rank(rank);
  return message;
}

TEST(OutboxTest, NumbersFromOneAndKeepsUntilAcknowledged) {
  Outbox outbox;
  EXPECT_EQ(outbox.Add(Exit(0)).exit().sequence(), 1);
  v1::AgentMessage report;
  report.mutable_report()->set_rank(1);
  EXPECT_EQ(outbox.Add(report).report().sequence(), 2);
  EXPECT_EQ(outbox.Add(Exit(2)).exit().sequence(), 3);
  outbox.Acknowledge(2);
  ASSERT_EQ(outbox.kept().size(), 1u);
  EXPECT_EQ(outbox.kept().front().second.exit().rank(), 2);
  outbox.Acknowledge(2);  // said twice
  EXPECT_EQ(outbox.kept().size(), 1u);
  outbox.Acknowledge(3);
  EXPECT_TRUE(outbox.kept().empty());
}

TEST(OutboxTest, GoesOnCountingAfterEverythingWasAcknowledged) {
  Outbox outbox;
  outbox.Add(Exit(0));
  outbox.Acknowledge(1);
  EXPECT_EQ(outbox.Add(Exit(1)).exit().sequence(), 2);
}

}  // namespace
}  // namespace amaes
