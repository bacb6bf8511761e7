#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "tests/unit/checkpoint/small_checkpoint.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Names(const CheckpointSearch& search) {
  std::vector<std::string> out;
  for (const FoundCheckpoint& found : search.verified) out.push_back(found.folder.filename().string());
  return out;
}

TEST(CheckpointName, SortsBySteps) {
  EXPECT_EQ(CheckpointName(500, 2), "00000500-002");
  EXPECT_EQ(CheckpointName(123456789, 1234), "123456789-1234");
}

TEST(CheckpointName, OnlyItsOwnFormIsRead) {
  for (const auto& [step, attempt] :
       std::vector<std::pair<std::int64_t, AttemptNumber>>{{0, 0}, {500, 2}, {123456789, 1234}}) {
    ASSERT_OK_AND_ASSIGN(const CheckpointId id, ParseCheckpointName(CheckpointName(step, attempt)));
    EXPECT_EQ(id.step, step);
    EXPECT_EQ(id.attempt, attempt);
  }
  for (const std::string name :
       {"", "500-2", "00000500-002.tmp", "00000500", "+0000500-002", " 0000500-002", "0000500--02", "00000500-002-1",
        "000000500-002", "abc-def", "99999999999999999999-001"}) {
    EXPECT_THAT(ParseCheckpointName(name), StatusIs(absl::StatusCode::kInvalidArgument)) << name;
  }
}

TEST(FindCheckpoints, AMissingFolderIsEmpty) {
  const TempDir dir;
  const CheckpointSearch search = FindCheckpoints(dir.path() / "none", false);
  EXPECT_THAT(search.verified, IsEmpty());
  EXPECT_THAT(search.rejected, IsEmpty());
}

// A stale worker of an older attempt may have gone on: what it wrote never wins.
TEST(FindCheckpoints, NewestAttemptFirstThenHighestStep) {
  const TempDir dir;
  ASSERT_OK(MakeCheckpoint(dir.path(), 900, 1));
  ASSERT_OK(MakeCheckpoint(dir.path(), 600, 2));
  ASSERT_OK(MakeCheckpoint(dir.path(), 700, 2));
  ASSERT_OK(MakeCheckpoint(dir.path(), 500, 1));
  EXPECT_THAT(Names(FindCheckpoints(dir.path(), false)),
              ElementsAre("00000700-002", "00000600-002", "00000900-001", "00000500-001"));
  EXPECT_THAT(Names(FindCheckpoints(dir.path(), true)), ElementsAre("00000700-002"));
}

TEST(FindCheckpoints, AttemptsBeyondThreeDigitsAreNumbers) {
  const TempDir dir;
  ASSERT_OK(MakeCheckpoint(dir.path(), 5, 1000));
  ASSERT_OK(MakeCheckpoint(dir.path(), 5, 999));
  EXPECT_THAT(Names(FindCheckpoints(dir.path(), false)), ElementsAre("00000005-1000", "00000005-999"));
}

TEST(FindCheckpoints, OtherThingsInTheFolderAreNotLookedAt) {
  const TempDir dir;
  ASSERT_OK(MakeCheckpoint(dir.path(), 5, 1));
  ASSERT_OK(files::MakeFolders(dir.path() / "lost+found"));
  ASSERT_OK(files::WriteAtomic(dir.path() / "00000009-001", "a file"));
  ASSERT_OK(StageCheckpoint(dir.path(), 7, 1));
  EXPECT_THAT(Names(FindCheckpoints(dir.path(), false)), ElementsAre("00000005-001"));
}

TEST(CheckpointsToDelete, KeepsTheNewest) {
  const std::vector<std::string> names = {"00000100-001", "00000500-001", "00000300-002", "00000200-002",
                                          "00000400-001"};
  EXPECT_THAT(CheckpointsToDelete(names, 3), ElementsAre("00000400-001", "00000100-001"));
  EXPECT_THAT(CheckpointsToDelete(names, 5), IsEmpty());
  EXPECT_THAT(CheckpointsToDelete(names, 1000), IsEmpty());
}

TEST(CheckpointsToDelete, NeverTheNewestAndNothingElse) {
  EXPECT_THAT(CheckpointsToDelete({"00000100-001", "00000200-001"}, 0), ElementsAre("00000100-001"));
  EXPECT_THAT(CheckpointsToDelete({"00000100-001", "00000200-001"}, -5), ElementsAre("00000100-001"));
  EXPECT_THAT(CheckpointsToDelete({"model", "00000200-001.tmp", "..", "00000200-001"}, 1), IsEmpty());
  EXPECT_THAT(CheckpointsToDelete({}, 1), IsEmpty());
}

TEST(CheckpointsToDelete, NeverTheBest) {
  const std::vector<std::string> names = {"00000100-001", "00000200-001", "00000300-002", "00000400-002"};
  EXPECT_THAT(CheckpointsToDelete(names, 1, 200), ElementsAre("00000300-002", "00000100-001"));
  EXPECT_THAT(CheckpointsToDelete(names, 1, 400), ElementsAre("00000300-002", "00000200-001", "00000100-001"));
}

TEST(RemoveLeftovers, OnlyUncommittedFoldersOfOlderAttempts) {
  const TempDir dir;
  ASSERT_OK(MakeCheckpoint(dir.path(), 100, 1));
  ASSERT_OK(StageCheckpoint(dir.path(), 200, 1));
  ASSERT_OK(StageCheckpoint(dir.path(), 300, 2));
  ASSERT_OK(files::MakeFolders(dir.path() / "00000150-001"));
  ASSERT_OK(files::MakeFolders(dir.path() / "notes.tmp"));
  EXPECT_THAT(RemoveLeftovers(dir.path(), 2), ElementsAre("00000150-001", "00000200-001.tmp"));
  EXPECT_TRUE(std::filesystem::exists(dir.path() / "00000300-002.tmp"));
  EXPECT_TRUE(std::filesystem::exists(dir.path() / "notes.tmp"));
  EXPECT_OK(VerifyCheckpoint(dir.path() / "00000100-001"));
  EXPECT_THAT(RemoveLeftovers(dir.path() / "none", 9), IsEmpty());
}

}  // namespace
}  // namespace amaes
