// Real scans: every odd file is read, or refused with a reason that names what is odd about it.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/volume/contract.h"
#include "libs/volume/nifti.h"
#include "libs/volume/stored_volume.h"

namespace amaes {
namespace {

using testing::HasSubstr;

std::filesystem::path Data(const std::string& name) { return std::filesystem::path(AMAES_TEST_DATA) / name; }

// The cells of one CSV line; quotes as in RFC 4180, no line breaks within a cell.
std::vector<std::string> Cells(const std::string& line) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"') {
      cells.back().push_back(line[i++]);
    } else if (line[i] == '"') {
      quoted = !quoted;
    } else if (line[i] == ',' && !quoted) {
      cells.emplace_back();
    } else if (line[i] != '\r') {
      cells.back().push_back(line[i]);
    }
  }
  return cells;
}

using Row = std::map<std::string, std::string>;

std::vector<Row> Manifest(const std::string& set) {
  std::ifstream file(Data("manifest.csv"));
  std::string line;
  std::getline(file, line);
  const std::vector<std::string> names = Cells(line);
  std::vector<Row> rows;
  while (std::getline(file, line)) {
    const std::vector<std::string> cells = Cells(line);
    Row row;
    for (std::size_t i = 0; i < names.size() && i < cells.size(); ++i) row[names[i]] = cells[i];
    if (row["set"] == set && row["role"] != "sidecar") rows.push_back(row);
  }
  return rows;
}

// The words a refusal must hold, by what the manifest expects; empty: the file is read.
std::string ReasonFor(const std::string& expect) {
  if (absl::StrContains(expect, "truncated")) return "truncated";
  if (absl::StrContains(expect, "no finite voxel")) return "no finite voxel";
  if (absl::StrContains(expect, "constant image")) return "constant image";
  if (expect == "clear refusal") return "RGB voxels";
  if (expect == "read as 1 slice or a clear refusal") return "2D image";
  if (expect == "read as magnitude or a clear refusal") return "complex voxels";
  return "";
}

void ExpectAsInManifest(const Row& row, const NiftiVolume& read) {
  if (row.at("dims").empty()) return;  // the data half of a pair
  const std::vector<std::string> dims = absl::StrSplit(row.at("dims"), 'x');
  EXPECT_EQ(VoxelCount(read.volume.shape), std::stoll(dims[0]) * std::stoll(dims[1]) * std::stoll(dims[2]));
  EXPECT_EQ(read.datatype, row.at("dtype"));
  EXPECT_EQ(absl::StrCat(read.frames), row.at("volumes"));
  EXPECT_THAT(row.at("orientation"), testing::AnyOf(read.orientation, "not stated"));
  // What is counted there is counted over all volumes.
  const std::filesystem::path path = Data(row.at("path"));
  std::int64_t nonfinite = 0;
  float low = read.minimum, high = read.maximum;
  NiftiOptions options;
  options.allow_constant = true;
  for (options.frame = 0; options.frame < read.frames; ++options.frame) {
    const auto one = ReadNifti(path, options);
    ASSERT_THAT(one, IsOk());
    nonfinite += one->nonfinite_voxels;
    low = std::min(low, one->minimum);
    high = std::max(high, one->maximum);
  }
  EXPECT_EQ(absl::StrCat(nonfinite), row.at("nonfinite_voxels"));
  EXPECT_NEAR(low, std::stod(row.at("value_min")), 1e-5 * std::abs(low));
  EXPECT_NEAR(high, std::stod(row.at("value_max")), 1e-5 * std::abs(high));
  const auto info = InspectNifti(path);
  ASSERT_THAT(info, IsOk());
  EXPECT_EQ(info->shape, read.volume.shape);
  EXPECT_EQ(info->spacing, read.volume.spacing);
  EXPECT_EQ(info->affine, read.volume.affine);
  EXPECT_EQ(info->orientation, read.orientation);
  EXPECT_EQ(info->frames, read.frames);
  EXPECT_EQ(info->datatype, read.datatype);
  EXPECT_EQ(info->compressed, absl::EndsWith(path.string(), ".gz"));
}

TEST(RealVolumes, AwkwardFilesAreReadOrRefusedWithTheReason) {
  const std::vector<Row> rows = Manifest("awkward");
  ASSERT_GE(rows.size(), 60u);
  for (const Row& row : rows) {
    SCOPED_TRACE(row.at("path"));
    const auto read = ReadNifti(Data(row.at("path")));
    const std::string reason = ReasonFor(row.at("expect"));
    if (!reason.empty()) {
      EXPECT_THAT(read, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(reason)));
      continue;
    }
    ASSERT_TRUE(absl::StartsWith(row.at("expect"), "read")) << row.at("expect");
    ASSERT_THAT(read, IsOk());
    ExpectAsInManifest(row, *read);
  }
}

TEST(RealVolumes, TrainingAndLabelledScansAreRead) {
  for (const std::string set : {"train", "labelled"}) {
    const std::vector<Row> rows = Manifest(set);
    ASSERT_GE(rows.size(), 30u);
    for (const Row& row : rows) {
      SCOPED_TRACE(row.at("path"));
      const auto read = ReadNifti(Data(row.at("path")));
      ASSERT_THAT(read, IsOk());
      ExpectAsInManifest(row, *read);
    }
  }
}

