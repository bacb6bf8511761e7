// Runs that never were, written down as ledgers, and then told otherwise.
#include "libs/dataset/audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"

namespace amaes {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kBatch = 5;

// Seven volumes, one of them three times: nine visits a pass.
Selection NineVisits() {
  Selection selection;
  selection.digest = "digest-of-selection";
  for (std::int64_t i = 0; i < 7; ++i) {
    selection.volumes.push_back(2 * i);
    selection.ends.push_back(selection.size() + (i == 3 ? 3 : 1));
  }
  return selection;
}

// An attempt as it went: it takes the steps from `first` on and dies after `read`; a checkpoint took its ledgers after
// `kept`.
struct Went {
  AttemptNumber number = 1;
  int world_size = 1;
  std::int64_t first = 0, kept = 0, read = 0;
  std::vector<std::int64_t> skipped = {};
};

class AuditTest : public ::testing::Test {
 protected:
  AuditTest() : stream_(3, "dataset", NineVisits()) {
    plan_.seed = 3;
    plan_.global_batch = kBatch;
    plan_.dataset_digest = "dataset";
    plan_.selection = NineVisits();
    plan_.may_skip = true;
  }

  std::filesystem::path PathOf(const LedgerId& id) const { return folder_.path() / LedgerName(id); }

  void Write(const LedgerId& id, const std::vector<LedgerRecord>& records) {
    auto writer = LedgerWriter::Open(PathOf(id), 0);
    ASSERT_OK(writer);
    for (const LedgerRecord& record : records) (*writer)->Append(record);
    ASSERT_OK((*writer)->Flush());
  }

  std::vector<LedgerRecord> Records(const Went& went, int rank, std::int64_t steps) const {
    std::vector<LedgerRecord> records;
    const LaneRange lanes = LanesOf(rank, went.world_size, kBatch);
    for (std::int64_t step = went.first; step < steps; ++step) {
      for (std::int64_t lane = lanes.first; lane < lanes.last; ++lane) {
        const std::int64_t position = step * kBatch + lane;
        records.push_back(
            {position, stream_.VolumeAt(position), std::count(went.skipped.begin(), went.skipped.end(), position) > 0});
      }
    }
    return records;
  }

  void Run(const std::vector<Went>& attempts) {
    for (const Went& went : attempts) {
      plan_.world_size[went.number] = went.world_size;
      if (went.kept > went.first || went.number == 1) plan_.began_at[went.number] = went.first;
      for (int rank = 0; rank < went.world_size; ++rank) {
        const std::vector<LedgerRecord> records = Records(went, rank, went.read);
        Write({went.number, rank}, records);
        if (went.kept < 0) continue;
        plan_.newest.ledger[LedgerName({went.number, rank})] =
            LedgerLength(static_cast<std::int64_t>(Records(went, rank, went.kept).size()));
      }
      if (went.kept >= 0) plan_.newest.step = went.kept;
    }
    plan_.newest.name = "newest";
    plan_.steps = std::max(plan_.steps, plan_.newest.step);
  }

  // Three attempts with other world sizes, two crashes, one attempt of which nothing counts.
  void RunWithCrashes() {
    plan_.steps = 20;
    Run({{.number = 1, .world_size = 2, .first = 0, .kept = 6, .read = 9},
         {.number = 2, .world_size = 2, .first = 6, .kept = -1, .read = 8},
         {.number = 4, .world_size = 3, .first = 6, .kept = 11, .read = 11},
         {.number = 5, .world_size = 1, .first = 11, .kept = 20, .read = 20}});
  }

  // Changes one rank's records.
  void Tamper(const LedgerId& id, const std::function<void(std::vector<LedgerRecord>&)>& change) {
    auto records = ReadLedger(PathOf(id));
    ASSERT_OK(records);
    change(*records);
    Write(id, *records);
  }

  AuditReport Result() {
    const auto ledgers = FolderLedgers(folder_.path());
    absl::StatusOr<AuditReport> report = Audit(plan_, *ledgers);
    EXPECT_OK(report);
    return report.value_or(AuditReport());
  }

  // The findings in words.
  std::vector<std::string> Findings() {
    std::vector<std::string> out;
    for (const AuditFinding& f : Result().findings) {
      out.push_back(absl::StrCat(f.attempt, "/", f.rank, "@", f.position, ": ", f.what));
    }
    return out;
  }

