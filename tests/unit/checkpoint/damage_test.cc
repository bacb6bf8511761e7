// Whatever happens to a committed checkpoint, it is refused and the one before it is used.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/base/digest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/checkpoint/file_ops.h"
#include "tests/unit/checkpoint/small_checkpoint.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr const char* kFiles[] = {"model.safetensors", "optimizer-0-of-1.safetensors", "manifest.json", "COMMITTED"};

// Removed first: some file systems flush a file that is cut to nothing and written again.
absl::Status Overwrite(const std::filesystem::path& path, absl::string_view content) {
  std::filesystem::remove(path);
  return RealFileOps().Write(path, content);
}

class DamageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(MakeCheckpoint(dir_.path(), 100, 1));
    ASSERT_OK(MakeCheckpoint(dir_.path(), 200, 1));
    ASSERT_EQ(Newest(dir_.path()), "00000200-001");
  }
  std::filesystem::path Path(const std::string& name) const { return dir_.path() / "00000200-001" / name; }
  // Refused as damaged, with the reason; the one before it found.
  void ExpectRefused(const std::string& what, const std::string& reason = "") {
    const CheckpointSearch search = FindCheckpoints(dir_.path(), true);
    ASSERT_EQ(search.rejected.size(), 1u) << what;
    EXPECT_EQ(search.rejected[0].name, "00000200-001") << what;
    EXPECT_THAT(search.rejected[0].reason, HasSubstr(reason)) << what;
    ASSERT_EQ(search.verified.size(), 1u) << what;
    EXPECT_EQ(search.verified[0].manifest.step, 100) << what;
  }

  TempDir dir_;
};

TEST_F(DamageTest, EveryByte) {
  for (const char* name : kFiles) {
    const std::string good = files::Read(Path(name)).value();
    ASSERT_FALSE(good.empty());
    for (std::size_t i = 0; i < good.size(); ++i) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 8)));
      ASSERT_OK(Overwrite(Path(name), bad));
      EXPECT_THAT(VerifyCheckpoint(Path("")), StatusIs(absl::StatusCode::kDataLoss)) << name << " byte " << i;
      EXPECT_EQ(Newest(dir_.path()), "00000100-001") << name << " byte " << i;
    }
    ASSERT_OK(Overwrite(Path(name), good));
  }
  EXPECT_OK(VerifyCheckpoint(Path("")));
}

TEST_F(DamageTest, EveryLength) {
  for (const char* name : kFiles) {
    const std::string good = files::Read(Path(name)).value();
    for (std::size_t length = 0; length < good.size(); ++length) {
      ASSERT_OK(Overwrite(Path(name), absl::string_view(good).substr(0, length)));
      ASSERT_THAT(VerifyCheckpoint(Path("")), StatusIs(absl::StatusCode::kDataLoss)) << name << " length " << length;
    }
    ASSERT_OK(Overwrite(Path(name), good + "\n"));
    ExpectRefused(name);
    ASSERT_OK(Overwrite(Path(name), good));
  }
}

TEST_F(DamageTest, ZeroFilled) {
  for (const char* name : kFiles) {
    const std::string good = files::Read(Path(name)).value();
    ASSERT_OK(Overwrite(Path(name), std::string(good.size(), '\0')));
    ExpectRefused(name);
    ASSERT_OK(Overwrite(Path(name), good));
  }
}

