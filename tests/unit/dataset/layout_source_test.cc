// Sources: what public collections should look like on disk.
#include <numeric>

#include "libs/dataset/source/collection_rules.h"
#include "libs/dataset/source/reference_split.h"
#include "libs/dataset/source/source.h"
#include "tests/unit/dataset/layout_fixture.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class SourceTest : public LayoutTest {
 protected:
  absl::StatusOr<ScanList> ScanSource(const std::string& name) {
    absl::StatusOr<ScanList> list = (*MakeSource(name))->Scan(root());
    if (list.ok()) ExpectAllAccountedFor(*list);
    return list;
  }
  static CollectionFinding Finding(const ScanList& list, const std::string& collection) {
    for (const CollectionFinding& finding : list.findings) {
      if (finding.collection == collection) return finding;
    }
    ADD_FAILURE() << "no finding for " << collection;
    return {};
  }
};

TEST(CheckCollection, SaysWhatDiffers) {
  const Expectation known{"X", 10, 0, CountBasis::kKnown, false};
  EXPECT_EQ(CheckCollection(known, "x", 10).difference, "");
  EXPECT_EQ(CheckCollection(known, "x", 7).difference, "3 fewer");
  EXPECT_EQ(CheckCollection(known, "x", 12).difference, "2 more");
  EXPECT_EQ(CheckCollection(known, "", 0).difference, "missing");
  EXPECT_EQ(CheckCollection(known, "x", 0).difference, "no scan");
  const Expectation unknown{"X", -1, 0, CountBasis::kUnknown, true};
  EXPECT_EQ(CheckCollection(unknown, "x", 5).difference, "");
  EXPECT_EQ(CheckCollection({"X", 1000, 50, CountBasis::kKnown, false}, "x", 960).difference, "");
  EXPECT_THAT(CheckCollection({"X", 10, 0, CountBasis::kDerived, true}, "x", 11).difference,
              HasSubstr("1 more, before"));
  EXPECT_EQ(FindingText(CheckCollection({"ISLES22", 750, 0, CountBasis::kDerived, false}, "ISLES-2022", 749)),
            "ISLES22: 749 scans in ISLES-2022, 750 expected (derived): 1 fewer");
  EXPECT_EQ(FindingText(CheckCollection(unknown, "x", 1)), "X: 1 scan in x, number not known: as expected");
}

TEST(Brains45k, CountsAddUp) {
  std::int64_t labelled = 0;
  for (const CollectionRules& rules : Brains45kCollections()) {
    EXPECT_EQ(rules.expected.collection, rules.name);
    if (rules.expected.scans > 0) labelled += rules.expected.scans;
  }
  EXPECT_EQ(Brains45kCollections().size(), 9u);
  EXPECT_EQ(labelled, 5761);
}

// Golden values from numpy 2.4.6 and scikit-learn 1.9.1:
// RandomState(4215532).permutation(1251), train_test_split(range(1251), random_state=4215532).
TEST(ReferenceSplit, IsThatOfNumpyAndScikitLearn) {
  const std::vector<std::size_t> order = NumpyPermutation(4215532, 1251);
  EXPECT_THAT(std::vector(order.begin(), order.begin() + 8), ElementsAre(684, 1126, 1148, 844, 1209, 587, 633, 248));
  EXPECT_THAT(std::vector(order.end() - 4, order.end()), ElementsAre(951, 215, 689, 287));
  const std::set<std::size_t> test = ReferenceTestPart(4215532, 1251);
  EXPECT_EQ(test.size(), 313u);
  EXPECT_EQ(std::accumulate(test.begin(), test.end(), std::size_t{0}), 1250u * 1251 / 2 - 581553);
  EXPECT_EQ(*test.begin(), 9u);
  EXPECT_TRUE(NumpyPermutation(1, 0).empty());
}

TEST(SeriesRule, WordsAcceptAndReject) {
  const std::vector<absl::string_view> accepted = {"t1", "flair"}, rejected = {"fmri", "mt"};
  EXPECT_EQ(SeriesRule("SAG_T1_3D", accepted, rejected), "");
  EXPECT_EQ(SeriesRule("T1_fMRI", accepted, rejected), "series rejected by the word fmri");
  EXPECT_EQ(SeriesRule("localizer", accepted, rejected), "series accepted by none of t1, flair");
  EXPECT_EQ(SeriesRule("localizer", {}, rejected), "");
}

