#include "libs/dataset/layout/bids_sidecars.h"
#include "libs/dataset/layout/facts.h"
#include "tests/unit/dataset/layout_fixture.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

using BidsLayoutTest = LayoutTest;

TEST_F(BidsLayoutTest, ReadsSubjectSessionModalityByTheTree) {
  Write("dataset_description.json", R"({"BIDSVersion": "1.8.0"})");
  Write({"sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz", "sub-01/ses-1/anat/sub-01_ses-1_ce-gadolinium_T1w.nii.gz",
         "sub-01/ses-1/dwi/sub-01_ses-1_dwi.nii.gz", "sub-01/ses-1/dwi/sub-01_ses-1_dwi.bval",
         "sub-02/anat/sub-02_FLAIR.nii", "sub-02/perf/sub-02_asl.nii.gz", "sub-02/swi/sub-02_swi.nii.gz",
         "sub-02/func/sub-02_task-rest_bold.nii.gz"});
  ASSERT_OK_AND_ASSIGN(const ScanList list, Scan("auto"));
  EXPECT_EQ(list.layout, "bids");
  std::vector<std::string> found;
  for (const ScanFile& f : list.files) found.push_back(absl::StrCat(f.subject, " ", f.session, " ", f.modality));
  EXPECT_THAT(found, UnorderedElementsAre("sub-01 ses-1 T1w", "sub-01 ses-1 T1w-Gd", "sub-01 ses-1 DWI",
                                          "sub-02  FLAIR", "sub-02  BOLD", "sub-02  ASL", "sub-02  SWI"));
}

TEST_F(BidsLayoutTest, SaysWhyTheRestIsNoScan) {
  Write({"sub-01/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_T1w_label-GM_probseg.nii.gz",
         "sub-01/anat/sub-01_dseg.nii.gz", "sub-01/anat/sub-01_desc-brain_T1w.nii.gz", "sub-01/anat/sub-01_T1w.hdr",
         "sub-01/anat/sub-01_T1w.img", "sub-01/fmap/sub-01_phasediff.nii.gz", "sub-01/anat/deep/x_T1w.nii.gz",
         "sub-01/sub-01_T1w.nii.gz", "derivatives/fs/sub-01/anat/sub-01_T1w.nii.gz", "sourcedata/a.nii.gz",
         "template.nii.gz", "README"});
  ASSERT_OK_AND_ASSIGN(const ScanList list, Scan("bids"));
  EXPECT_THAT(Sources(list), ElementsAre("sub-01/anat/sub-01_T1w.nii.gz"));
  EXPECT_THAT(Rule(list, "sub-01/anat/sub-01_dseg.nii.gz"), HasSubstr("label by its suffix: dseg"));
  EXPECT_THAT(Rule(list, "sub-01/anat/sub-01_T1w_label-GM_probseg.nii.gz"), HasSubstr("label"));
  EXPECT_THAT(Rule(list, "sub-01/anat/sub-01_desc-brain_T1w.nii.gz"), HasSubstr("derivative by its name"));
  EXPECT_THAT(Rule(list, "sub-01/anat/sub-01_T1w.hdr"), HasSubstr(".hdr/.img is not read"));
  EXPECT_THAT(Rule(list, "sub-01/fmap/sub-01_phasediff.nii.gz"), HasSubstr("fmap is not read"));
  EXPECT_THAT(Rule(list, "sub-01/sub-01_T1w.nii.gz"), HasSubstr("no data type folder"));
  EXPECT_THAT(Rule(list, "derivatives/fs/sub-01/anat/sub-01_T1w.nii.gz"), HasSubstr("folder derivatives"));
  EXPECT_THAT(Rule(list, "sourcedata/a.nii.gz"), HasSubstr("folder sourcedata"));
  EXPECT_THAT(Rule(list, "template.nii.gz"), HasSubstr("beside the subjects"));
}

