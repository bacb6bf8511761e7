#include "libs/dataset/originals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"

namespace amaes {
namespace {

using testing::HasSubstr;

class OriginalsTest : public testing::Test {
 protected:
  OriginalsTest() {
    label_.shape = {3, 4, 5};
    label_.affine = {-1, 0, 0, 3, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};  // stored left to right
    label_.voxels.assign(60, 0);
    label_.voxels[17] = 2;
    EXPECT_OK(WriteNifti(folder_.path() / "label.nii.gz", label_));
    entry_.volume = "abc";
    const auto read = ReadNifti(folder_.path() / "label.nii.gz");
    companion_.role = "label";
    companion_.path = folder_.path() / "label.nii.gz";
    companion_.volume = CompanionName("label", VoxelDigest(read->volume), "abc");
  }
  TempDir folder_;
  Volume label_;
  CatalogueEntry entry_;
  Companion companion_;
};

TEST_F(OriginalsTest, AreReadAsTheyWereIngested) {
  ASSERT_OK_AND_ASSIGN(const NiftiVolume read, ReadOriginal(entry_, companion_, {}));
  EXPECT_EQ(read.orientation, "LAS");
  EXPECT_EQ(read.volume.at(2, 3, 2), 2);
}

TEST_F(OriginalsTest, AreFoundWhereTheyMoved) {
  std::filesystem::rename(folder_.path() / "label.nii.gz", folder_.path() / "there.nii.gz");
  EXPECT_THAT(ReadOriginal(entry_, companion_, {}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       testing::AllOf(HasSubstr("dataset.moved"), testing::Not(HasSubstr("label.nii")))));
  const std::string old = folder_.path() / "label.nii.gz", now = folder_.path() / "there.nii.gz";
  ASSERT_OK_AND_ASSIGN(const Moved moved, ParseMoved(old + "=" + now));
  EXPECT_OK(ReadOriginal(entry_, companion_, moved).status());
}

TEST_F(OriginalsTest, ThatChangedAreRefused) {
  label_.voxels[18] = 2;
  ASSERT_OK(WriteNifti(folder_.path() / "label.nii.gz", label_));
  EXPECT_THAT(ReadOriginal(entry_, companion_, {}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("changed since")));
}

TEST_F(OriginalsTest, OfAnOlderCatalogueAreNotKnown) {
  companion_.path.clear();
  EXPECT_THAT(ReadOriginal(entry_, companion_, {}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("older program")));
}

TEST(Moved, ReplacesWholeNames) {
  ASSERT_OK_AND_ASSIGN(const Moved moved, ParseMoved("/data/a=/mnt/b c"));
  EXPECT_EQ(moved.Now("/data/a/x.nii"), "/mnt/b c/x.nii");
  EXPECT_EQ(moved.Now("/data/a"), "/mnt/b c");
  EXPECT_EQ(moved.Now("/data/ab/x.nii"), "/data/ab/x.nii");
  EXPECT_EQ(Moved().Now("/data/a"), "/data/a");
  for (const char* text : {"/data", "data=/mnt", "/data=mnt", "="}) {
    EXPECT_THAT(ParseMoved(text), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
}

}  // namespace
}  // namespace amaes
