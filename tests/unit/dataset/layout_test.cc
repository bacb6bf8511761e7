#include "libs/dataset/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_split.h"
#include "libs/base/files.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/dataset/layout/scan_name.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// "folder/folder/stem".
struct NamePath {
  std::vector<std::string> folders;
  std::string stem;
  explicit NamePath(const std::string& path) : folders(absl::StrSplit(path, '/')) {
    stem = folders.back();
    folders.pop_back();
  }
};

TEST(ScanName, SubjectSessionModality) {
  const struct {
    const char *path, *subject, *session, *modality;
  } table[] = {
      {"oms-long-p01_study1_FLAIR", "oms-long-p01", "study1", "FLAIR"},
      {"oms-long-p01_study1_T1w", "oms-long-p01", "study1", "T1w"},
      {"coregqa_T1w", "coregqa", "", "T1w"},
      {"coregqa_epi", "coregqa", "", "BOLD"},
      {"sub-07_T1w", "sub-07", "", "T1w"},
      {"sub-07_ses-02_acq-highres_FLAIR", "sub-07", "ses-02", "FLAIR"},
      {"sub-01/ses-1/anat/sub-01_ses-1_T2w", "sub-01", "ses-1", "T2w"},
      {"sub_1/ses_1/t1", "sub_1", "ses_1", "T1w"},
      {"mni152_T1w_1mm_brain", "mni152", "", "T1w"},
      {"niivue-sub01_dwi-b0", "niivue-sub01", "", "DWI"},
      {"spm_avg152_PDw", "spm_avg152", "", "PDw"},
      {"spm_EPI", "spm", "", "BOLD"},
      {"rorden-M2208_T2w", "rorden-M2208", "", "T2w"},
      {"orient_ARI", "orient_ARI", "", "unknown"},
      {"oms-cross-p19/T1w", "oms-cross-p19", "", "T1w"},
      {"tcga-DU-7294/T1w-Gd", "tcga-DU-7294", "", "T1w-Gd"},
      {"ads-s01/DWI-trace", "ads-s01", "", "DWI"},
      {"patient01/study1_FLAIR", "patient01", "study1", "FLAIR"},
      {"Subject 7/visit_2/scan", "Subject 7", "visit_2", "unknown"},
      {"p07/visit2/T2_FLAIR", "p07", "visit2", "FLAIR"},
      {"study2_p07_T1", "p07", "study2", "T1w"},
      {"IXI-T1/IXI002-Guys-0828-T1", "IXI002-Guys-0828", "", "T1w"},
      {"FLAIR/IXI002", "IXI002", "", "FLAIR"},
      {"PD_001_T1w", "PD_001", "", "T1w"},
      {"imagesTr/BRATS_001_0003", "BRATS_001", "", "unknown"},
      {"ADNI_002_S_0295_MR_MP-RAGE_br_raw", "ADNI_002_S_0295_MR_MP", "", "T1w"},
      {"T1w", "T1w", "", "T1w"},
  };
  for (const auto& row : table) {
    const NamePath path(row.path);
    const ScanName name = ParseScanName(path.folders, path.stem);
    EXPECT_EQ(name.subject, row.subject) << row.path;
    EXPECT_EQ(name.session, row.session) << row.path;
    EXPECT_EQ(name.modality, row.modality) << row.path;
  }
}

