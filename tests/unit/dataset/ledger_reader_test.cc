#include "libs/dataset/ledger_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/base/files.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

void Write(const std::filesystem::path& path, const std::vector<LedgerRecord>& records) {
  ASSERT_OK_AND_ASSIGN(const auto writer, LedgerWriter::Open(path, 0));
  for (const LedgerRecord& record : records) writer->Append(record);
  ASSERT_OK(writer->Flush());
}

std::vector<LedgerRecord> Many(std::int64_t count) {
  std::vector<LedgerRecord> records;
  for (std::int64_t i = 0; i < count; ++i) records.push_back({i, i * 7 % 13, i % 5 == 0});
  return records;
}

std::vector<LedgerRecord> Rest(LedgerReader& reader) {
  std::vector<LedgerRecord> records;
  while (true) {
    const auto record = reader.Next();
    EXPECT_OK(record);
    if (!record.ok() || !record->has_value()) return records;
    records.push_back(**record);
  }
}

TEST(LedgerName, ThereAndBack) {
  EXPECT_EQ(LedgerName({12, 3}), "12-3.ledger");
  ASSERT_TRUE(ParseLedgerName("12-3.ledger").has_value());
  EXPECT_EQ(*ParseLedgerName("12-3.ledger"), (LedgerId{12, 3}));
  for (const char* other : {"", "12", "12-3", "12-3.ledger.tmp", "-1-3.ledger", "1--3.ledger", "01-3.ledger",
                            "a-3.ledger", "1-.ledger", "99999999999-1.ledger"}) {
    EXPECT_FALSE(ParseLedgerName(other).has_value()) << other;
  }
  EXPECT_EQ(LedgerRecords(LedgerLength(7)), 7);
  EXPECT_EQ(LedgerRecords(LedgerLength(7) + 1), std::nullopt);
  EXPECT_EQ(LedgerRecords(0), std::nullopt);
}

TEST(LedgerReader, ReadsAnyPart) {
  TempDir dir;
  const auto path = dir.path() / "1-0.ledger";
  const std::vector<LedgerRecord> records = Many(10'000);  // more than one buffer
  Write(path, records);
  EXPECT_EQ(Rest(**LedgerReader::Open(path)), records);
  EXPECT_EQ(Rest(**LedgerReader::Open(path, 4096, LedgerLength(9000))),
            std::vector<LedgerRecord>(records.begin() + 4096, records.begin() + 9000));
  EXPECT_THAT(Rest(**LedgerReader::Open(path, 10'000)), IsEmpty());
  EXPECT_THAT(Rest(**LedgerReader::Open(path, 20'000)), IsEmpty());
  EXPECT_THAT(LedgerReader::Open(path, 0, LedgerLength(10'001)), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(LedgerReader::Open(path, 0, LedgerLength(3) + 1), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(LedgerReader::Open(dir.path() / "none"), StatusIs(absl::StatusCode::kNotFound));
}

TEST(LedgerReader, ATornRecordIsTheEndADamagedOneAnError) {
  TempDir dir;
  const auto path = dir.path() / "1-0.ledger";
  Write(path, Many(3));
  std::filesystem::resize_file(path, LedgerLength(3) - 1);
  EXPECT_EQ(Rest(**LedgerReader::Open(path)).size(), 2u);
  ASSERT_OK_AND_ASSIGN(std::string bytes, files::Read(path));
  bytes[LedgerLength(1) + 3] ^= 1;
  ASSERT_OK(files::WriteAtomic(path, bytes));
  ASSERT_OK_AND_ASSIGN(const auto reader, LedgerReader::Open(path));
  EXPECT_OK(reader->Next());
  EXPECT_THAT(reader->Next(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("at byte 40 is damaged")));
  ASSERT_OK(files::WriteAtomic(path, "AMAES"));
  EXPECT_THAT(LedgerReader::Open(path), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(SkippedBeyond, OfEarlierAttemptsAfterTheCheckpoint) {
  TempDir dir;
  EXPECT_THAT(*SkippedBeyond(dir.path() / "none", {}, 9, 0), IsEmpty());
  Write(dir.path() / "1-0.ledger", {{0, 0, true}, {2, 0, false}, {4, 0, true}, {6, 0, true}});
  Write(dir.path() / "1-1.ledger", {{1, 0, false}, {3, 0, true}, {5, 0, true}, {7, 0, false}});
  Write(dir.path() / "2-0.ledger", {{4, 0, true}, {5, 0, true}, {6, 0, false}, {7, 0, true}});
  Write(dir.path() / "3-0.ledger", {{4, 0, false}, {8, 0, true}});
  ASSERT_OK(files::WriteAtomic(dir.path() / "2-1.ledger", ""));  // killed before its header was written
  ASSERT_OK(files::WriteAtomic(dir.path() / "notes.txt", "x"));
  const std::map<std::string, std::int64_t> kept = {{"1-0.ledger", LedgerLength(2)}, {"1-1.ledger", LedgerLength(2)}};
  EXPECT_THAT(*SkippedBeyond(dir.path(), kept, 3, 4), ElementsAre(4, 5, 6, 7));
  EXPECT_THAT(*SkippedBeyond(dir.path(), kept, 2, 4), ElementsAre(4, 5, 6));
  EXPECT_THAT(*SkippedBeyond(dir.path(), kept, 9, 6), ElementsAre(6, 7, 8));
  // Back to an older checkpoint, or to none: everything after it counts.
  EXPECT_THAT(*SkippedBeyond(dir.path(), {}, 2, 0), ElementsAre(0, 3, 4, 5, 6));
}

TEST(SkippedBeyond, EndsAtADamagedRecord) {
  TempDir dir;
  const auto path = dir.path() / "1-0.ledger";
  Write(path, {{0, 0, true}, {1, 0, false}, {2, 0, true}});
  ASSERT_OK_AND_ASSIGN(std::string bytes, files::Read(path));
  bytes[LedgerLength(1)] ^= 1;
  ASSERT_OK(files::WriteAtomic(path, bytes));
  EXPECT_THAT(*SkippedBeyond(dir.path(), {}, 2, 0), ElementsAre(0));
}

}  // namespace
}  // namespace amaes