TEST_F(DamageTest, AMissingFile) {
  std::filesystem::remove(Path("optimizer-0-of-1.safetensors"));
  ExpectRefused("missing", "optimizer-0-of-1.safetensors is missing");
  EXPECT_THAT(ReadManifest(Path("")), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(DamageTest, AMissingManifest) {
  std::filesystem::remove(Path("manifest.json"));
  ExpectRefused("missing", "manifest.json is missing");
}

TEST_F(DamageTest, AMissingMarkerMeansNotCommitted) {
  std::filesystem::remove(Path("COMMITTED"));
  const CheckpointSearch search = FindCheckpoints(dir_.path(), true);
  EXPECT_TRUE(search.rejected.empty());
  EXPECT_EQ(search.verified[0].manifest.step, 100);
  EXPECT_THAT(VerifyCheckpoint(Path("")), StatusIs(absl::StatusCode::kNotFound, HasSubstr("COMMITTED")));
}

TEST_F(DamageTest, AFolderInAFilesPlace) {
  std::filesystem::remove(Path("model.safetensors"));
  std::filesystem::create_directory(Path("model.safetensors"));
  ExpectRefused("folder", "model.safetensors is not a file");
}

TEST_F(DamageTest, SwappedFiles) {
  // The other file of the same checkpoint, then the same file of another one: equal in size, and whole in itself.
  const std::string model = files::Read(Path("model.safetensors")).value();
  const std::string optimizer = files::Read(Path("optimizer-0-of-1.safetensors")).value();
  ASSERT_OK(Overwrite(Path("model.safetensors"), optimizer));
  ASSERT_OK(Overwrite(Path("optimizer-0-of-1.safetensors"), model));
  ExpectRefused("swapped", "model.safetensors has");
  ASSERT_OK(Overwrite(Path("optimizer-0-of-1.safetensors"), optimizer));
  ASSERT_OK(
      Overwrite(Path("model.safetensors"), files::Read(dir_.path() / "00000100-001" / "model.safetensors").value()));
  ExpectRefused("of another checkpoint", "model.safetensors is damaged in the block at byte 0");
}

TEST_F(DamageTest, AFolderUnderAnothersName) {
  std::filesystem::rename(dir_.path() / "00000100-001", dir_.path() / "00000300-001");
  const CheckpointSearch search = FindCheckpoints(dir_.path(), true);
  ASSERT_EQ(search.rejected.size(), 1u);
  EXPECT_THAT(search.rejected[0].reason, HasSubstr("step 100 of attempt 1"));
  EXPECT_EQ(search.verified[0].manifest.step, 200);
}

TEST_F(DamageTest, ANewerFormatIsRefusedByName) {
  CheckpointManifest manifest = StageCheckpoint(dir_.path(), 300, 1).value();
  ASSERT_OK(CommitCheckpoint(dir_.path() / "00000300-001", manifest));
  manifest.format_version = 2;
  const std::string json = ManifestToJson(manifest);
  ASSERT_OK(Overwrite(dir_.path() / "00000300-001" / "manifest.json", json));
  ASSERT_OK(Overwrite(dir_.path() / "00000300-001" / "COMMITTED", absl::StrCat(Sha256Hex(json), "\n")));
  EXPECT_THAT(
      VerifyCheckpoint(dir_.path() / "00000300-001"),
      StatusIs(absl::StatusCode::kFailedPrecondition, AllOf(HasSubstr("version 2"), HasSubstr("newer than 1"))));
  EXPECT_EQ(Newest(dir_.path()), "00000200-001");
}

TEST_F(DamageTest, ALateBlockIsNamed) {
  const std::filesystem::path temporary = dir_.path() / "00000400-001.tmp";
  ASSERT_OK(files::MakeFolders(temporary));
  std::string big(static_cast<std::size_t>(kCheckpointBlockBytes) * 2 + 5, 'a');
  ASSERT_OK(files::WriteAtomic(temporary / "big", big));
  CheckpointManifest manifest;
  manifest.step = 400;
  manifest.attempt = 1;
  manifest.files = {DescribeFile(temporary / "big").value()};
  ASSERT_OK(CommitCheckpoint(dir_.path() / "00000400-001", manifest));
  big[big.size() - 1] = 'b';
  ASSERT_OK(Overwrite(dir_.path() / "00000400-001" / "big", big));
  EXPECT_OK(ReadManifest(dir_.path() / "00000400-001"));  // sizes only
  EXPECT_THAT(VerifyCheckpoint(dir_.path() / "00000400-001"),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("big is damaged in the block at byte 2097152")));
}

}  // namespace
}  // namespace amaes