  const SelectedStream stream_;
  TempDir folder_;
  AuditPlan plan_;
};

TEST_F(AuditTest, ProvesAStraightRun) {
  plan_.steps = 18;
  Run({{.number = 1, .world_size = 2, .first = 0, .kept = 18, .read = 18}});
  const AuditReport report = Result();
  EXPECT_TRUE(report.proved());
  EXPECT_EQ(report.step, 18);
  EXPECT_EQ(report.samples, 90);
  EXPECT_EQ(report.volumes, 7);
  EXPECT_EQ(report.pass_length, 9);
  EXPECT_EQ(report.whole_passes, 10);
  EXPECT_EQ(report.read_again + report.not_in_checkpoint + report.skipped, 0);
}

TEST_F(AuditTest, ProvesARunWithCrashesAndCountsWhatWasDoneAgain) {
  RunWithCrashes();
  const AuditReport report = Result();
  EXPECT_THAT(Findings(), IsEmpty());
  EXPECT_EQ(report.samples, 100);
  EXPECT_EQ(report.whole_passes, 11);
  EXPECT_EQ(report.read_again, 3 * kBatch + 2 * kBatch);
  ASSERT_THAT(report.attempts, SizeIs(4));
  EXPECT_EQ(report.attempts[0].number, 1);
  EXPECT_EQ(report.attempts[0].read_again, 15);
  EXPECT_EQ(report.attempts[1].number, 4);
  EXPECT_EQ(report.attempts[1].first_step, 6);
  EXPECT_EQ(report.attempts[1].steps, 5);
  EXPECT_EQ(report.attempts[3].number, 2) << "of which nothing counts";
  EXPECT_EQ(report.attempts[3].steps, 0);
  EXPECT_EQ(report.attempts[3].read_again, 10);
}

TEST_F(AuditTest, ARunUnderWayIsProvedUpToItsCheckpoint) {
  plan_.steps = 100;
  Run({{.number = 1, .world_size = 2, .first = 0, .kept = 4, .read = 7}});
  const AuditReport report = Result();
  EXPECT_TRUE(report.proved());
  EXPECT_EQ(report.step, 4);
  EXPECT_EQ(report.not_in_checkpoint, 3 * kBatch);
  EXPECT_EQ(report.read_again, 0);
}

TEST_F(AuditTest, AWrongVolume) {
  RunWithCrashes();
  Tamper({4, 1}, [](auto& records) { records[3].volume += 2; });
  const auto findings = Findings();
  ASSERT_FALSE(findings.empty());
  // Rank 1 of 3 has lanes 1 and 2: its record 3 is lane 2 of step 7.
  EXPECT_THAT(findings, Contains(HasSubstr("4/1@37: volume ")));
  EXPECT_THAT(findings, Contains(HasSubstr("times instead of"))) << "the pass does not come out either";
}

TEST_F(AuditTest, AMissingRecord) {
  RunWithCrashes();
  Tamper({1, 0}, [](auto& records) { records.erase(records.begin() + 4); });
  // Rank 0 of 2 has lanes 0 and 1. What follows moves up: one record of what did not count now seems to count.
  EXPECT_THAT(Findings(), Contains("1/0@10: no record of it; the next one is of position 11"));
  EXPECT_THAT(Findings(), Contains("1/0@30: read beyond the checkpoint's last step, or out of order"));
}

TEST_F(AuditTest, ADuplicatedRecord) {
  RunWithCrashes();
  Tamper({1, 1}, [](auto& records) { records.insert(records.begin() + 3, records[3]); });
  const auto findings = Findings();
  // Rank 1 of 2 has lanes 2, 3, 4: record 3 is lane 2 of step 1.
  EXPECT_THAT(findings, Contains(HasSubstr("1/1@7: read a second time")));
  EXPECT_THAT(findings, Contains(HasSubstr("1/1@29: no record of it")));
}

TEST_F(AuditTest, ATruncatedFileAndAMissingOne) {
  RunWithCrashes();
  std::filesystem::resize_file(PathOf({5, 0}), LedgerLength(44));
  auto findings = Findings();
  EXPECT_THAT(findings, Contains(HasSubstr("ledger records are lost")));
  EXPECT_THAT(findings, Contains("5/0@99: no record of it"));
  std::filesystem::remove(PathOf({5, 0}));
  findings = Findings();
  EXPECT_THAT(findings, Contains("5/0@-1: ledger 5-0.ledger is missing"));
  EXPECT_THAT(findings, Contains("5/0@55: no record of it"));
}

TEST_F(AuditTest, AFlippedBit) {
  RunWithCrashes();
  for (const auto& [id, counts] : {std::pair{LedgerId{4, 0}, true}, {LedgerId{2, 0}, false}}) {
    ASSERT_OK_AND_ASSIGN(std::string bytes, files::Read(PathOf(id)));
    std::string damaged = bytes;
    damaged[static_cast<std::size_t>(LedgerLength(2)) + 5] ^= 4;
    ASSERT_OK(files::WriteAtomic(PathOf(id), damaged));
    const AuditReport report = Result();
    EXPECT_EQ(report.proved(), !counts);
    if (counts) {
      EXPECT_THAT(Findings(), Contains(HasSubstr("the record at byte 64 is damaged")));
    } else {
      EXPECT_THAT(report.notes, ElementsAre(HasSubstr("after what any checkpoint needs")));
    }
    ASSERT_OK(files::WriteAtomic(PathOf(id), bytes));
  }
}

TEST_F(AuditTest, ARecordOfAnotherRanksLane) {
  RunWithCrashes();
  const std::int64_t volume = stream_.VolumeAt(12);
  Tamper({1, 0}, [&](auto& records) { records[4] = {12, volume, false}; });  // lane 2 is rank 1's
  EXPECT_THAT(Findings(), Contains(HasSubstr("1/0@12: read a second time, or by a rank")));
  Tamper({2, 1}, [&](auto& records) { records.back().position = 30; });
  EXPECT_THAT(Findings(), Contains(HasSubstr("2/1@30: read a second time by the same attempt")));
}

TEST_F(AuditTest, NothingIsReadBeyondTheLastStep) {
  plan_.steps = 4;
  Run({{.number = 1, .world_size = 1, .first = 0, .kept = 4, .read = 5}});
  EXPECT_THAT(Findings(), SizeIs(kBatch));
  EXPECT_THAT(Findings(), Contains("1/0@20: read beyond the job's last step"));
}

TEST_F(AuditTest, SkipsAreListedAndMustBeReplayed) {
  plan_.steps = 8;
  Run({{.number = 1, .world_size = 1, .first = 0, .kept = 4, .read = 6, .skipped = {3, 22}},
       {.number = 2, .world_size = 1, .first = 4, .kept = 8, .read = 8, .skipped = {22, 31}}});
  AuditReport report = Result();
  EXPECT_TRUE(report.proved());
  EXPECT_EQ(report.skipped, 3);
  ASSERT_THAT(report.skips, SizeIs(3));
  EXPECT_EQ(report.skips[1].position, 22);
  EXPECT_EQ(report.skips[1].attempt, 2);
  plan_.may_skip = false;
  EXPECT_THAT(Findings(), Contains("1/0@3: skipped, though the job's policy is to fail"));
  plan_.may_skip = true;
  Tamper({2, 0}, [](auto& records) { records[2].skipped = false; });
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("2/0@22: attempt 1 skipped it, this one did not")));
}

