// Scans that are no file by themselves, and arrays that somebody else prepared.
#include "libs/dataset/ingest_source.h"

#include <zip.h>

#include <cstring>

#include "absl/strings/str_format.h"
#include "libs/dataset/ingest_plan.h"
#include "libs/dataset/ingest_process.h"
#include "tests/unit/dataset/dicom_bytes.h"
#include "tests/unit/dataset/ingest_fixture.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Outcome = ReadAnswer::Outcome;

class IngestSourceTest : public IngestFixture {
 protected:
  void SetUp() override {
    ASSERT_OK(files::MakeFolders(from()));
    ASSERT_OK(files::MakeFolders(volumes()));
  }

  ReadRequest Request(const std::string& source) {
    ReadRequest request;
    request.path = from() / source;
    request.volumes = volumes();
    return request;
  }

  void WriteZip(const std::string& name, const std::string& member, const std::string& content) {
    int error = 0;
    zip_t* archive = zip_open((from() / name).c_str(), ZIP_CREATE | ZIP_TRUNCATE, &error);
    ASSERT_NE(archive, nullptr);
    zip_source_t* source = zip_source_buffer(archive, content.data(), content.size(), 0);
    ASSERT_GE(zip_file_add(archive, member.c_str(), source, ZIP_FL_ENC_UTF_8), 0);
    ASSERT_EQ(zip_close(archive), 0);
  }

  // A float32 array in C order, as NumPy writes it.
  void WriteNpy(const std::string& name, const Volume& volume) {
    std::string head = absl::StrFormat("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d, %d), }",
                                       volume.shape[0], volume.shape[1], volume.shape[2]);
    head.resize(118 - 1, ' ');
    head += '\n';
    std::string bytes = std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(head.size()) + '\0' + head;
    bytes.append(reinterpret_cast<const char*>(volume.voxels.data()), volume.voxels.size() * sizeof(float));
    ASSERT_OK(files::WriteAtomic(from() / name, bytes));
  }

  std::vector<std::string> Scratch() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(volumes())) {
      if (entry.path().string().find(".tmp-") != std::string::npos) names.push_back(entry.path().string());
    }
    return names;
  }
};

TEST_F(IngestSourceTest, AMemberOfAnArchiveIsTheFileItWas) {
  Write("scan.nii.gz", Scan(0));
  ASSERT_OK_AND_ASSIGN(const std::string content, files::Read(from() / "scan.nii.gz"));
  WriteZip("sub-0.zip", "sub-0/anat/scan.nii.gz", content);
  ReadRequest request = Request("sub-0.zip");
  request.member = "sub-0/anat/scan.nii.gz";
  ASSERT_OK_AND_ASSIGN(const NiftiInfo info, InspectSource(request));
  EXPECT_EQ(info.shape, (Shape3{20, 24, 20}));
  EXPECT_EQ(ProcessScan(request).entry.voxel_digest, ProcessScan(Request("scan.nii.gz")).entry.voxel_digest);
  WriteZip("broken.zip", "scan.nii", "no scan");
  request = Request("broken.zip");
  request.member = "scan.nii";
  const ReadAnswer refused = ProcessScan(request);
  EXPECT_EQ(refused.outcome, Outcome::kRefused);
  EXPECT_THAT(refused.reason, HasSubstr("not a NIfTI file"));
  request.member = "none.nii";
  EXPECT_EQ(ProcessScan(request).outcome, Outcome::kRefused);
  EXPECT_THAT(Scratch(), IsEmpty());
}

TEST_F(IngestSourceTest, ADicomSeriesIsOneScan) {
  constexpr int kSlices = 20;
  for (int i = 0; i < kSlices; ++i) {
    DicomSlice slice;
    slice.instance = i;
    ASSERT_OK(files::MakeFolders(from() / "series"));
    ASSERT_OK(files::WriteAtomic(from() / "series" / absl::StrCat(i, ".dcm"), DicomBytes(slice)));
  }
  ReadRequest request = Request("series");
  request.dicom = true;
  request.member = "1.2.3.4";
  EXPECT_THAT(InspectSource(request), StatusIs(absl::StatusCode::kFailedPrecondition));
  const ReadAnswer answer = ProcessScan(request);
  ASSERT_EQ(answer.outcome, Outcome::kVolume) << answer.reason;
  EXPECT_EQ(answer.entry.source_shape, (Shape3{16, 16, kSlices}));
  request.member = "9.9.9";
  EXPECT_EQ(ProcessScan(request).outcome, Outcome::kRefused);
  EXPECT_THAT(Scratch(), IsEmpty());
}

TEST_F(IngestSourceTest, APreparedArrayIsStoredAsItIsWhenItIsWhatTheContractMakes) {
  Volume prepared = *ApplyContract(Scan(0), Contract());
  WriteNpy("sub_0_ses_1_T1w.npy", prepared);
  ReadRequest request = Request("sub_0_ses_1_T1w.npy");
  request.preprocessed = true;
  const ReadAnswer answer = ProcessScan(request);
  ASSERT_EQ(answer.outcome, Outcome::kVolume) << answer.reason;
  EXPECT_EQ(answer.entry.shape, prepared.shape);
  double sum = 0;
  for (const float voxel : prepared.voxels) sum += voxel;
  EXPECT_NEAR(answer.entry.mean, sum / static_cast<double>(prepared.voxels.size()), 1e-5);
  prepared.voxels[7] = 1.5F;
  WriteNpy("wrong.npy", prepared);
  request.path = from() / "wrong.npy";
  EXPECT_EQ(ProcessScan(request).outcome, Outcome::kRefused);
  EXPECT_THAT(ProcessScan(request).reason,
              HasSubstr("preprocessed voxels from 0 to 1.5: the contract amaes makes 0 to 1"));
  request.contract.name = "zscore";
  EXPECT_THAT(ProcessScan(request).reason, HasSubstr("the contract zscore makes about 0 and 1"));
}

TEST_F(IngestSourceTest, CollectionsOfASourceAreCheckedAndTheirDemandsHold) {
  EXPECT_THAT(ContractOf("zscore", "1", true), StatusIs(absl::StatusCode::kInvalidArgument));
  IngestOptions options = Options();
  options.source = "no-such-source";
  EXPECT_THAT(PlanIngest(options, nullptr, nullptr), StatusIs(absl::StatusCode::kNotFound, HasSubstr("brains-45k")));
}

}  // namespace
}  // namespace amaes
