#include "services/cli/audit_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace amaes {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

v1::AuditReport Report() {
  v1::AuditReport report;
  report.set_proved(true);
  report.set_checkpoint("00000020-004");
  report.set_step(20);
  report.set_total_steps(100);
  report.set_samples(1600);
  report.set_read_again(80);
  report.set_volumes(7);
  report.set_pass_length(9);
  report.set_whole_passes(177);
  auto* attempt = report.add_attempts();
  attempt->set_attempt(4);
  attempt->set_world_size(3);
  attempt->set_first_step(6);
  attempt->set_steps(14);
  attempt = report.add_attempts();
  attempt->set_attempt(2);
  attempt->set_world_size(2);
  attempt->set_read_again(80);
  return report;
}

TEST(RenderAudit, AProof) {
  const std::string text = RenderAudit(Report());
  EXPECT_THAT(text, StartsWith("PROVED: the 20 steps up to checkpoint 00000020-004"));
  EXPECT_THAT(text, HasSubstr("20 of 100"));
  EXPECT_THAT(text, HasSubstr("177 whole ones, each 9 visits of 7 volumes"));
  EXPECT_THAT(text, HasSubstr("7 to 20"));
  EXPECT_THAT(text, HasSubstr("none"));
  EXPECT_THAT(text, Not(HasSubstr("WRONG")));
  EXPECT_THAT(text, Not(HasSubstr("SKIPPED AT")));
}

TEST(RenderAudit, WhatIsWrong) {
  v1::AuditReport report = Report();
  report.set_proved(false);
  report.set_finding_count(3);
  auto* finding = report.add_findings();
  finding->set_what("volume 3 was read, the stream names 5");
  finding->set_position(37);
  finding->set_attempt(4);
  finding->set_rank(-1);
  report.set_skipped(1);
  report.add_skips()->set_position(12);
  report.add_notes("2-0.ledger was never flushed");
  const std::string text = RenderAudit(report);
  EXPECT_THAT(text, StartsWith("NOT PROVED: 3 things are wrong with the 20 steps"));
  EXPECT_THAT(text, HasSubstr("37        4        -     volume 3 was read, the stream names 5\n… and 2 more\n"));
  EXPECT_THAT(text, HasSubstr("SKIPPED AT"));
  EXPECT_THAT(text, HasSubstr("note: 2-0.ledger was never flushed\n"));
}

}  // namespace
}  // namespace amaes
