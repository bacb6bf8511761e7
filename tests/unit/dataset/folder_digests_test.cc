#include "libs/dataset/folder_digests.h"

#include <fstream>

#include "tests/unit/dataset/ingest_fixture.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::SizeIs;

class FolderDigestsTest : public IngestFixture {
 protected:
  FolderDigestOptions DigestOptions(const std::filesystem::path& folder) {
    FolderDigestOptions options;
    options.from = folder;
    options.layout = "folder";
    options.scratch = folder_.path() / "scratch";
    options.child_command = {AMAES_INGEST_HELPER, "child"};
    EXPECT_OK(files::MakeFolders(options.scratch));
    return options;
  }
};

TEST_F(FolderDigestsTest, TheDigestsOfAFolderAreThoseOfItsIngest) {
  WriteSubjects(4);
  const auto ingest = Ingest(Options());
  ASSERT_OK(ingest);
  // Another folder: two of the scans under other names, one new scan, one that cannot be read.
  const std::filesystem::path other = folder_.path() / "other";
  ASSERT_OK(files::MakeFolders(other));
  std::filesystem::copy_file(from() / "sub-1_T1w.nii.gz", other / "sub-77_T1w.nii.gz");
  std::filesystem::copy_file(from() / "sub-2_T1w.nii.gz", other / "sub-02_T1w.nii.gz");
  ASSERT_OK(WriteNifti(other / "sub-9_T1w.nii.gz", Scan(9)));
  std::ofstream(other / "sub-03_T1w.nii") << "torn";
  std::int64_t last = -1;
  const auto folder = DigestFolder(DigestOptions(other), SystemClock(), [&](std::int64_t done, std::int64_t) {
    last = done;
    return true;
  });
  ASSERT_OK(folder);
  EXPECT_EQ(folder->layout, "folder");
  EXPECT_THAT(folder->scans, SizeIs(4));
  EXPECT_THAT(folder->unread, ElementsAre(Field(&IngestReport::Item::source, "sub-03_T1w.nii")));
  EXPECT_EQ(last, 4);
  const LeakageReport leakage = FindLeakage(IdentitiesOf(ingest->version), folder->scans);
  ASSERT_THAT(leakage.volumes, SizeIs(2));
  EXPECT_EQ(leakage.volumes[0].source, "sub-1_T1w.nii.gz");
  EXPECT_EQ(leakage.volumes[0].other_source, "sub-77_T1w.nii.gz");
  EXPECT_EQ(leakage.volumes[1].other_source, "sub-02_T1w.nii.gz");
  ASSERT_THAT(leakage.subjects_shared, SizeIs(2)) << "subject 3 too, though its scan cannot be read";
  EXPECT_EQ(leakage.subjects_shared[0].shared_volumes, 1);
  EXPECT_EQ(leakage.subjects_shared[1].shared_volumes, 0);
  // Nothing was stored: neither volumes nor scratch files that are left.
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder_.path() / "scratch")) {
    EXPECT_NE(file.path().extension(), ".b2nd") << file.path();
  }
}

TEST_F(FolderDigestsTest, ItCanBeStoppedAndMissingFoldersAreNamed) {
  WriteSubjects(3);
  EXPECT_THAT(
      DigestFolder(DigestOptions(from()), SystemClock(), [](std::int64_t done, std::int64_t) { return done < 1; }),
      StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(DigestFolder(DigestOptions(folder_.path() / "none"), SystemClock(),
                           [](std::int64_t, std::int64_t) { return true; }),
              StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace amaes