TEST_F(SourceTest, Brains45kReadsNineConventions) {
  Write({"adni_nifti/ADNI/002_S_0295/MPRAGE/2006-04-18_08_20_30.0/I13722/ADNI_002_S_0295_MR_MPRAGE_br_raw.nii",
         "OASIS3/DATA/OAS30001_MR_d0129/anat2/sub-OAS30001_ses-d0129_T1w.nii.gz",
         "OASIS3/DATA/OAS30001_MR_d0129/func1/sub-OAS30001_ses-d0129_task-rest_bold.nii.gz",
         "OASIS3/DATA/OAS30001_AV45_PET_d2430/pet1/x.nii.gz",
         "OASIS4/OASIS4_images/OAS42001_MR_d3055/anat1/NIFTI/sub-OAS42001_FLAIR.nii.gz",
         "PPMI/DATA/3102/SAG_T1_3D_MPRAGE/2011-03-01_10_00_00.0/I1/PPMI_3102.nii",
         "PPMI/DATA/3102/MT_T1/2011-03-01_10_00_00.0/I2/PPMI_3102.nii",
         "PPMI/DATA/3102/B0rf_map/2011-03-01_10_00_00.0/I3/PPMI_3102.nii",
         "MSD/Task01_BrainTumour/imagesTs/BRATS_485.nii.gz",
         "MSD/Task01_BrainTumour/imagesTr/BRATS_001.nii.gz",
         "BraTS2021/BraTS2021_Training_Data/BraTS2021_00000/BraTS2021_00000_t1ce.nii.gz",
         "BraTS2021/BraTS2021_Training_Data/BraTS2021_00000/BraTS2021_00000_seg.nii.gz",
         "ISLES-2022/sub-strokecase0001/ses-0001/dwi/sub-strokecase0001_ses-0001_adc.nii.gz",
         "ISLES-2022/derivatives/sub-strokecase0001/ses-0001/sub-strokecase0001_ses-0001_msk.nii.gz",
         "ISLES-2022/rawdata/sub-strokecase0002/ses-0001/sub-strokecase0002_ses-0001_flair.nii.gz",
         "WMH/training/Amsterdam/GE3T/100/pre/FLAIR.nii.gz",
         "WMH/training/Utrecht/0/pre/T1.nii.gz",
         "WMH/training/Utrecht/0/orig/T1.nii.gz",
         "WMH/training/Utrecht/0/wmh.nii.gz",
         "WMH/test/Utrecht/1/pre/T1.nii.gz",
         "MSSEG1/MSSEG-Training/Center_01/Patient_01/Preprocessed_Data/GADO_preprocessed.nii.gz",
         "MSSEG1/MSSEG-Training/Center_01/Patient_01/Raw_Data/T1.nii.gz",
         "MSSEG1/MSSEG-Training/Center_01/Patient_01/Masks/Consensus.nii.gz",
         "other/a.nii.gz",
         "README"});
  ASSERT_OK_AND_ASSIGN(const ScanList list, ScanSource("brains-45k"));
  std::vector<std::string> found;
  for (const ScanFile& f : list.files) {
    found.push_back(absl::StrCat(f.collection, " ", f.subject, " ", f.session, " ", f.modality, f.frame >= 0 ? "#" : "",
                                 f.frame >= 0 ? absl::StrCat(f.frame) : ""));
    EXPECT_EQ(f.demands.min_voxels_per_axis, f.demands.only_3d ? 15 : 0) << f.source;
    EXPECT_EQ(f.demands.nonnegative, f.demands.only_3d);
  }
  EXPECT_THAT(found, UnorderedElementsAre(
                         "ADNI ADNI/002_S_0295 2006-04-18_08_20_30.0 T1w", "OASIS3 OASIS3/OAS30001 MR_d0129 T1w",
                         "OASIS4 OASIS4/OAS42001 MR_d3055 FLAIR", "PPMI PPMI/3102 2011-03-01_10_00_00.0 T1w",
                         "MSD MSD/BRATS_485  FLAIR#0", "MSD MSD/BRATS_485  T1w#1", "MSD MSD/BRATS_485  T1w-Gd#2",
                         "MSD MSD/BRATS_485  T2w#3", "BraTS21 BraTS21/BraTS2021_00000  T1w-Gd",
                         "ISLES22 ISLES22/sub-strokecase0001 ses-0001 ADC",
                         "ISLES22 ISLES22/sub-strokecase0002 ses-0001 FLAIR", "WMH WMH/Amsterdam/100  FLAIR",
                         "WMH WMH/Utrecht/0  T1w", "MSSEG1 MSSEG1/Center_01/Patient_01  T1w-Gd"));
  EXPECT_THAT(Rule(list, "PPMI/DATA/3102/MT_T1/2011-03-01_10_00_00.0/I2/PPMI_3102.nii"), HasSubstr("by the word mt"));
  EXPECT_THAT(Rule(list, "PPMI/DATA/3102/B0rf_map/2011-03-01_10_00_00.0/I3/PPMI_3102.nii"), HasSubstr("by none of"));
  EXPECT_THAT(Rule(list, "OASIS3/DATA/OAS30001_AV45_PET_d2430/pet1/x.nii.gz"), HasSubstr("no MR visit"));
  EXPECT_THAT(Rule(list, "MSD/Task01_BrainTumour/imagesTr/BRATS_001.nii.gz"), HasSubstr("only imagesTs"));
  EXPECT_THAT(Rule(list, "WMH/test/Utrecht/1/pre/T1.nii.gz"), HasSubstr("test part"));
  EXPECT_THAT(Rule(list, "other/a.nii.gz"), HasSubstr("no collection's folder"));
  EXPECT_EQ(Finding(list, "ADNI").folder, "adni_nifti");
  EXPECT_EQ(Finding(list, "ADNI").difference, "");
  EXPECT_EQ(Finding(list, "ISLES22").difference, "748 fewer");
  EXPECT_THAT(Finding(list, "BraTS21").difference, HasSubstr("1 of 1251 cases"));
  EXPECT_EQ(Finding(list, "all of BRAINS-45K").expected, 44756);
  EXPECT_EQ(Finding(list, "ADNI, OASIS3, OASIS4 and PPMI").expected, 38995);
  EXPECT_EQ(list.findings.size(), 11u);
}