// The nearest sidecar wins; one whose entities the scan lacks does not apply; seconds become milliseconds.
TEST_F(BidsLayoutTest, SidecarsAreInherited) {
  const std::string scan = "sub-01/ses-1/anat/sub-01_ses-1_acq-hi_T1w.nii.gz";
  Write(scan);
  Write("sub-01/ses-1/anat/sub-01_ses-1_T2w.nii.gz");
  Write("T1w.json", R"({"Manufacturer": "Siemens", "MagneticFieldStrength": 3, "EchoTime": 0.00456})");
  Write("acq-lo_T1w.json", R"({"Manufacturer": "GE"})");
  Write("sub-01/sub-01_T1w.json", R"({"ManufacturersModelName": "Prisma", "MagneticFieldStrength": 1.5})");
  Write("sub-01/ses-1/anat/sub-01_ses-1_acq-hi_T1w.json", R"({"RepetitionTime": 2.3, "MagneticFieldStrength": 7})");
  Write("participants.tsv", "participant_id\tage\tsex\nsub-01\t34.5\tfemale\nsub-02\tn/a\tM\n");
  Write("sub-01/sub-01_sessions.tsv", "session_id\tage\nses-1\t35\n");
  Write("sub-01/ses-1/sub-01_ses-1_scans.tsv", "filename\tquality\nanat/sub-01_ses-1_acq-hi_T1w.nii.gz\tgood\n");
  ASSERT_OK_AND_ASSIGN(const ScanList list, Scan("bids"));
  EXPECT_THAT(Find(list, scan).info, UnorderedElementsAre(Pair("manufacturer", "Siemens"), Pair("scanner", "Prisma"),
                                                          Pair("field_strength_t", "7"), Pair("echo_time_ms", "4.56"),
                                                          Pair("repetition_time_ms", "2300"), Pair("age_years", "35"),
                                                          Pair("sex", "F"), Pair("quality", "good")));
  EXPECT_THAT(Find(list, "sub-01/ses-1/anat/sub-01_ses-1_T2w.nii.gz").info,
              UnorderedElementsAre(Pair("age_years", "35"), Pair("sex", "F")));
}

TEST_F(BidsLayoutTest, DamagedTextsAreNamedAndTheScansStay) {
  Write("sub-01/anat/sub-01_T1w.nii.gz");
  Write("sub-01/anat/sub-01_T1w.json", "{\"EchoTime\": ");
  Write("participants.tsv", "who\tage\nsub-01\t3\n");
  ASSERT_OK_AND_ASSIGN(const ScanList list, Scan("bids"));
  EXPECT_EQ(list.files.size(), 1u);
  EXPECT_THAT(Rule(list, "sub-01/anat/sub-01_T1w.json"), HasSubstr("facts are missing: not JSON"));
  EXPECT_THAT(Rule(list, "participants.tsv"), HasSubstr("no column participant_id"));
}

TEST_F(BidsLayoutTest, ATreeWithoutScansIsRefused) {
  Write("sub-01/fmap/sub-01_phasediff.nii.gz");
  EXPECT_THAT(Scan("bids"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("fmap is not read")));
}

TEST(Facts, AreCleaned) {
  ScanInfo info;
  PutFact(info, "age_years", "034Y");
  PutFact(info, "sex", "m");
  PutFact(info, "field_strength_t", "15000");
  PutFact(info, "manufacturer", std::string("  Sie\nmens\xff ") + std::string(300, 'x'));
  PutFact(info, "scanner", "n/a");
  PutFact(info, "echo_time_ms", "nan");
  EXPECT_EQ(info["age_years"], "34");
  EXPECT_EQ(info["sex"], "M");
  EXPECT_EQ(info["field_strength_t"], "1.5");
  EXPECT_THAT(info["manufacturer"], ::testing::StartsWith("Sie mens?"));
  EXPECT_LE(info["manufacturer"].size(), 120u);
  EXPECT_EQ(info.size(), 4u);
  for (const auto& [text, years] : std::map<std::string, std::string>{
           {"89+", "89"}, {"18-24", "21"}, {"18M", "1.5"}, {"7", "7"}, {"-3", ""}, {"old", ""}, {"400", ""}}) {
    ScanInfo one;
    PutFact(one, "age_years", text);
    EXPECT_EQ(one["age_years"], years) << text;
  }
}

TEST(BidsName, PartsAreEntitiesAndASuffix) {
  const BidsName name = ParseBidsName("sub-01_acq-x_T1w");
  EXPECT_THAT(name.entities, UnorderedElementsAre("sub-01", "acq-x"));
  EXPECT_EQ(name.suffix, "T1w");
  EXPECT_EQ(ParseBidsName("sub-01_acq-x").suffix, "");
  EXPECT_EQ(ParseBidsName("").suffix, "");
}

}  // namespace
}  // namespace amaes
