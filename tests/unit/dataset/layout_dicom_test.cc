// DICOM folders and preprocessed arrays.
#include <sys/stat.h>

#include "libs/dataset/dicom_convert.h"
#include "libs/dataset/dicom_header.h"
#include "libs/dataset/layout/npy_layout.h"
#include "tests/unit/dataset/dicom_bytes.h"
#include "tests/unit/dataset/layout_fixture.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

using DicomLayoutTest = LayoutTest;
using DicomConvertTest = LayoutTest;
using NpyLayoutTest = LayoutTest;

TEST(DicomHeader, ReadsExplicitAndImplicitFiles) {
  for (const bool implicit : {false, true}) {
    DicomSlice slice;
    slice.implicit = implicit;
    slice.patient = "P7 ";
    const DicomHeader header = ParseDicomHeader(DicomBytes(slice));
    EXPECT_EQ(header.patient, "P7");
    EXPECT_EQ(header.modality, "MR");
    EXPECT_EQ(header.series_description, "T1 mprage");
    EXPECT_EQ(header.manufacturer, "SIEMENS");
    EXPECT_EQ(header.study_date, "20200102");
    EXPECT_EQ(header.series_uid, slice.series_uid);
    EXPECT_EQ(header.echo_time_ms, "3.5");
    EXPECT_EQ(header.age, "034Y");
  }
}

TEST(DicomHeader, SurvivesEveryCut) {
  const std::string bytes = DicomBytes({});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::string cut = bytes.substr(0, size);
    EXPECT_EQ(IsDicom(cut), size >= 132);
    ParseDicomHeader(cut);
  }
  EXPECT_EQ(ParseDicomHeader("no dicom").patient, "");
}

TEST_F(DicomLayoutTest, OneScanPerSeries) {
  for (int i = 0; i < 3; ++i) Write(absl::StrCat("pat1/t1/IM", i), DicomBytes({.instance = i}));
  DicomSlice flair{.series_uid = "1.2.3.9", .description = "t2_tirm FLAIR"};
  Write("pat1/mixed/a.dcm", DicomBytes(flair));
  Write("pat1/mixed/b.dcm", DicomBytes({.series_uid = "1.2.3.8"}));
  Write("pat1/ct/a.dcm", DicomBytes({.modality = "CT"}));
  Write("pat1/notes.txt", "hello");
  ASSERT_OK_AND_ASSIGN(const ScanList list, Scan("auto"));
  EXPECT_EQ(list.layout, "dicom");
  EXPECT_THAT(Sources(list), ElementsAre("pat1/mixed/1.2.3.8", "pat1/mixed/1.2.3.9", "pat1/t1"));
  const ScanFile& t1 = list.files[2];
  EXPECT_TRUE(t1.dicom);
  EXPECT_EQ(t1.path, root() / "pat1/t1");
  EXPECT_EQ(t1.member, "1.2.3.4");
  EXPECT_EQ(t1.subject, "P1");
  EXPECT_EQ(t1.session, "20200102");
  EXPECT_EQ(t1.modality, "T1w");
  EXPECT_THAT(t1.info,
              ::testing::IsSupersetOf({Pair("manufacturer", "SIEMENS"), Pair("field_strength_t", "3"),
                                       Pair("echo_time_ms", "3.5"), Pair("age_years", "34"), Pair("sex", "F")}));
  EXPECT_EQ(list.files[1].modality, "FLAIR");
  EXPECT_THAT(Rule(list, "pat1/ct/a.dcm"), HasSubstr("modality CT, not MR"));
  EXPECT_THAT(Rule(list, "pat1/notes.txt"), HasSubstr("not a DICOM file"));
}

TEST_F(DicomLayoutTest, FieldsBehindALongHeaderAreFound) {
  Write("a/1.dcm", DicomBytes({.padding = 20000}));
  Write("b/1.dcm", DicomBytes({.padding = 200000}));
  ASSERT_OK_AND_ASSIGN(const ScanList list, Scan("dicom"));
  EXPECT_EQ(Find(list, "a").subject, "P1");
  EXPECT_EQ(Find(list, "a").member, "1.2.3.4");
  // Too far behind to be looked for: the folder's name has to do, and the whole folder is one series.
  EXPECT_EQ(Find(list, "b").subject, "b");
  EXPECT_EQ(Find(list, "b").member, "");
}

// dcm2niix itself, on slices written here.
TEST_F(DicomConvertTest, Dcm2niixMakesAVolume) {
  for (int i = 0; i < 6; ++i) {
    Write(absl::StrCat("in/", i, ".dcm"), DicomBytes({.instance = i}));
    Write(absl::StrCat("in/other", i, ".dcm"), DicomBytes({.series_uid = "1.2.3.5", .instance = i}));
  }
  ASSERT_OK_AND_ASSIGN(const std::filesystem::path program, FindDcm2niix("/nowhere:/usr/local/bin:/usr/bin"));
  ASSERT_OK(files::MakeFolders(root() / "work"));
  ASSERT_OK_AND_ASSIGN(const DicomVolume volume,
                       ConvertDicomSeries(program, root() / "in", "1.2.3.4", root() / "work", absl::Minutes(1)));
  ASSERT_OK_AND_ASSIGN(const std::string nifti, files::Read(volume.volume));
  EXPECT_EQ(volume.volume.extension(), ".nii");
  EXPECT_THAT(volume.others, ElementsAre());
  // 16 × 16 × 6 voxels of two bytes behind a header of 352.
  EXPECT_EQ(nifti.size(), 352u + 16 * 16 * 6 * 2);
  EXPECT_EQ(nifti[42], 16);
  EXPECT_EQ(nifti[46], 6);
}