// Every label map lies on its images, and comes out with no label that it did not have.
TEST(RealVolumes, LabelsGoAlongWithTheirImages) {
  const std::vector<Row> rows = Manifest("labelled");
  int pairs = 0;
  for (const Row& label_row : rows) {
    if (label_row.at("role") != "label") continue;
    const auto label = ReadNifti(Data(label_row.at("path")));
    ASSERT_THAT(label, IsOk());
    const std::set<float> before(label->volume.voxels.begin(), label->volume.voxels.end());
    for (const Row& image_row : rows) {
      if (image_row.at("role") != "image" || image_row.at("case") != label_row.at("case")) continue;
      SCOPED_TRACE(absl::StrCat(image_row.at("path"), " with ", label_row.at("path")));
      const auto image = ReadNifti(Data(image_row.at("path")));
      ASSERT_THAT(image, IsOk());
      Contract contract;
      contract.spacing_mm = {2, 2, 2};
      const auto out = ApplyContractTogether(image->volume, {&label->volume, 1}, contract, 2);
      ASSERT_THAT(out, IsOk());
      EXPECT_EQ(out->companions[0].shape, out->volume.shape);
      for (const float v : std::set<float>(out->companions[0].voxels.begin(), out->companions[0].voxels.end())) {
        EXPECT_EQ(before.count(v), 1u) << v;
      }
      ++pairs;
    }
  }
  EXPECT_GE(pairs, 25);
  const auto image = ReadNifti(Data("awkward/same-dims-other-origin_T1w.nii.gz"));
  const auto label = ReadNifti(Data("awkward/same-dims-other-origin_labels.nii.gz"));
  ASSERT_THAT(image, IsOk());
  ASSERT_THAT(label, IsOk());
  EXPECT_THAT(ApplyContractTogether(image->volume, {&label->volume, 1}, Contract()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("does not lie on the volume's grid")));
}

TEST(RealVolumes, SixStorageOrdersOfOneBrainAgree) {
  const auto first = ReadNifti(Data("awkward/orient_RAS.nii.gz"));
  ASSERT_THAT(first, IsOk());
  for (const std::string order : {"ARI", "ASR", "LPI", "PIR", "SPL"}) {
    const auto other = ReadNifti(Data(absl::StrCat("awkward/orient_", order, ".nii.gz")));
    ASSERT_THAT(other, IsOk());
    EXPECT_EQ(other->orientation, order);
    EXPECT_EQ(other->volume.shape, first->volume.shape);
    EXPECT_EQ(other->volume.voxels, first->volume.voxels) << order;
    for (int i = 0; i < 16; ++i) EXPECT_NEAR(other->volume.affine[i], first->volume.affine[i], 1e-4);
    for (int a = 0; a < 3; ++a) EXPECT_NEAR(other->volume.spacing[a], first->volume.spacing[a], 1e-5);
  }
}

TEST(RealVolumes, ScaledFloat32EqualsFloat64) {
  const auto scaled = ReadNifti(Data("awkward/float32_slope_4d_gre-magnitude.nii"));
  const auto plain = ReadNifti(Data("awkward/float64_4d_gre-magnitude.nii.gz"));
  ASSERT_THAT(scaled, IsOk());
  ASSERT_THAT(plain, IsOk());
  ASSERT_EQ(scaled->volume.voxels.size(), plain->volume.voxels.size());
  for (std::size_t i = 0; i < plain->volume.voxels.size(); ++i) {
    ASSERT_NEAR(scaled->volume.voxels[i], plain->volume.voxels[i], 1e-10);
  }
}

TEST(RealVolumes, EveryDatatypeHoldsTheSameValues) {
  for (const char* name :
       {"int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"}) {
    const auto read = ReadNifti(Data(absl::StrCat("awkward/dtypes/", name, ".nii")));
    ASSERT_THAT(read, IsOk());
    EXPECT_EQ(read->datatype, name);
    // The maker counted in C order but the file's first axis is fastest.
    for (int i = 0; i < 27; ++i)
      EXPECT_EQ(read->volume.voxels[static_cast<std::size_t>(i)], static_cast<float>(i)) << name;
  }
}

TEST(RealVolumes, GoFromScanToStoreAndBack) {
  TempDir dir;
  for (const char* name :
       {"train/mni152_T1w_2mm.nii.gz", "train/coregqa_epi.nii.gz", "awkward/tiny_4mm-brain_lps.nii.gz"}) {
    const auto read = ReadNifti(Data(name));
    ASSERT_THAT(read, IsOk());
    const auto volume = ApplyContract(read->volume, Contract(), 2);
    ASSERT_THAT(volume, IsOk());
    const auto checksums = WriteStoredVolume(dir.path() / "volume.b2nd", *volume);
    ASSERT_THAT(checksums, IsOk());
    const auto stored = StoredVolume::Open(dir.path() / "volume.b2nd", *checksums);
    ASSERT_THAT(stored, IsOk());
    std::vector<float> out(volume->voxels.size());
    ASSERT_THAT((*stored)->ReadBox({0, 0, 0}, volume->shape, absl::MakeSpan(out)), IsOk());
    for (std::size_t i = 0; i < out.size(); ++i) ASSERT_NEAR(out[i], volume->voxels[i], 1e-5);
    EXPECT_EQ((*stored)->minimum(), 0);
  }
}

}  // namespace
}  // namespace amaes