TEST_F(SourceTest, Brains45kLeavesOutTheTestPartOfBrats) {
  for (int i = 0; i < 1251; ++i) Write(absl::StrCat("BraTS21/C", 10000 + i, "/C", 10000 + i, "_t1.nii.gz"));
  ASSERT_OK_AND_ASSIGN(const ScanList list, ScanSource("brains-45k"));
  EXPECT_EQ(list.files.size(), 938u);
  EXPECT_EQ(Rule(list, "BraTS21/C10009/C10009_t1.nii.gz"), "BraTS21: in the test part of the reference's split");
  EXPECT_EQ(Rule(list, "BraTS21/C10008/C10008_t1.nii.gz"), "(not skipped)");
  EXPECT_EQ(Finding(list, "BraTS21").difference, "2814 fewer");
  EXPECT_EQ(Finding(list, "OASIS3").difference, "missing");
}

TEST_F(SourceTest, FomoIsCountedBySubjectsToo) {
  Write({"sub_1/ses_1/t1.nii.gz", "sub_2/ses_1/t1.nii.gz"});
  ASSERT_OK_AND_ASSIGN(const ScanList list, ScanSource("fomo-60k"));
  EXPECT_EQ(list.files[0].subject, "FOMO60K/sub_1");
  EXPECT_EQ(list.files[0].collection, "FOMO60K");
  EXPECT_THAT(list.findings[0].difference, HasSubstr("60527 fewer; 2 subjects in 2 sessions, 11187 in 13900 expected"));
}

TEST_F(SourceTest, OpenMindByItsTableOrByNnssl) {
  Write({"OpenMind/ds000001/sub-01/anat/sub-01_T1w.nii.gz",
         "OpenMind/ds000001/sub-01/anat/sub-01_T1w__Data/fb_mask.nii.gz",
         "OpenMind/ds000002/sub-01/ses-a/anat/sub-01_ses-a_T2w.nii.gz"});
  Write(
      "openneuro_metadata.csv",
      "unique_id,image_path,modality,anon_mask_path,anat_mask_path,age,sex,manufacturer,echo_time,image_quality_score\n"
      "1,ds000001/sub-01/anat/sub-01_T1w.nii.gz,T1w,,ds000001/sub-01/anat/sub-01_T1w__Data/"
      "fb_mask.nii.gz,23,F,GE,0.003,2\n"
      "2,ds000002/sub-01/ses-a/anat/sub-01_ses-a_T2w.nii.gz,T2w,,,,,,,\n");
  ASSERT_OK_AND_ASSIGN(const ScanList list, ScanSource("openmind"));
  ASSERT_EQ(list.files.size(), 2u);
  EXPECT_EQ(list.files[0].subject, "ds000001/sub-01");
  EXPECT_EQ(list.files[0].collection, "ds000001");
  EXPECT_EQ(list.files[0].companions[0].role, "anatomy_mask");
  EXPECT_EQ(list.files[0].info.at("echo_time_ms"), "3");
  EXPECT_EQ(list.files[0].info.at("quality"), "2");
  EXPECT_EQ(list.files[1].session, "ses-a");
  EXPECT_THAT(list.findings[0].difference, HasSubstr("113998 fewer; 2 data sets of OpenNeuro, 800 expected"));
  std::filesystem::remove(root() / "openneuro_metadata.csv");
  EXPECT_THAT(ScanSource("openmind"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("pretrain_data.json")));
}

TEST(MakeSource, UnknownNameListsTheKnownOnes) {
  EXPECT_THAT(MakeSource("brains"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("known: brains-45k, fomo-60k, openmind")));
}

}  // namespace
}  // namespace amaes
