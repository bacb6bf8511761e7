// One scan, as the child of an ingest treats it.
#include "libs/dataset/ingest_process.h"

#include <cstring>
#include <limits>

#include "libs/volume/stored_volume.h"
#include "tests/unit/dataset/ingest_fixture.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using Outcome = ReadAnswer::Outcome;

class IngestProcessTest : public IngestFixture {
 protected:
  ReadRequest Request(const std::string& source) {
    ReadRequest request;
    request.path = from() / source;
    request.volumes = volumes();
    return request;
  }

  // A whole-number label map on the scan's grid.
  static Volume Labels(const Volume& scan) {
    Volume labels = scan;
    for (float& voxel : labels.voxels) voxel = voxel > 0.3F ? 7.0F : voxel > 0 ? 2.0F : 0.0F;
    return labels;
  }
};

TEST_F(IngestProcessTest, FactsOfTheFileAreInTheEntry) {
  Volume scan = Scan(0);
  scan.affine[0] = -scan.affine[0];
  Write("scan.nii.gz", scan);
  const ReadAnswer answer = ProcessScan(Request("scan.nii.gz"));
  ASSERT_EQ(answer.outcome, Outcome::kVolume) << answer.reason;
  EXPECT_EQ(answer.entry.datatype, "float32");
  EXPECT_EQ(answer.entry.orientation, "LAS");
  EXPECT_FLOAT_EQ(static_cast<float>(answer.entry.source_maximum),
                  *std::max_element(scan.voxels.begin(), scan.voxels.end()));
  EXPECT_EQ(answer.entry.source_minimum, 0);
  EXPECT_THAT(answer.entry.flags, IsEmpty());
  EXPECT_FALSE(answer.reused);
  EXPECT_TRUE(ProcessScan(Request("scan.nii.gz")).reused);
}

TEST_F(IngestProcessTest, FramesAreReadOneByOneOrRefused) {
  WriteFrames("bold.nii", {Scan(0), Scan(1), Scan(2)});
  ReadRequest request = Request("bold.nii");
  const ReadAnswer first = ProcessScan(request);
  ASSERT_EQ(first.outcome, Outcome::kVolume) << first.reason;
  EXPECT_EQ(first.entry.frames, 3);
  EXPECT_THAT(first.entry.flags, ElementsAre("4d"));
  request.frame = 2;
  const ReadAnswer third = ProcessScan(request);
  EXPECT_EQ(third.entry.frame, 2);
  Write("third.nii.gz", Scan(2));
  EXPECT_EQ(third.entry.voxel_digest, ProcessScan(Request("third.nii.gz")).entry.voxel_digest);
  request.refuse_frames = true;
  const ReadAnswer refused = ProcessScan(request);
  EXPECT_EQ(refused.outcome, Outcome::kRefused);
  EXPECT_THAT(refused.reason, HasSubstr("4D file of 3 volumes"));
}

TEST_F(IngestProcessTest, NonFiniteVoxelsAreRepairedOrRefused) {
  Volume scan = Scan(0);
  scan.at(1, 1, 1) = std::numeric_limits<float>::quiet_NaN();
  scan.at(2, 1, 1) = std::numeric_limits<float>::infinity();
  Write("scan.nii.gz", scan);
  ReadRequest request = Request("scan.nii.gz");
  const ReadAnswer repaired = ProcessScan(request);
  EXPECT_EQ(repaired.outcome, Outcome::kVolume);
  EXPECT_EQ(repaired.entry.nonfinite_voxels, 2);
  EXPECT_THAT(repaired.entry.flags, ElementsAre("nonfinite"));
  request.refuse_nonfinite = true;
  EXPECT_EQ(ProcessScan(request).outcome, Outcome::kRefused);
  EXPECT_THAT(ProcessScan(request).reason, HasSubstr("2 voxels are NaN or infinite"));
}

TEST_F(IngestProcessTest, DemandsOfACollectionAreMetOrNamed) {
  Volume scan = Scan(0);
  scan.at(0, 0, 0) = -3;
  Write("scan.nii.gz", scan);
  ReadRequest request = Request("scan.nii.gz");
  request.demands.min_voxels_per_axis = 20;
  EXPECT_EQ(ProcessScan(request).outcome, Outcome::kVolume);
  EXPECT_THAT(ProcessScan(request).entry.flags, ElementsAre("negative"));
  request.demands.min_voxels_per_axis = 21;
  EXPECT_THAT(ProcessScan(request).reason, HasSubstr("only 20x24x20 voxels: its collection demands at least 21"));
  request.demands = {0, true};
  EXPECT_EQ(ProcessScan(request).outcome, Outcome::kRefused);
  EXPECT_THAT(ProcessScan(request).reason, HasSubstr("negative voxels (smallest -3)"));
}

