// Files made to hurt: every one must give a Status with a reason, fast and without much memory.
#include <gtest/gtest.h>

#include <cmath>

#include "libs/base/rng.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/volume/nifti.h"
#include "libs/volume/nifti_header.h"
#include "tests/unit/volume/nifti_bytes.h"

namespace amaes {
namespace {

using absl::StatusCode;
using testing::AnyOf;
using testing::HasSubstr;
using Kind = NiftiBytes::Kind;

class HostileNifti : public testing::Test {
 protected:
  absl::StatusOr<NiftiVolume> Read(const std::string& bytes, const std::string& name = "scan.nii") {
    return ReadNifti(WriteFile(dir_.path() / name, bytes));
  }
  void ExpectRefused(const std::string& bytes, const std::string& reason) {
    EXPECT_THAT(Read(bytes), StatusIs(StatusCode::kInvalidArgument, HasSubstr(reason)));
    EXPECT_THAT(Read(GzipBytes(bytes), "scan.nii.gz"), StatusIs(StatusCode::kInvalidArgument, HasSubstr(reason)));
  }
  // And by the header alone.
  void ExpectHeaderRefused(const std::string& bytes, const std::string& reason) {
    ExpectRefused(bytes, reason);
    for (const std::string& content : {bytes, GzipBytes(bytes)}) {
      EXPECT_THAT(InspectNifti(WriteFile(dir_.path() / "scan.nii", content)),
                  StatusIs(StatusCode::kInvalidArgument, HasSubstr(reason)));
    }
  }
  TempDir dir_;
};

NiftiBytes Small(Kind kind = NiftiBytes::kNifti1) { return {kind, false, {2, 3, 4}}; }

TEST_F(HostileNifti, IsRefusedWhereverItIsCut) {
  for (const Kind kind : {NiftiBytes::kNifti1, NiftiBytes::kNifti2}) {
    const std::string whole = Ramp(Small(kind), 24);
    ASSERT_THAT(Read(whole), IsOk());
    for (std::size_t n = 0; n < whole.size(); ++n) {
      EXPECT_THAT(Read(whole.substr(0, n)),
                  StatusIs(StatusCode::kInvalidArgument, AnyOf(HasSubstr("truncated"), HasSubstr("not a NIfTI file"))))
          << n << " bytes";
    }
  }
}

TEST_F(HostileNifti, IsRefusedWhereverItsGzipStreamIsCut) {
  const std::string whole = GzipBytes(Ramp(Small(), 24));
  ASSERT_THAT(Read(whole, "scan.nii.gz"), IsOk());
  for (std::size_t n = 0; n < whole.size(); ++n) {
    EXPECT_THAT(Read(whole.substr(0, n), "scan.nii.gz"), StatusIs(StatusCode::kInvalidArgument)) << n << " bytes";
  }
}

TEST_F(HostileNifti, IsRefusedWhenItsGzipChecksumIsWrong) {
  std::string bytes = GzipBytes(Ramp(Small(), 24));
  bytes[bytes.size() - 8] ^= 1;
  EXPECT_THAT(Read(bytes, "scan.nii.gz"), StatusIs(StatusCode::kInvalidArgument, HasSubstr("damaged: gzip")));
}

TEST_F(HostileNifti, NamesTheDefect) {
  ExpectHeaderRefused("", "not a NIfTI file");
  ExpectHeaderRefused(std::string(1000, 'x'), "not a NIfTI file");
  ExpectHeaderRefused(Ramp(Small().Put<char>(344, 'N'), 24), "not a NIfTI file");
  ExpectHeaderRefused(Ramp(Small(NiftiBytes::kNifti2).Put<char>(8, 'x'), 24), "not a NIfTI file");
  ExpectHeaderRefused(Ramp(Small().Dim(0, 2), 24), "2D image: 2 x 3 pixels");
  ExpectHeaderRefused(Ramp(Small().Dim(0, 1), 24), "2D image");
  for (const int count : {0, -1, 8, 1000}) ExpectHeaderRefused(Ramp(Small().Dim(0, count), 24), "dimension count");
  for (const int size : {0, -1, -32768}) ExpectHeaderRefused(Ramp(Small().Dim(2, size), 24), "dimension 2");
  ExpectHeaderRefused(Ramp(Small().Datatype(128), 24), "RGB voxels");
  ExpectHeaderRefused(Ramp(Small().Datatype(2304), 24), "RGB voxels");
  for (const int complex : {32, 1792, 2048}) ExpectHeaderRefused(Ramp(Small().Datatype(complex), 24), "complex voxels");
  ExpectHeaderRefused(Ramp(Small().Datatype(1), 24), "binary voxels");
  ExpectHeaderRefused(Ramp(Small().Datatype(77), 24), "unknown datatype 77");
  ExpectHeaderRefused(Ramp(Small().Scale(1, NAN), 24), "scl_inter");
  for (const double offset : {1.0, 351.0, -8.0, 1e30})
    ExpectHeaderRefused(Ramp(Small().Offset(offset), 24), "vox_offset");
  ExpectHeaderRefused(Ramp(Small().Offset(NAN), 24), "vox_offset");
  ExpectRefused(Ramp(Small().Offset(1e6), 24), "truncated");
  ExpectHeaderRefused(Ramp(Small().Sform(1, std::vector<double>(12, 0)), 24), "orientation");
  ExpectHeaderRefused(Ramp(Small().Sform(1, std::vector<double>(12, 1)), 24), "orientation");
  ExpectHeaderRefused(Ramp(Small().Sform(1, std::vector<double>(12, NAN)), 24), "orientation");
  ExpectHeaderRefused(Ramp(Small().Sform(0, std::vector<double>(12, 0)).Qform(1, 9, 9, 9, 0, 0, 0), 24), "quaternion");
  ExpectHeaderRefused(Ramp(Small().Sform(0, std::vector<double>(12, 0)).Qform(1, NAN, 0, 0, 0, 0, 0), 24),
                      "quaternion");
  ExpectHeaderRefused(Ramp(Small().Sform(0, std::vector<double>(12, 0)).Qform(1, 0, 0, 0, INFINITY, 0, 0), 24),
                      "offset");
  ExpectRefused(Small().str() + std::string(96, '\0'), "constant image");
  ExpectRefused(Small().str() + std::string(96, '\xff'), "no finite voxel");
}

TEST_F(HostileNifti, RefusesAbsurdSizesBeforeTakingMemory) {
  ExpectRefused(Ramp(NiftiBytes(NiftiBytes::kNifti1, false, {32767, 32767, 32767}), 24), "too large");
  for (const std::int64_t size : {std::int64_t{1} << 62, std::int64_t{1} << 32, std::int64_t{1} << 30}) {
    ExpectRefused(Ramp(NiftiBytes(NiftiBytes::kNifti2, false, {size, 1, 1}), 24), "too large");
    ExpectRefused(Ramp(NiftiBytes(NiftiBytes::kNifti2, false, {size, size, size}), 24), "too large");
    ExpectRefused(Ramp(NiftiBytes(NiftiBytes::kNifti2, false, {2, 3, 4, size, size}), 24), "too large");
  }
  // Within the limit, but the file is far too small to hold it, inflated or not.
  ExpectRefused(Ramp(NiftiBytes(NiftiBytes::kNifti1, false, {800, 800, 800}), 24), "truncated");
  ExpectRefused(Ramp(NiftiBytes(NiftiBytes::kNifti2, false, {2, 3, 4, 1 << 24}), 24), "truncated");
  NiftiOptions options;
  options.max_voxels = 23;
  EXPECT_THAT(ReadNifti(WriteFile(dir_.path() / "scan.nii", Ramp(Small(), 24)), options),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("too large: 2 x 3 x 4")));
}

TEST_F(HostileNifti, RefusesWhatIsNoFile) {
  EXPECT_THAT(ReadNifti(dir_.path() / "missing.nii"), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(ReadNifti(dir_.path()), StatusIs(StatusCode::kInvalidArgument, HasSubstr("not a regular file")));
}

// A stream that inflates to far more than its header states is read to a bound, not to its end.
TEST_F(HostileNifti, DoesNotInflateABomb) {
  // 24 voxels, then 80 MB of zeros in 80 kB; the checksum at the end is wrong, which nobody gets to see.
  std::string bomb = GzipBytes(Ramp(Small(), 24) + std::string(std::size_t{80} << 20, '\0'));
  ASSERT_LT(bomb.size(), std::size_t{1} << 20);
  bomb[bomb.size() - 8] ^= 1;
  EXPECT_THAT(Read(bomb, "scan.nii.gz"), IsOk());
}

// Any byte of a header, any value: a Status, and never a shape that does not match the voxels.
TEST_F(HostileNifti, SurvivesDamagedHeaders) {
  RandomStream random(7, Purpose::kPhantom, 0);
  for (const Kind kind : {NiftiBytes::kNifti1, NiftiBytes::kNifti2}) {
    const std::string whole = Ramp(Small(kind), 24);
    const auto header = static_cast<std::uint32_t>(kind == NiftiBytes::kNifti2 ? 540 : 348);
    for (int round = 0; round < 50000; ++round) {
      std::string bytes = whole;
      const std::uint32_t flips = 1 + random.UniformInt(4);
      for (std::uint32_t i = 0; i < flips; ++i)
        bytes[random.UniformInt(header)] = static_cast<char>(random.UniformInt(256));
      const auto parsed = ParseNiftiHeader(absl::string_view(bytes).substr(0, header), round % 2 == 0, 1 << 20);
      if (!parsed.ok()) {
        ASSERT_THAT(parsed, StatusIs(StatusCode::kInvalidArgument));
        continue;
      }
      ASSERT_GT(parsed->FrameBytes(), 0);
      ASSERT_LE(VoxelCount(parsed->shape), 1 << 20);
      ASSERT_GE(parsed->frames, 1);
      ASSERT_THAT(ClosestAxes(parsed->affine), IsOk());
      if (round % 50 != 0) continue;
      const auto read = Read(bytes);
      if (read.ok()) {
        ASSERT_EQ(VoxelCount(read->volume.shape), static_cast<std::int64_t>(read->volume.voxels.size()));
      }
    }
  }
}

}  // namespace
}  // namespace amaes