TEST(ScanName, Labels) {
  const std::map<std::string, std::string> table = {
      {"case1/lesion", "label by its name: lesion"},
      {"case1/tumour", "label by its name: tumour"},
      {"eve/brainmask", "label by its name: mask"},
      {"eve/parcellation", "label by its name: parcellation"},
      {"icbm/gm-prob", "label by its name: prob"},
      {"trailing-dim1_labels5002", "label by its name: labels"},
      {"same-dims-other-origin_labels", "label by its name: labels"},
      {"ext_bigendian_mask_lpi", "label by its name: mask"},
      {"sub-01_T1w_label-GM_probseg", "label by its name: label"},
      {"sub-01_desc-brain_mask", "label by its name: mask"},
      {"sub-strokecase0001_ses-0001_msk", "label by its name: msk"},
      {"BraTS2021_00000_seg", "label by its name: seg"},
      {"12/wmh", "label by its name: wmh"},
      {"labelsTr/BRATS_001", "label by its folder: labelsTr"},
      {"sub-lesion01_T1w", ""},
      {"sub-01_acq-mask_T1w", ""},
      {"Task01_BrainTumour/imagesTr/BRATS_001", ""},
      {"sub-01_T1w_masked", ""},
      {"mni152_T1w_1mm_brain", ""},
  };
  for (const auto& [text, rule] : table) {
    const NamePath path(text);
    EXPECT_EQ(LabelRule(path.folders, path.stem), rule) << text;
  }
}

class FolderLayoutTest : public ::testing::Test {
 protected:
  void Touch(const std::string& path) {
    ASSERT_OK(files::MakeFolders((folder_.path() / path).parent_path()));
    ASSERT_OK(files::WriteAtomic(folder_.path() / path, ""));
  }
  absl::StatusOr<ScanList> Scan() { return (*MakeLayout("folder"))->Scan(folder_.path()); }

  TempDir folder_;
};

TEST_F(FolderLayoutTest, ListsScansAndSaysWhyTheRestIsNone) {
  for (const char* path : {"sub-2/b_T1w.nii.gz", "sub-1/a_T1w.NII", "pair.hdr", "pair.img", "big.hdr.gz", "big.img.gz",
                           "x.img", "README", "sub-1/notes.json", ".cache/c.nii", "sub-1/lesion.nii"}) {
    Touch(path);
  }
  std::filesystem::create_symlink("nowhere.nii", folder_.path() / "gone.nii");
  std::filesystem::create_symlink(folder_.path() / "sub-1", folder_.path() / "sub-1" / "again");
  std::filesystem::create_symlink("sub-2/b_T1w.nii.gz", folder_.path() / "link.nii.gz");
  ASSERT_OK_AND_ASSIGN(const ScanList list, Scan());
  std::vector<std::string> sources;
  for (const ScanFile& file : list.files) sources.push_back(file.source);
  EXPECT_THAT(sources, ElementsAre("big.hdr.gz", "link.nii.gz", "pair.hdr", "sub-1/a_T1w.NII", "sub-2/b_T1w.nii.gz"));
  EXPECT_THAT(
      list.skipped,
      ElementsAre(Pair(".cache", "hidden"), Pair("README", "not a scan: no file ending"),
                  Pair("big.img.gz", "second half of a .hdr/.img pair"), Pair("gone.nii", "broken link"),
                  Pair("pair.img", "second half of a .hdr/.img pair"), Pair("sub-1/lesion.nii", HasSubstr("label")),
                  Pair("sub-1/notes.json", "not a scan: .json"), Pair("x.img", "not a scan: .img without its .hdr")));
}

TEST_F(FolderLayoutTest, NamesThatAreNotUtf8AreSkipped) {
  Touch("a.nii");
  Touch("caf\xe9.nii");
  ASSERT_OK_AND_ASSIGN(const ScanList list, Scan());
  EXPECT_EQ(list.files.size(), 1u);
  EXPECT_THAT(list.skipped, ElementsAre(Pair("caf\xe9.nii", HasSubstr("not UTF-8"))));
}

TEST_F(FolderLayoutTest, RefusesAFolderWithoutScans) {
  Touch("README");
  EXPECT_THAT(Scan(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no .nii")));
  EXPECT_THAT((*MakeLayout("folder"))->Scan(folder_.path() / "none"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT((*MakeLayout("folder"))->Scan(folder_.path() / "README"), StatusIs(absl::StatusCode::kNotFound));
}

TEST(MakeLayout, UnknownNameListsTheKnownOnes) {
  EXPECT_THAT(MakeLayout("folders"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("known: auto, bids, fomo")));
}

}  // namespace
}  // namespace amaes
