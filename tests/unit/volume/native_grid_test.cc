#include "libs/volume/native_grid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/volume/contract.h"
#include "libs/volume/nifti.h"
#include "tests/unit/volume/nifti_bytes.h"

namespace amaes {
namespace {

using testing::HasSubstr;

// A tilted scan with a bright block, so that a contract crops it.
Volume Scan(const Shape3& shape, const std::array<double, 3>& mm) {
  Volume out;
  out.shape = shape;
  out.spacing = mm;
  out.affine = {
      mm[0] * 0.98, -mm[1] * 0.199, 0, -31.5, mm[0] * 0.199, mm[1] * 0.98, 0, 12.25, 0, 0, mm[2], 4, 0, 0, 0, 1};
  out.voxels.assign(static_cast<std::size_t>(VoxelCount(shape)), 0);
  for (std::int64_t x = 2; x < shape[0] - 4; ++x) {
    for (std::int64_t y = 3; y < shape[1] - 1; ++y) {
      for (std::int64_t z = 1; z < shape[2] - 2; ++z)
        out.at(x, y, z) = static_cast<float>(1 + (x * 7 + y * 3 + z) % 11);
    }
  }
  return out;
}

TEST(NativeGrid, FindsTheContractsCropAgain) {
  for (const auto& mm : {std::array<double, 3>{1, 1, 1}, {0.72, 0.72, 5}, {1.3, 0.4, 2.2}}) {
    for (const char* name : {"amaes", "zscore"}) {
      const Volume scan = Scan({21, 18, 12}, mm);
      Contract contract;
      contract.name = name;
      ASSERT_OK_AND_ASSIGN(const Volume stored, ApplyContract(scan, contract));
      ASSERT_OK_AND_ASSIGN(const NativeGrid grid, FindNativeGrid(stored.shape, stored.affine, scan.shape, scan.affine));
      EXPECT_EQ(grid, (NativeGrid{{21, 18, 12}, {2, 3, 1}, {15, 14, 9}})) << mm[0] << " " << name;
    }
  }
}

TEST(NativeGrid, RefusesAnotherScan) {
  const Volume scan = Scan({21, 18, 12}, {1, 1, 2});
  ASSERT_OK_AND_ASSIGN(const Volume stored, ApplyContract(scan, Contract()));
  Volume moved = scan;
  moved.affine[3] += 0.4;
  EXPECT_THAT(FindNativeGrid(stored.shape, stored.affine, moved.shape, moved.affine),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("changed since it was ingested")));
  EXPECT_THAT(FindNativeGrid(stored.shape, stored.affine, {21, 10, 12}, scan.affine),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("of 10")));
  moved.affine = {};
  EXPECT_THAT(FindNativeGrid(stored.shape, stored.affine, moved.shape, moved.affine),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("singular")));
}

struct Case {
  const char* name;
  NiftiBytes::Kind kind;
  bool big_endian;
  std::vector<double> sform;  // rows
  int frames;
};

class WriteLabelsLikeTest : public testing::TestWithParam<Case> {};

// What is read from the labels file is what was written, on the grid of the scan.
TEST_P(WriteLabelsLikeTest, ReadsBack) {
  const Case& c = GetParam();
  const TempDir folder;
  std::vector<std::int64_t> dims{5, 4, 3};
  if (c.frames > 1) dims.push_back(c.frames);
  NiftiBytes bytes(c.kind, c.big_endian, dims);
  if (!c.sform.empty()) bytes.Sform(2, c.sform);
  bytes.Pixdim(1, 2).Pixdim(3, 3);
  for (int i = 0; i < 60 * c.frames; ++i) bytes.Append<float>(static_cast<float>(i % 60));
  const bool pair = c.kind == NiftiBytes::kAnalyze;
  const std::filesystem::path like =
      WriteFile(folder.path() / (pair ? "scan.hdr" : "scan.nii"), pair ? bytes.str().substr(0, 348) : bytes.str());
  if (pair) WriteFile(folder.path() / "scan.img", bytes.str().substr(348));
  ASSERT_OK_AND_ASSIGN(const NiftiVolume scan, ReadNifti(like));
  std::vector<std::uint8_t> labels;
  for (const float voxel : scan.volume.voxels) labels.push_back(static_cast<std::uint8_t>(voxel));
  for (const char* name : {"labels.nii", "labels.nii.gz"}) {
    ASSERT_OK(WriteLabelsLike(folder.path() / name, like, scan.volume.shape, labels));
    ASSERT_OK_AND_ASSIGN(const NiftiVolume read, ReadNifti(folder.path() / name));
    EXPECT_EQ(read.volume.voxels, scan.volume.voxels);
    EXPECT_EQ(read.volume.affine, scan.volume.affine);
    EXPECT_EQ(read.volume.spacing, scan.volume.spacing);
    EXPECT_EQ(read.orientation, scan.orientation);
    EXPECT_EQ(read.datatype, "uint8");
    EXPECT_EQ(read.frames, 1);
  }
}

const Case kCases[] = {
    {"Plain", NiftiBytes::kNifti1, false, {}, 1},
    {"BigEndian", NiftiBytes::kNifti1, true, {-2, 0, 0, 9, 0, 1, 0, -3, 0, 0, 3, 1}, 1},
    {"Permuted", NiftiBytes::kNifti1, false, {0, 0, -3, 9, 2, 0, 0, -3, 0, -1, 0, 1}, 1},
    {"Nifti2", NiftiBytes::kNifti2, false, {0, 1, 0, 9, -2, 0, 0, -3, 0, 0, 3, 1}, 1},
    {"Nifti2BigEndian", NiftiBytes::kNifti2, true, {}, 1},
    {"FourVolumes", NiftiBytes::kNifti1, false, {}, 4},
    {"Analyze", NiftiBytes::kAnalyze, false, {}, 1},
    {"AnalyzeBigEndian", NiftiBytes::kAnalyze, true, {}, 1},
};
INSTANTIATE_TEST_SUITE_P(Table, WriteLabelsLikeTest, testing::ValuesIn(kCases),
                         [](const auto& test) { return test.param.name; });

TEST(WriteLabelsLike, RefusesAnotherShape) {
  const TempDir folder;
  ASSERT_OK(WriteNifti(folder.path() / "scan.nii", Scan({9, 9, 9}, {1, 1, 1})));
  const std::vector<std::uint8_t> labels(8);
  EXPECT_THAT(WriteLabelsLike(folder.path() / "out.nii", folder.path() / "scan.nii", {2, 2, 2}, labels),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("2 x 2 x 2")));
  EXPECT_THAT(WriteLabelsLike(folder.path() / "out.nii", folder.path() / "none.nii", {2, 2, 2}, labels),
              StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace amaes