TEST_F(AuditTest, WhatCheckpointsSayMustFit) {
  RunWithCrashes();
  plan_.before = {{"at-6", 6, {{"1-0.ledger", LedgerLength(12)}, {"1-1.ledger", LedgerLength(18)}}}};
  EXPECT_THAT(Findings(), IsEmpty());
  plan_.before[0].step = 7;
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("checkpoint at-6 names hold 6 steps, not 7")));
  plan_.before[0] = {"at-7", 7, {{"1-0.ledger", LedgerLength(14)}, {"1-1.ledger", LedgerLength(21)}}};
  EXPECT_THAT(Findings(), Contains(HasSubstr("names less of 1-0.ledger than at-7")));
  plan_.before.clear();
  plan_.began_at[4] = 5;
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("went on from step 5, but the ledgers before it end at step 6")));
  plan_.began_at[4] = 6;
  plan_.newest.step = 19;
  EXPECT_THAT(Findings(), Contains(HasSubstr("hold 20 steps, not 19")));
  plan_.newest.step = 20;
  plan_.newest.ledger.erase("4-2.ledger");
  EXPECT_THAT(Findings(), Contains("4/2@-1: checkpoint newest names no ledger of this rank"));
}

TEST_F(AuditTest, AnotherWorldSizeSeedOrSelectionIsFound) {
  RunWithCrashes();
  plan_.world_size[4] = 2;
  EXPECT_GT(Result().finding_count, 0);
  plan_.world_size[4] = 3;
  plan_.world_size.erase(2);
  EXPECT_THAT(Findings(), Contains("2/0@-1: a ledger of an attempt or rank that the job never had"));
  plan_.world_size[2] = 2;
  ++plan_.seed;
  EXPECT_GT(Result().finding_count, 50);
  --plan_.seed;
  plan_.selection.volumes.back() = 100;
  EXPECT_GT(Result().finding_count, 0);
}

TEST_F(AuditTest, FindingsAreCountedBeyondThoseListed) {
  plan_.steps = 400;
  Run({{.number = 1, .world_size = 1, .first = 0, .kept = 400, .read = 400}});
  std::filesystem::remove(PathOf({1, 0}));
  const AuditReport report = Result();
  EXPECT_EQ(report.findings.size(), kMaxListed);
  EXPECT_GE(report.finding_count, 2000);
}

}  // namespace
}  // namespace amaes
