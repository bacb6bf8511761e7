#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/store/connection.h"
#include "tests/unit/store/sample_records.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Places in the header of an SQLite file (https://www.sqlite.org/fileformat.html, section 1.3).
constexpr std::size_t kUserVersionAt = 60, kApplicationIdAt = 68;
constexpr std::size_t kPageBytes = 4096;

// The file of a store that was closed.
class StoreFileTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    ASSERT_OK(store_->Write([](StoreTransaction& transaction) {
      for (int i = 0; i < 50; ++i) {
        if (absl::Status put = transaction.PutJob(SampleJob(absl::StrCat("job-", i))); !put.ok()) return put;
      }
      return absl::OkStatus();
    }));
    store_.reset();
    ASSERT_OK_AND_ASSIGN(content_, files::Read(path()));
  }
  void Overwrite(std::size_t at, const std::string& bytes) {
    std::string changed = content_;
    changed.replace(at, bytes.size(), bytes);
    ASSERT_OK(files::WriteAtomic(path(), changed));
  }
  std::string content_;
};

TEST_F(StoreFileTest, ClosingLeavesOneWholeFile) {
  EXPECT_TRUE(std::filesystem::exists(path()));
  EXPECT_FALSE(std::filesystem::exists(path().string() + "-wal"));
  Reopen();
  EXPECT_OK(store_->GetJob(JobId("job-49")));
}

TEST_F(StoreFileTest, ASecondOpenIsRefusedWhileTheFirstLives) {
  Reopen();
  EXPECT_THAT(Store::Open(path()), StatusIs(absl::StatusCode::kFailedPrecondition,
                                            AllOf(HasSubstr("another coordinator"), HasSubstr("store.lock"))));
  store_.reset();
  EXPECT_OK(Store::Open(path()));
}

TEST_F(StoreFileTest, AFileOfSchemaVersionOneIsBroughtUpWithWhatItHolds) {
  {
    Reopen();
    ASSERT_OK(store_->Write([](StoreTransaction& transaction) {
      DatasetRecord dataset = SampleDataset("brains", 1);
      dataset.made_by = "ingest";
      return transaction.PutDataset(dataset);
    }));
    store_.reset();
    ASSERT_OK_AND_ASSIGN(const auto connection, store::Connection::Open(path(), /*read_only=*/false));
    ASSERT_OK(connection->Execute(
        "DROP TABLE dataset_changes; ALTER TABLE datasets DROP COLUMN made_by; "
        "ALTER TABLE datasets DROP COLUMN retired; ALTER TABLE checkpoints DROP COLUMN metrics_json; "
        "ALTER TABLE checkpoints ADD COLUMN loss_masked REAL; PRAGMA user_version = 1"));
  }
  Reopen();
  ASSERT_OK_AND_ASSIGN(const DatasetRecord dataset, store_->GetDataset("brains", 0));
  EXPECT_FALSE(dataset.is_retired());
  EXPECT_EQ(dataset.made_by, "ingest");
  EXPECT_EQ(dataset.volumes, 45'000);
  EXPECT_OK(store_->GetJob(JobId("job-49")));
  ASSERT_OK_AND_ASSIGN(const auto pending, store_->PendingDatasetChanges());
  EXPECT_TRUE(pending.empty());
}

TEST_F(StoreFileTest, ANewerSchemaIsRefusedByNameAndLeftAsItIs) {
  Overwrite(kUserVersionAt, std::string("\0\0\0\x07", 4));
  ASSERT_OK_AND_ASSIGN(const std::string before, files::Read(path()));
  EXPECT_THAT(Store::Open(path()),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("schema version 7"), HasSubstr(absl::StrCat("up to ", kStoreSchemaVersion)))));
  ASSERT_OK_AND_ASSIGN(const std::string after, files::Read(path()));
  EXPECT_TRUE(after == before);
}

TEST_F(StoreFileTest, AFileOfAnotherProgramIsRefused) {
  Overwrite(kApplicationIdAt, std::string("\0\0\0\x01", 4));
  EXPECT_THAT(Store::Open(path()), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("another program")));
}

TEST_F(StoreFileTest, EveryPageThatIsOverwrittenIsDataLoss) {
  ASSERT_GE(content_.size(), 10 * kPageBytes);
  for (std::size_t at = 0; at < content_.size(); at += kPageBytes) {
    Overwrite(at, std::string(kPageBytes, '\xff'));
    EXPECT_THAT(Store::Open(path()), StatusIs(absl::StatusCode::kDataLoss)) << "page " << at / kPageBytes + 1;
  }
}

TEST_F(StoreFileTest, ATruncatedFileIsDataLoss) {
  for (std::size_t kept : {std::size_t{50}, kPageBytes, content_.size() / 2, content_.size() - kPageBytes}) {
    ASSERT_OK(files::WriteAtomic(path(), content_.substr(0, kept)));
    EXPECT_THAT(Store::Open(path()), StatusIs(absl::StatusCode::kDataLoss)) << kept;
  }
}

TEST_F(StoreFileTest, TextIsNoStore) {
  ASSERT_OK(files::WriteAtomic(path(), std::string(10'000, 't')));
  EXPECT_THAT(Store::Open(path()), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(StoreFileTest, AFailedOpenGivesTheLockBack) {
  ASSERT_OK(files::WriteAtomic(path(), std::string(10'000, 't')));
  EXPECT_THAT(Store::Open(path()), StatusIs(absl::StatusCode::kDataLoss));
  ASSERT_OK(files::WriteAtomic(path(), content_));
  EXPECT_OK(Store::Open(path()));
}

TEST_F(StoreFileTest, AnEmptyFileBecomesAStore) {
  ASSERT_OK(files::WriteAtomic(path(), ""));
  EXPECT_OK(Store::Open(path()));
}

TEST_F(StoreFileTest, AFolderInTheWayIsAnError) {
  ASSERT_OK(files::MakeFolders(folder_.path() / "taken.sqlite"));
  EXPECT_THAT(Store::Open(folder_.path() / "taken.sqlite"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("taken.sqlite")));
}

}  // namespace
}  // namespace amaes
