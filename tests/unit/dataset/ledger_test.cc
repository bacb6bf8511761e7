#include "libs/dataset/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "libs/base/files.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr std::int64_t kHeader = 16, kRecord = 24;

class LedgerTest : public ::testing::Test {
 protected:
  // Writes records with positions [first, last) after `length` bytes.
  std::int64_t Write(std::int64_t length, std::int64_t first, std::int64_t last) {
    auto writer = LedgerWriter::Open(path_, length);
    EXPECT_OK(writer);
    for (std::int64_t i = first; i < last; ++i) (*writer)->Append({i, i * 10, i % 3 == 0});
    const auto bytes = (*writer)->Flush();
    EXPECT_OK(bytes);
    return *bytes;
  }
  void Change(const std::function<void(std::string&)>& change) {
    auto content = files::Read(path_);
    ASSERT_OK(content);
    change(*content);
    ASSERT_OK(files::WriteAtomic(path_, *content));
  }

  TempDir folder_;
  const std::filesystem::path path_ = folder_.path() / "rank-0";
};

TEST_F(LedgerTest, ReadsWhatWasWritten) {
  EXPECT_EQ(Write(0, 0, 4), kHeader + 4 * kRecord);
  ASSERT_OK_AND_ASSIGN(const auto records, ReadLedger(path_));
  EXPECT_THAT(records, ElementsAre(LedgerRecord{0, 0, true}, LedgerRecord{1, 10, false}, LedgerRecord{2, 20, false},
                                   LedgerRecord{3, 30, true}));
}

TEST_F(LedgerTest, EmptyLedgerAndFlushesInBetween) {
  EXPECT_EQ(Write(0, 0, 0), kHeader);
  EXPECT_THAT(*ReadLedger(path_), SizeIs(0));
  ASSERT_OK_AND_ASSIGN(auto writer, LedgerWriter::Open(path_, kHeader));
  writer->Append({1, 2, false});
  EXPECT_EQ(*writer->Flush(), kHeader + kRecord);
  EXPECT_EQ(*writer->Flush(), kHeader + kRecord);
  writer->Append({2, 2, false});
  EXPECT_EQ(*writer->Flush(), kHeader + 2 * kRecord);
  EXPECT_THAT(*ReadLedger(path_), SizeIs(2));
}

TEST_F(LedgerTest, GoesOnWhereTheCheckpointWas) {
  const std::int64_t checkpoint = Write(0, 0, 5);
  Write(checkpoint, 5, 9);
  EXPECT_THAT(*ReadLedger(path_), SizeIs(9));
  EXPECT_EQ(Write(checkpoint, 5, 7), kHeader + 7 * kRecord);
  ASSERT_OK_AND_ASSIGN(const auto records, ReadLedger(path_));
  ASSERT_THAT(records, SizeIs(7));
  for (std::int64_t i = 0; i < 7; ++i) EXPECT_EQ(records[i].position, i);
  EXPECT_THAT(*ReadLedger(path_, checkpoint), SizeIs(5));
  Write(0, 0, 1);
  EXPECT_THAT(*ReadLedger(path_), SizeIs(1));
}

TEST_F(LedgerTest, TornLastRecordIsDropped) {
  const std::int64_t checkpoint = Write(0, 0, 5);
  for (int cut = 1; cut < kRecord; ++cut) {
    Change([&](std::string& content) { content.pop_back(); });
    EXPECT_THAT(*ReadLedger(path_), SizeIs(4));
  }
  EXPECT_THAT(ReadLedger(path_, checkpoint), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("records are lost")));
  EXPECT_THAT(LedgerWriter::Open(path_, checkpoint),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("records are lost")));
}

TEST_F(LedgerTest, DamageIsFound) {
  const std::int64_t length = Write(0, 0, 5);
  Change([](std::string& content) { content[kHeader + 2 * kRecord + 3] ^= 1; });
  EXPECT_THAT(ReadLedger(path_), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("record 2 at byte 64 is damaged")));
  Change([](std::string& content) { content[kHeader + 2 * kRecord + 3] ^= 1; });
  // Zeroes where the last record should be: what a file system leaves after a power failure.
  Change([](std::string& content) { std::fill(content.end() - kRecord, content.end(), '\0'); });
  EXPECT_THAT(*ReadLedger(path_), SizeIs(4));
  EXPECT_THAT(ReadLedger(path_, length), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("record 4")));
}

TEST_F(LedgerTest, RefusesWhatIsNoLedgerOfOurs) {
  EXPECT_THAT(ReadLedger(path_), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(LedgerWriter::Open(path_, 40), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("missing")));
  EXPECT_FALSE(std::filesystem::exists(path_));
  ASSERT_OK(files::WriteAtomic(path_, "something else, and longer"));
  EXPECT_THAT(ReadLedger(path_), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("not a ledger")));
  EXPECT_THAT(LedgerWriter::Open(path_, 16), StatusIs(absl::StatusCode::kDataLoss));
  Write(0, 0, 2);
  EXPECT_THAT(LedgerWriter::Open(path_, 17), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("whole number")));
  Change([](std::string& content) { content[8] = 9; });
  EXPECT_THAT(ReadLedger(path_), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("ledger format 9")));
  EXPECT_THAT(LedgerWriter::Open(path_, 16), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("ledger format 9")));
  EXPECT_THAT(LedgerWriter::Open(folder_.path() / "none" / "rank-0", 0), StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace amaes
