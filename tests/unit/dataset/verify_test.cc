#include "libs/dataset/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/volume/stored_volume.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class VerifyTest : public ::testing::Test {
 protected:
  // Two volumes of two chunks each; the second has a companion.
  void SetUp() override {
    for (int i = 0; i < 2; ++i) {
      CatalogueEntry entry;
      entry.volume = std::string(2, static_cast<char>('a' + i)) + "-volume";
      entry.subject = absl::StrCat("subject-", i);
      entry.source = absl::StrCat("sub-", i, "/T1w.nii.gz");
      entry.chunk_checksums = Store(entry.volume, i, entry.stored_bytes);
      entry.shape = kShape;
      version_.entries.push_back(entry);
    }
    Companion label{"label", "cc-label", 0, {}};
    label.chunk_checksums = Store(label.volume, 5, label.stored_bytes);
    version_.entries[1].companions.push_back(label);
  }

  std::vector<std::uint32_t> Store(const std::string& name, int seed, std::int64_t& bytes) {
    Volume volume;
    volume.shape = kShape;
    volume.voxels.resize(static_cast<std::size_t>(VoxelCount(kShape)));
    for (std::size_t i = 0; i < volume.voxels.size(); ++i) {
      volume.voxels[i] = static_cast<float>((i / 7 + static_cast<std::size_t>(seed)) % 3);
    }
    const std::filesystem::path path = VolumePath(folder_.path(), name);
    EXPECT_OK(files::MakeFolders(path.parent_path()));
    const auto checksums = WriteStoredVolume(path, volume);
    EXPECT_OK(checksums);
    bytes = static_cast<std::int64_t>(std::filesystem::file_size(path));
    return *checksums;
  }

  std::vector<VolumeDamage> Verify(int threads = 1) {
    std::vector<VolumeDamage> found;
    VerifyCallbacks callbacks;
    callbacks.on_damage = [&](const VolumeDamage& damage) { found.push_back(damage); };
    callbacks.on_progress = [&](const VerifyProgress& progress) {
      last_ = progress;
      return true;
    };
    EXPECT_OK(VerifyVersion(version_, folder_.path(), threads, callbacks));
    return found;
  }

  void Overwrite(const std::filesystem::path& path, const std::string& content) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  }

  static constexpr Shape3 kShape{70, 9, 9};
  TempDir folder_;
  DatasetVersion version_;
  VerifyProgress last_;
};

TEST_F(VerifyTest, WholeVolumesPassAndAreCounted) {
  EXPECT_THAT(Verify(3), IsEmpty());
  EXPECT_EQ(last_.files, 3);
  EXPECT_EQ(last_.done, 3);
  EXPECT_EQ(last_.damaged, 0);
  EXPECT_EQ(last_.bytes, last_.bytes_done);
  EXPECT_GT(last_.bytes, 0);
}

TEST_F(VerifyTest, EveryFlippedByteOfAFileIsFoundAndTheFileNamed) {
  const std::filesystem::path path = VolumePath(folder_.path(), "bb-volume");
  const absl::StatusOr<std::string> whole = files::Read(path);
  ASSERT_OK(whole);
  ASSERT_LT(whole->size(), 20'000u);
  version_.entries.erase(version_.entries.begin());
  version_.entries[0].companions.clear();
  std::int64_t in_chunks = 0, elsewhere = 0;
  for (std::size_t at = 0; at < whole->size(); ++at) {
    std::string damaged = *whole;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << at % 8));
    Overwrite(path, damaged);
    const std::vector<VolumeDamage> found = Verify();
    ASSERT_THAT(found, SizeIs(1)) << "byte " << at << " of " << whole->size();
    EXPECT_EQ(found[0].volume, "bb-volume");
    EXPECT_EQ(found[0].subject, "subject-1");
    EXPECT_EQ(found[0].source, "sub-1/T1w.nii.gz");
    (found[0].chunk >= 0 ? in_chunks : elsewhere) += 1;
  }
  EXPECT_GT(in_chunks, 100);
  EXPECT_GT(elsewhere, 100);
  Overwrite(path, *whole);
  EXPECT_THAT(Verify(), IsEmpty());
}

TEST_F(VerifyTest, EveryDamagedChunkIsNamedAndTheCompanionByItsRole) {
  version_.entries[0].chunk_checksums[0] ^= 1;
  version_.entries[0].chunk_checksums[1] ^= 1;
  version_.entries[1].companions[0].chunk_checksums[1] ^= 1;
  const std::vector<VolumeDamage> found = Verify();
  ASSERT_THAT(found, SizeIs(3));
  EXPECT_EQ(found[0].chunk, 0);
  EXPECT_EQ(found[1].chunk, 1);
  EXPECT_EQ(found[2], (VolumeDamage{"cc-label", "subject-1", "sub-1/T1w.nii.gz", "label", 1, found[2].problem}));
  EXPECT_EQ(last_.damaged, 2);
}

TEST_F(VerifyTest, MissingFilesAndWrongShapesAndSizes) {
  std::filesystem::remove(VolumePath(folder_.path(), "aa-volume"));
  version_.entries[1].shape = {70, 9, 8};
  ++version_.entries[1].companions[0].stored_bytes;
  version_.entries[1].companions[0].chunk_checksums.clear();
  EXPECT_THAT(Verify(), ElementsAre(Field(&VolumeDamage::problem, HasSubstr("missing")),
                                    Field(&VolumeDamage::problem, AllOf(HasSubstr("70x9x9"), HasSubstr("70x9x8"))),
                                    Field(&VolumeDamage::problem, HasSubstr("bytes, the catalogue says")),
                                    Field(&VolumeDamage::problem, HasSubstr("70x9x8")),
                                    Field(&VolumeDamage::problem, HasSubstr("no chunk checksums"))));
}

TEST_F(VerifyTest, ItCanBeStopped) {
  VerifyCallbacks callbacks;
  callbacks.on_progress = [](const VerifyProgress& progress) { return progress.done < 1; };
  EXPECT_THAT(VerifyVersion(version_, folder_.path(), 1, callbacks), StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace amaes