TEST_F(DicomConvertTest, WhatIsNotInstalledOrNotThereIsNamed) {
  EXPECT_THAT(FindDcm2niix("/nowhere::relative"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("apt-get install dcm2niix")));
  Write("in/a.dcm", DicomBytes({}));
  ASSERT_OK(files::MakeFolders(root() / "work"));
  EXPECT_THAT(ConvertDicomSeries("/usr/bin/dcm2niix", root() / "in", "9.9", root() / "work", absl::Minutes(1)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no file of this DICOM series")));
  EXPECT_THAT(ConvertDicomSeries(root() / "none", root() / "in", "1.2.3.4", root() / "work", absl::Minutes(1)),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

class FakeDcm2niixTest : public LayoutTest {
 protected:
  absl::StatusOr<DicomVolume> Convert(const std::string& script, absl::Duration limit = absl::Minutes(1)) {
    Write("in/a.dcm", DicomBytes({}));
    Write("dcm2niix", absl::StrCat("#!/bin/sh\n", script));
    std::filesystem::permissions(root() / "dcm2niix", std::filesystem::perms::owner_all);
    std::filesystem::remove_all(root() / "work");
    EXPECT_OK(files::MakeFolders(root() / "work"));
    return ConvertDicomSeries(root() / "dcm2niix", root() / "in", "1.2.3.4", root() / "work", limit);
  }
};

TEST_F(FakeDcm2niixTest, ThePlainVolumeIsTaken) {
  // The output folder is the argument behind -o.
  const std::string find = "while [ \"$1\" != -o ]; do shift; done\n";
  ASSERT_OK_AND_ASSIGN(
      const DicomVolume volume,
      Convert(find + "for f in volume_ph volume_e2 volume_e1 volume_ROI1; do echo > \"$2/$f.nii\"; done\n"));
  EXPECT_EQ(volume.volume.filename(), "volume_e1.nii");
  EXPECT_THAT(volume.others, UnorderedElementsAre("volume_e2.nii", "volume_ph.nii", "volume_ROI1.nii"));
}

TEST_F(FakeDcm2niixTest, FailuresAreToldInItsWords) {
  EXPECT_THAT(Convert("echo 'Error: slices of unequal size'; exit 3\n"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       ::testing::AllOf(HasSubstr("exit code 3"), HasSubstr("Error: slices of unequal size"))));
  EXPECT_THAT(Convert("kill -9 $$\n"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("killed by signal 9")));
  EXPECT_THAT(Convert("exit 0\n"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("it made no volume")));
}

// A pipe that nobody writes to: the script would wait for ever.
TEST_F(FakeDcm2niixTest, ItsTimeIsLimited) {
  Write("x");
  ASSERT_EQ(mkfifo((root() / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(Convert(absl::StrCat("read line < ", (root() / "pipe").string(), "\n"), absl::Milliseconds(50)),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("took longer than 50ms")));
}

TEST_F(NpyLayoutTest, ArraysOfThreeConventions) {
  Write({"sub_1_ses_2_t1.npy", "sub_1_ses_2_t1.pkl", "sub-3_ses-1_FLAIR.npy",
         "PPMI_#_3102_#_T1-anatomical_#_20110301_#_I1_#_x_000.npy", "BRATS_001.b2nd", "BRATS_001.pkl",
         "BRATS_001_seg.b2nd", "lonely.pkl", "packed.npz", "nnUNetPlans.json"});
  ASSERT_OK_AND_ASSIGN(const ScanList list, Scan("auto"));
  EXPECT_EQ(list.layout, "npy");
  std::vector<std::string> found;
  for (const ScanFile& f : list.files) {
    EXPECT_TRUE(f.preprocessed);
    found.push_back(absl::StrCat(f.collection, "|", f.subject, "|", f.session, "|", f.modality));
  }
  EXPECT_THAT(found, ElementsAre("|BRATS_001||unknown", "PPMI|PPMI/3102|20110301|T1w", "|sub-3|ses-1|FLAIR",
                                 "|sub_1|ses_2|T1w"));
  EXPECT_THAT(Rule(list, "BRATS_001_seg.b2nd"), HasSubstr("label"));
  EXPECT_THAT(Rule(list, "lonely.pkl"), HasSubstr("without an array"));
  EXPECT_THAT(Rule(list, "packed.npz"), HasSubstr("unpack"));
}

TEST(Recognise, AutoFallsBackToFolder) {
  TempDir folder;
  ASSERT_OK(files::WriteAtomic(folder.path() / "a_T1w.nii.gz", ""));
  const auto all = RecogniseLayouts(folder.path());
  ASSERT_EQ(all.size(), 9u);
  EXPECT_EQ(all[0].first, "folder");
  EXPECT_EQ(all[1].second.certainty, 0);
  ASSERT_OK_AND_ASSIGN(const ScanList list, (*MakeLayout("auto"))->Scan(folder.path()));
  EXPECT_EQ(list.layout, "folder");
  EXPECT_THAT((*MakeLayout("auto"))->Scan(folder.path() / "none"), StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace amaes
