#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/base/digest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/checkpoint/file_ops.h"
#include "libs/checkpoint/safetensors.h"
#include "tests/unit/checkpoint/small_checkpoint.h"

namespace amaes {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(DescribeFile, HashesTheWholeAndEveryBlock) {
  const TempDir dir;
  std::string content(static_cast<std::size_t>(kCheckpointBlockBytes) * 2 + 7, 'a');
  content[3] = 'b';
  ASSERT_OK(files::WriteAtomic(dir.path() / "f", content));
  ASSERT_OK_AND_ASSIGN(const CheckpointFile file, DescribeFile(dir.path() / "f"));
  EXPECT_EQ(file.name, "f");
  EXPECT_EQ(file.size, static_cast<std::int64_t>(content.size()));
  EXPECT_EQ(file.sha256, Sha256Hex(content));
  ASSERT_EQ(file.block_crc32c.size(), 3u);
  EXPECT_NE(file.block_crc32c[0], file.block_crc32c[1]);
  ASSERT_OK(files::WriteAtomic(dir.path() / "check", "123456789"));
  ASSERT_OK_AND_ASSIGN(const CheckpointFile check, DescribeFile(dir.path() / "check"));
  EXPECT_EQ(check.block_crc32c[0], "e3069283");  // RFC 3720's check value
  ASSERT_OK(files::WriteAtomic(dir.path() / "empty", ""));
  ASSERT_OK_AND_ASSIGN(const CheckpointFile empty, DescribeFile(dir.path() / "empty"));
  EXPECT_TRUE(empty.block_crc32c.empty());
  EXPECT_THAT(DescribeFile(dir.path() / "none"), StatusIs(absl::StatusCode::kNotFound));
}

TEST(Commit, WhatIsCommittedVerifies) {
  const TempDir dir;
  ASSERT_OK_AND_ASSIGN(const CheckpointManifest manifest, StageCheckpoint(dir.path(), 500, 2));
  const std::filesystem::path folder = dir.path() / "00000500-002";
  EXPECT_THAT(VerifyCheckpoint(folder), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(CommitCheckpoint(folder, manifest));
  EXPECT_FALSE(std::filesystem::exists(folder.string() + ".tmp"));
  ASSERT_OK_AND_ASSIGN(const CheckpointManifest verified, VerifyCheckpoint(folder));
  EXPECT_EQ(verified, manifest);
  ASSERT_OK_AND_ASSIGN(const CheckpointManifest read, ReadManifest(folder));
  EXPECT_EQ(read, manifest);
  ASSERT_OK_AND_ASSIGN(const SafetensorsFile model, ReadSafetensors(folder / "model.safetensors"));
  EXPECT_EQ(model.Find("w")->bytes, "step 10000500");
}

TEST(Commit, TheMarkerHoldsTheManifestsDigest) {
  const TempDir dir;
  ASSERT_OK(MakeCheckpoint(dir.path(), 1, 1));
  ASSERT_OK_AND_ASSIGN(const std::string marker, files::Read(dir.path() / "00000001-001" / "COMMITTED"));
  ASSERT_OK_AND_ASSIGN(const std::string manifest, files::Read(dir.path() / "00000001-001" / "manifest.json"));
  EXPECT_EQ(marker, Sha256Hex(manifest) + "\n");
}

TEST(Commit, ACommittedFolderIsNeverReplaced) {
  const TempDir dir;
  ASSERT_OK(MakeCheckpoint(dir.path(), 1, 1));
  EXPECT_THAT(MakeCheckpoint(dir.path(), 1, 1), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_OK(VerifyCheckpoint(dir.path() / "00000001-001"));
}

TEST(Commit, AFolderWithoutMarkerIsReplaced) {
  const TempDir dir;
  ASSERT_OK(files::MakeFolders(dir.path() / "00000001-001"));
  ASSERT_OK(files::WriteAtomic(dir.path() / "00000001-001" / "junk", "x"));
  ASSERT_OK(MakeCheckpoint(dir.path(), 1, 1));
  EXPECT_FALSE(std::filesystem::exists(dir.path() / "00000001-001" / "junk"));
}

TEST(Commit, NothingStagedIsNotFound) {
  const TempDir dir;
  EXPECT_THAT(CommitCheckpoint(dir.path() / "00000001-001", CheckpointManifest{}),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST(Commit, FilesMustFitTheManifest) {
  const TempDir dir;
  const std::filesystem::path folder = dir.path() / "00000001-001";
  const std::filesystem::path model = dir.path() / "00000001-001.tmp" / "model.safetensors";
  ASSERT_OK_AND_ASSIGN(const CheckpointManifest manifest, StageCheckpoint(dir.path(), 1, 1));
  ASSERT_OK_AND_ASSIGN(std::string content, files::Read(model));

  ASSERT_OK(files::WriteAtomic(model, content + "x"));
  EXPECT_THAT(CommitCheckpoint(folder, manifest),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("model.safetensors has")));
  std::filesystem::remove(model);
  EXPECT_THAT(CommitCheckpoint(folder, manifest),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("model.safetensors is missing")));
  ASSERT_OK(files::WriteAtomic(model, content));
  ASSERT_OK(files::WriteAtomic(model.parent_path() / "stray", "x"));
  EXPECT_THAT(CommitCheckpoint(folder, manifest), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("holds stray")));
  std::filesystem::remove(model.parent_path() / "stray");

  // Same size, other bytes: found when it is read back, and then there is no marker.
  std::string other = content;
  other.back() ^= 1;
  ASSERT_OK(files::WriteAtomic(model, other));
  EXPECT_THAT(CommitCheckpoint(folder, manifest),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("damaged in the block at byte 0")));
  EXPECT_THAT(VerifyCheckpoint(folder), StatusIs(absl::StatusCode::kNotFound));
}

TEST(Commit, AManifestThatNobodyCouldReadIsRefused) {
  const TempDir dir;
  ASSERT_OK_AND_ASSIGN(const CheckpointManifest good, StageCheckpoint(dir.path(), 1, 1));
  const std::filesystem::path folder = dir.path() / "00000001-001";
  for (const std::string name : {"", "../model", "a/b", ".hidden", "manifest.json", "COMMITTED"}) {
    CheckpointManifest bad = good;
    bad.files[0].name = name;
    EXPECT_THAT(CommitCheckpoint(folder, bad), StatusIs(absl::StatusCode::kInvalidArgument)) << name;
  }
  CheckpointManifest bad = good;
  bad.step = -1;
  EXPECT_THAT(CommitCheckpoint(folder, bad), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"step\"")));
  EXPECT_OK(CommitCheckpoint(folder, good));
}

TEST(Remove, LeavesNothing) {
  const TempDir dir;
  ASSERT_OK(MakeCheckpoint(dir.path(), 1, 1));
  ASSERT_OK(RemoveCheckpoint(dir.path() / "00000001-001"));
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
  EXPECT_OK(RemoveCheckpoint(dir.path() / "00000001-001"));
}

}  // namespace
}  // namespace amaes