TEST_F(IngestProcessTest, CompanionsAreStoredOnTheGridOfTheirVolume) {
  const Volume scan = Scan(0);
  Write("scan.nii.gz", scan);
  Write("label.nii.gz", Labels(scan));
  ReadRequest request = Request("scan.nii.gz");
  request.companions = {{"label", from() / "label.nii.gz"}};
  const ReadAnswer answer = ProcessScan(request);
  ASSERT_EQ(answer.outcome, Outcome::kVolume) << answer.reason;
  EXPECT_THAT(answer.companions, IsEmpty());
  ASSERT_THAT(answer.entry.companions, SizeIs(1));
  const Companion& label = answer.entry.companions[0];
  EXPECT_EQ(label.role, "label");
  ASSERT_OK_AND_ASSIGN(const auto stored,
                       StoredVolume::Open(VolumePath(volumes(), label.volume), label.chunk_checksums));
  EXPECT_EQ(stored->shape(), answer.entry.shape);
  std::vector<float> voxels(VoxelCount(stored->shape()));
  ASSERT_OK(stored->ReadBox({0, 0, 0}, stored->shape(), absl::MakeSpan(voxels)));
  EXPECT_EQ(std::count(voxels.begin(), voxels.end(), 0.0F) + std::count(voxels.begin(), voxels.end(), 2.0F) +
                std::count(voxels.begin(), voxels.end(), 7.0F),
            static_cast<std::int64_t>(voxels.size()));
  EXPECT_GT(std::count(voxels.begin(), voxels.end(), 7.0F), 0);
  const auto counted = [&](float value) { return LabelValue{value, std::count(voxels.begin(), voxels.end(), value)}; };
  EXPECT_THAT(label.values, ElementsAre(counted(0), counted(7)));
  EXPECT_EQ(answer.entry.affine, stored->affine());
  // A second read finds both again.
  const ReadAnswer again = ProcessScan(request);
  EXPECT_TRUE(again.reused);
  EXPECT_EQ(again.entry.companions, answer.entry.companions);
}

TEST_F(IngestProcessTest, ACompanionThatDoesNotFitIsNamedAndItsVolumeTaken) {
  const Volume scan = Scan(0);
  Write("scan.nii.gz", scan);
  Volume moved = Labels(scan);
  moved.affine[3] += 5;
  Write("moved.nii.gz", moved);
  ReadRequest request = Request("scan.nii.gz");
  request.companions = {{"label", from() / "moved.nii.gz"}, {"anatomy_mask", from() / "none.nii.gz"}};
  const ReadAnswer answer = ProcessScan(request);
  EXPECT_EQ(answer.outcome, Outcome::kVolume);
  EXPECT_THAT(answer.entry.companions, IsEmpty());
  EXPECT_THAT(answer.companions, ElementsAre(Pair("label", HasSubstr("does not lie on the volume's grid")),
                                             Pair("anatomy_mask", HasSubstr("the file"))));
}

TEST_F(IngestProcessTest, ExcludedVoxelsAreNotStoredAgain) {
  Write("scan.nii.gz", Scan(0));
  ReadRequest request = Request("scan.nii.gz");
  const CatalogueEntry entry = ProcessScan(request).entry;
  std::filesystem::remove_all(volumes());
  request.exclusions = folder_.path() / "exclusions";
  ASSERT_OK(files::WriteAtomic(request.exclusions, entry.voxel_digest + " moved too much\n"));
  const ReadAnswer answer = ProcessScan(request);
  EXPECT_EQ(answer.outcome, Outcome::kExcluded);
  EXPECT_EQ(answer.reason, "moved too much");
  EXPECT_FALSE(std::filesystem::exists(volumes()));
}

TEST_F(IngestProcessTest, RequestsAndAnswersComeBackAsTheyWere) {
  ReadRequest request = Request("scan.nii.gz");
  request.index = 7;
  request.stamp = "ab";
  request.member = "a/b.nii";
  request.dicom = request.preprocessed = request.refuse_frames = request.refuse_nonfinite = true;
  request.frame = 3;
  request.demands = {20, true};
  request.companions = {{"label", "/l.nii"}};
  request.exclusions = "/e";
  request.contract.spacing_mm = {0, 1, 2};
  request.threads = 5;
  ASSERT_OK_AND_ASSIGN(const ReadRequest read, ParseRequest(RequestJson(request)));
  EXPECT_EQ(RequestJson(read), RequestJson(request));
  EXPECT_EQ(read.companions[0].path, "/l.nii");
  EXPECT_EQ(read.demands, request.demands);
  EXPECT_EQ(read.contract, request.contract);
  ReadAnswer answer;
  answer.outcome = Outcome::kExcluded;
  answer.reason = "r";
  answer.companions = {{"label", "none"}};
  ASSERT_OK_AND_ASSIGN(const ReadAnswer back, ParseAnswer(AnswerJson(answer)));
  EXPECT_EQ(AnswerJson(back), AnswerJson(answer));
}

TEST(VolumeFlags, SayWhatIsUnusual) {
  NiftiVolume scan;
  scan.volume.shape = {64, 64, 64};
  EXPECT_THAT(VolumeFlags(scan, 0.5), IsEmpty());
  scan.volume.shape = {64, 64, 15};
  scan.volume.spacing = {1, 1, 3.1};
  scan.volume.affine[1] = 0.2;  // the second axis, 11 degrees off
  EXPECT_THAT(VolumeFlags(scan, 0.04), ElementsAre("anisotropic", "few-slices", "mostly-background", "oblique"));
}

}  // namespace
}  // namespace amaes
