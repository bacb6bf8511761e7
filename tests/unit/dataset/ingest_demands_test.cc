// A source through an ingest: its demands on voxels, its findings in the report.
#include "tests/unit/dataset/ingest_fixture.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

using IngestDemandsTest = IngestFixture;

std::string Adni(const std::string& image) {
  return absl::StrCat("ADNI/002_S_0295/MPRAGE/2006-04-18_08_20_30.0/", image, "/scan.nii");
}

TEST_F(IngestDemandsTest, CollectionsOfBrains45k) {
  Write(Adni("I1"), Scan(1));
  WriteFrames(Adni("I2"), {Scan(2), Scan(3)});
  Volume negative = Scan(4);
  negative.voxels[7] = -1;
  Write(Adni("I3"), negative);
  PhantomOptions small;
  small.shape = {14, 20, 20};
  small.spacing_mm = 2;
  Write(Adni("I4"), MakePhantom(5, small).images[0]);
  // Another collection demands nothing of this.
  Write("MSSEG1/training/Center_01/Patient_01/Preprocessed_Data/T1_preprocessed.nii.gz", negative);
  IngestOptions options = Options();
  options.source = "brains-45k";
  ASSERT_OK_AND_ASSIGN(const IngestResult result, Ingest(options));
  std::vector<std::string> collections;
  for (const CatalogueEntry& entry : result.version.entries) collections.push_back(entry.collection);
  EXPECT_THAT(collections, UnorderedElementsAre("ADNI", "MSSEG1"));
  std::vector<std::string> reasons;
  for (const auto& item : result.report.quarantined) reasons.push_back(item.source + " " + item.reason);
  EXPECT_THAT(reasons, UnorderedElementsAre(AllOf(HasSubstr("I2"), HasSubstr("4D file of 2 volumes")),
                                            AllOf(HasSubstr("I3"), HasSubstr("negative voxels")),
                                            AllOf(HasSubstr("I4"), HasSubstr("at least 15 along every axis"))));
  EXPECT_THAT(result.report.findings, Contains(HasSubstr("OASIS3: 0 scans, number not known: missing")));
  EXPECT_THAT(result.report.findings, Contains(HasSubstr("MSSEG1: 1 scan in MSSEG1, 75 expected (derived): 74 fewer")));
}

}  // namespace
}  // namespace amaes
