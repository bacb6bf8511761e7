#include "libs/volume/nifti.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "libs/base/rng.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/volume/nifti_header.h"
#include "tests/unit/volume/nifti_bytes.h"

namespace amaes {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using Kind = NiftiBytes::Kind;

class Nifti : public testing::Test {
 protected:
  absl::StatusOr<NiftiVolume> Read(const std::string& bytes, const std::string& name = "scan.nii") {
    return ReadNifti(WriteFile(dir_.path() / name, bytes));
  }
  NiftiVolume MustRead(const std::string& bytes, const std::string& name = "scan.nii") {
    absl::StatusOr<NiftiVolume> volume = Read(bytes, name);
    EXPECT_THAT(volume, IsOk());
    return volume.ok() ? *std::move(volume) : NiftiVolume();
  }
  TempDir dir_;
};

// 2 x 3 x 4 voxels 0 … 23, first axis fastest in the file.
template <typename T>
std::string Counting(Kind kind, bool big_endian, int datatype) {
  NiftiBytes file(kind, big_endian, {2, 3, 4});
  file.Datatype(datatype);
  for (int i = 0; i < 24; ++i) file.Append<T>(static_cast<T>(i));
  return file.str();
}

void ExpectCounting(const NiftiVolume& read, const std::string& datatype) {
  EXPECT_EQ(read.datatype, datatype);
  EXPECT_EQ(read.frames, 1);
  EXPECT_EQ(read.nonfinite_voxels, 0);
  ASSERT_EQ(read.volume.shape, (Shape3{2, 3, 4}));
  for (int x = 0; x < 2; ++x) {
    for (int y = 0; y < 3; ++y) {
      for (int z = 0; z < 4; ++z) EXPECT_EQ(read.volume.at(x, y, z), static_cast<float>(x + 2 * y + 6 * z));
    }
  }
}

TEST_F(Nifti, ReadsEveryDatatypeInBothByteOrdersAndVersions) {
  for (const Kind kind : {NiftiBytes::kNifti1, NiftiBytes::kNifti2}) {
    for (const bool big : {false, true}) {
      SCOPED_TRACE(testing::Message() << "kind " << kind << " big-endian " << big);
      ExpectCounting(MustRead(Counting<std::uint8_t>(kind, big, 2)), "uint8");
      ExpectCounting(MustRead(Counting<std::int8_t>(kind, big, 256)), "int8");
      ExpectCounting(MustRead(Counting<std::int16_t>(kind, big, 4)), "int16");
      ExpectCounting(MustRead(Counting<std::uint16_t>(kind, big, 512)), "uint16");
      ExpectCounting(MustRead(Counting<std::int32_t>(kind, big, 8)), "int32");
      ExpectCounting(MustRead(Counting<std::uint32_t>(kind, big, 768)), "uint32");
      ExpectCounting(MustRead(Counting<std::int64_t>(kind, big, 1024)), "int64");
      ExpectCounting(MustRead(Counting<std::uint64_t>(kind, big, 1280)), "uint64");
      ExpectCounting(MustRead(Counting<float>(kind, big, 16)), "float32");
      ExpectCounting(MustRead(Counting<double>(kind, big, 64)), "float64");
    }
  }
}

TEST_F(Nifti, ReadsQuadruplePrecision) {
  NiftiBytes file(NiftiBytes::kNifti1, false, {5, 1, 1});
  file.Datatype(1536);
  // 1.5, -2, 0, infinity, NaN as sign and exponent in the top 16 bits, then the fraction.
  const std::uint64_t high[] = {0x3fff800000000000, 0xc000000000000000, 0, 0x7fff000000000000, 0x7fff000000000001};
  for (const std::uint64_t h : high) file.Append<std::uint64_t>(0).Append<std::uint64_t>(h);
  const NiftiVolume read = MustRead(file.str());
  EXPECT_THAT(read.volume.voxels, ElementsAre(1.5f, -2.0f, 0.0f, 0.0f, 0.0f));
  EXPECT_EQ(read.nonfinite_voxels, 2);
  EXPECT_EQ(read.datatype, "float128");
  NiftiBytes big(NiftiBytes::kNifti2, true, {2, 1, 1});
  big.Datatype(1536).Append<std::uint64_t>(high[0]).Append<std::uint64_t>(0);
  big.Append<std::uint64_t>(high[1]).Append<std::uint64_t>(0);
  EXPECT_THAT(MustRead(big.str()).volume.voxels, ElementsAre(1.5f, -2.0f));
}

TEST_F(Nifti, ScalesBySlopeAndIntercept) {
  const auto with = [&](double slope, double intercept) {
    return Ramp(NiftiBytes(NiftiBytes::kNifti1, false, {2, 1, 1}).Scale(slope, intercept), 2);
  };
  EXPECT_THAT(MustRead(with(2, 10)).volume.voxels, ElementsAre(10, 12));
  EXPECT_THAT(MustRead(with(0, 10)).volume.voxels, ElementsAre(0, 1));
  EXPECT_THAT(MustRead(with(NAN, 10)).volume.voxels, ElementsAre(0, 1));
  EXPECT_THAT(MustRead(with(INFINITY, NAN)).volume.voxels, ElementsAre(0, 1));
  EXPECT_THAT(Read(with(2, NAN)), StatusIs(StatusCode::kInvalidArgument, HasSubstr("scl_inter")));
}

TEST_F(Nifti, CountsAndClearsVoxelsThatAreNotFinite) {
  NiftiBytes file(NiftiBytes::kNifti1, false, {2, 2, 1});
  file.Datatype(64).Append<double>(NAN).Append<double>(1e300).Append<double>(-INFINITY).Append<double>(7);
  const NiftiVolume read = MustRead(file.str());
  EXPECT_EQ(read.nonfinite_voxels, 3);  // 1e300 is beyond float32
  EXPECT_EQ(read.volume.at(1, 1, 0), 7);
  EXPECT_EQ(read.volume.at(0, 0, 0), 0);
}

TEST_F(Nifti, FlipsAndPermutesToRas) {
  // First axis to the back, second to the left, third up.
  const NiftiVolume read = MustRead(Ramp(NiftiBytes(NiftiBytes::kNifti1, false, {2, 3, 4})
                                             .Pixdim(1, 5)
                                             .Pixdim(2, 6)
                                             .Pixdim(3, 7)
                                             .Sform(2, {0, -6, 0, 100, -5, 0, 0, 200, 0, 0, 7, 300}),
                                         24));
  EXPECT_EQ(read.orientation, "PLS");
  EXPECT_EQ(read.volume.shape, (Shape3{3, 2, 4}));
  EXPECT_EQ(read.volume.spacing, (std::array<double, 3>{6, 5, 7}));
  EXPECT_THAT(read.volume.affine, ElementsAre(6, 0, 0, 88, 0, 5, 0, 195, 0, 0, 7, 300, 0, 0, 0, 1));
  for (int x = 0; x < 3; ++x) {
    for (int y = 0; y < 2; ++y) {
      for (int z = 0; z < 4; ++z) {
        EXPECT_EQ(read.volume.at(x, y, z), static_cast<float>((1 - y) + 2 * (2 - x) + 6 * z));
      }
    }
  }
}

// All 48 ways to store one volume, larger than the tiles that the reader works in.
TEST_F(Nifti, BringsEveryStorageOrderToRas) {
  const Shape3 shape{21, 37, 70};  // in RAS+
  const auto value = [](std::int64_t x, std::int64_t y, std::int64_t z) {
    return static_cast<float>(x + 100 * y + 10000 * z);
  };
  std::array<int, 3> axes{0, 1, 2};  // where each file axis points
  do {
    for (int flips = 0; flips < 8; ++flips) {
      const auto flipped = [&](int a) { return (flips >> a & 1) != 0; };
      std::vector<double> sform(12, 0);
      for (int a = 0; a < 3; ++a)
        sform[4 * static_cast<std::size_t>(axes[a]) + static_cast<std::size_t>(a)] = flipped(a) ? -1 : 1;
      NiftiBytes file(NiftiBytes::kNifti1, flips % 2 == 1, {shape[axes[0]], shape[axes[1]], shape[axes[2]]});
      file.Sform(1, sform);
      std::int64_t at[3];
      const auto place = [&](int a, std::int64_t i) { at[axes[a]] = flipped(a) ? shape[axes[a]] - 1 - i : i; };
      for (std::int64_t k = 0; k < shape[axes[2]]; ++k) {
        for (std::int64_t j = 0; j < shape[axes[1]]; ++j) {
          for (std::int64_t i = 0; i < shape[axes[0]]; ++i) {
            place(0, i), place(1, j), place(2, k);
            file.Append<float>(value(at[0], at[1], at[2]));
          }
        }
      }
      const NiftiVolume read = MustRead(file.str());
      ASSERT_EQ(read.volume.shape, shape);
      std::int64_t wrong = 0;
      for (std::int64_t x = 0; x < shape[0]; ++x) {
        for (std::int64_t y = 0; y < shape[1]; ++y) {
          for (std::int64_t z = 0; z < shape[2]; ++z) wrong += read.volume.at(x, y, z) != value(x, y, z) ? 1 : 0;
        }
      }
      ASSERT_EQ(wrong, 0) << read.orientation;
    }
  } while (std::next_permutation(axes.begin(), axes.end()));
}

TEST_F(Nifti, ChoosesTheAffineAsNibabelDoes) {
  NiftiBytes both(NiftiBytes::kNifti1, false, {2, 3, 4});
  both.Pixdim(1, 2).Pixdim(2, 3).Pixdim(3, 4).Qform(1, 0, 0, 1, 10, 20, 30);  // half a turn about z
  EXPECT_EQ(MustRead(Ramp(both, 24)).orientation, "RAS") << "sform first";
  both.Sform(0, std::vector<double>(12, NAN));
  const NiftiVolume turned = MustRead(Ramp(both, 24));
  EXPECT_EQ(turned.orientation, "LPS");
  EXPECT_NEAR(turned.volume.affine[3], 10 - 2, 1e-6);
  EXPECT_NEAR(turned.volume.affine[7], 20 - 6, 1e-6);
  EXPECT_NEAR(turned.volume.affine[0], 2, 1e-6);
  both.Pixdim(0, -1);
  EXPECT_EQ(MustRead(Ramp(both, 24)).orientation, "LPI") << "qfac -1 mirrors the third axis";
  both.Qform(0, NAN, NAN, NAN, NAN, NAN, NAN);
  const NiftiVolume plain = MustRead(Ramp(both, 24));
  EXPECT_EQ(plain.orientation, "LAS");
  EXPECT_THAT(plain.volume.affine, ElementsAre(2, 0, 0, -1, 0, 3, 0, -3, 0, 0, 4, -6, 0, 0, 0, 1));
}

TEST_F(Nifti, TakesSpacingFromTheAffineWherePixdimIsUseless) {
  const NiftiVolume read = MustRead(Ramp(NiftiBytes(NiftiBytes::kNifti1, false, {2, 3, 4})
                                             .Pixdim(1, 0)
                                             .Pixdim(2, NAN)
                                             .Pixdim(3, -4)
                                             .Sform(1, {2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 4, 0}),
                                         24));
  EXPECT_EQ(read.volume.spacing, (std::array<double, 3>{2, 3, 4}));
}

TEST_F(Nifti, ReadsTheFirstVolumeOfMany) {
  const std::string four = Ramp(NiftiBytes(NiftiBytes::kNifti1, false, {2, 1, 1, 3}), 6);
  EXPECT_EQ(MustRead(four).frames, 3);
  EXPECT_THAT(MustRead(four).volume.voxels, ElementsAre(0, 1));
  EXPECT_THAT(Read(four.substr(0, four.size() - 1)), StatusIs(StatusCode::kInvalidArgument, HasSubstr("truncated")));
  EXPECT_EQ(MustRead(GzipBytes(four), "four.nii.gz").frames, 3);
  EXPECT_THAT(Read(GzipBytes(four.substr(0, four.size() - 1)), "short.nii.gz"),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("truncated")));
  EXPECT_EQ(MustRead(Ramp(NiftiBytes(NiftiBytes::kNifti1, false, {2, 1, 1, 2, 1, 3, 1}), 12)).frames, 6);
  EXPECT_EQ(MustRead(Ramp(NiftiBytes(NiftiBytes::kNifti1, false, {2, 1, 1, 1, 1}), 2)).frames, 1);
}

TEST_F(Nifti, ReadsAnyVolumeOfMany) {
  const std::string four = Ramp(NiftiBytes(NiftiBytes::kNifti1, false, {2, 1, 1, 3}), 6);
  for (const auto& path :
       {WriteFile(dir_.path() / "four.nii", four), WriteFile(dir_.path() / "f.nii.gz", GzipBytes(four))}) {
    NiftiOptions options;
    for (options.frame = 0; options.frame < 3; ++options.frame) {
      const auto read = ReadNifti(path, options);
      ASSERT_THAT(read, IsOk());
      const auto first = static_cast<float>(2 * options.frame);
      EXPECT_THAT(read->volume.voxels, ElementsAre(first, first + 1));
      EXPECT_EQ(read->minimum, first);
      EXPECT_EQ(read->maximum, first + 1);
    }
    for (const int frame : {-1, 3}) {
      options.frame = frame;
      EXPECT_THAT(ReadNifti(path, options), StatusIs(StatusCode::kInvalidArgument, HasSubstr("no volume")));
      EXPECT_THAT(InspectNifti(path, options), StatusIs(StatusCode::kInvalidArgument, HasSubstr("the file has 3")));
    }
  }
  NiftiOptions second;
  second.frame = 1;
  EXPECT_THAT(ReadNifti(WriteFile(dir_.path() / "cut.nii.gz", GzipBytes(four.substr(0, 352 + 16))), second),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("truncated")))
      << "the third must be there too";
}

TEST_F(Nifti, KnowsTheRangeOfTheFiniteVoxels) {
  NiftiBytes file(NiftiBytes::kNifti1, false, {2, 2, 1});
  file.Scale(2, 1).Append<float>(NAN).Append<float>(5).Append<float>(-INFINITY).Append<float>(7);
  const NiftiVolume read = MustRead(file.str());
  EXPECT_EQ(read.minimum, 11);
  EXPECT_EQ(read.maximum, 15);
  NiftiOptions labels;
  labels.allow_constant = true;
  const std::string ones = NiftiBytes(NiftiBytes::kNifti1, false, {2, 1, 1}).Append<float>(1).Append<float>(1).str();
  const auto mask = ReadNifti(WriteFile(dir_.path() / "ones.nii", ones), labels);
  ASSERT_THAT(mask, IsOk());
  EXPECT_EQ(mask->minimum, 1);
  EXPECT_EQ(mask->maximum, 1);
}

TEST_F(Nifti, InspectsAFileByItsFirstBytes) {
  NiftiBytes header(NiftiBytes::kNifti1, true, {2, 3, 4, 5});
  header.Datatype(4).Pixdim(1, 5).Pixdim(2, 6).Pixdim(3, 7).Sform(2, {0, -6, 0, 100, -5, 0, 0, 200, 0, 0, 7, 300});
  for (int i = 0; i < 120; ++i) header.Append<std::int16_t>(static_cast<std::int16_t>(i));
  for (const bool gzip : {false, true}) {
    const std::string bytes = gzip ? GzipBytes(header.str()) : header.str();
    const auto path = WriteFile(dir_.path() / "scan.nii", bytes);
    const auto info = InspectNifti(path);
    const auto read = ReadNifti(path);
    ASSERT_THAT(info, IsOk());
    ASSERT_THAT(read, IsOk());
    EXPECT_EQ(info->shape, (Shape3{3, 2, 4}));
    EXPECT_EQ(info->spacing, (std::array<double, 3>{6, 5, 7}));
    EXPECT_EQ(info->affine, read->volume.affine);
    EXPECT_EQ(info->orientation, "PLS");
    EXPECT_EQ(info->frames, 5);
    EXPECT_EQ(info->datatype, "int16");
    EXPECT_EQ(info->compressed, gzip);
    EXPECT_EQ(info->bytes, static_cast<std::int64_t>(bytes.size()));
  }
  // Nothing behind the first bytes is looked at: the stream ends there.
  NiftiBytes large(NiftiBytes::kNifti1, false, {64, 64, 64});
  RandomStream random(1, Purpose::kPhantom, 0);
  for (int i = 0; i < 64 * 64 * 64; ++i) large.Append<float>(static_cast<float>(random.UniformInt(1 << 20)));
  const std::string cut = GzipBytes(large.str()).substr(0, 4096);
  EXPECT_THAT(InspectNifti(WriteFile(dir_.path() / "cut.nii.gz", cut)), IsOk());
  EXPECT_THAT(Read(cut), StatusIs(StatusCode::kInvalidArgument, HasSubstr("truncated")));
  EXPECT_THAT(InspectNifti(WriteFile(dir_.path() / "cut.nii", large.str().substr(0, 4096))),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("truncated")));
}

TEST_F(Nifti, InspectsPairs) {
  NiftiBytes header(NiftiBytes::kNifti1, true, {2, 3, 4});
  header.Put<char>(345, 'i').Offset(0);
  const std::string all = Ramp(header, 24);
  WriteFile(dir_.path() / "a.hdr", all.substr(0, 348));
  EXPECT_THAT(InspectNifti(dir_.path() / "a.hdr"), StatusIs(StatusCode::kNotFound));
  WriteFile(dir_.path() / "a.img", all.substr(352));
  for (const char* name : {"a.hdr", "a.img"}) {
    const auto info = InspectNifti(dir_.path() / name);
    ASSERT_THAT(info, IsOk());
    EXPECT_EQ(info->bytes, 348 + 96);
  }
  WriteFile(dir_.path() / "a.img", all.substr(353));
  EXPECT_THAT(InspectNifti(dir_.path() / "a.hdr"), StatusIs(StatusCode::kInvalidArgument, HasSubstr("truncated")));
}

// Written by tools that pad, append or concatenate: what counts is there, and read.
TEST_F(Nifti, ReadsGzipWithWhatFollows) {
  const std::string plain = Counting<float>(NiftiBytes::kNifti1, false, 16);
  const std::string zipped = GzipBytes(plain);
  const auto read = [&](const std::string& bytes) { ExpectCounting(MustRead(bytes, "a.nii.gz"), "float32"); };
  read(zipped + "trailing bytes");
  read(zipped + std::string(1000, '\0'));
  read(GzipBytes(plain + "padding behind the voxels"));
  read(GzipBytes(plain + std::string(100'000, '\0')));
  read(GzipBytes(plain.substr(0, 400)) + GzipBytes(plain.substr(400)));
  read(GzipBytes(plain.substr(0, 10)) + GzipBytes("") + GzipBytes(plain.substr(10)) + "x");
  EXPECT_THAT(Read(zipped + zipped.substr(0, 20), "a.nii.gz"), StatusIs(StatusCode::kInvalidArgument))
      << "a second stream that breaks off";
  EXPECT_THAT(Read(GzipBytes(plain.substr(0, 400)) + plain.substr(400), "a.nii.gz"),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("truncated")));
  ExpectCounting(MustRead(zipped, "named-plain.nii"), "float32");
  ExpectCounting(MustRead(plain, "named-gzip.nii.gz"), "float32");
}

TEST_F(Nifti, ReadsPairsFromEitherHalf) {
  NiftiBytes header(NiftiBytes::kNifti1, true, {2, 3, 4});
  header.Put<char>(345, 'i').Offset(0);  // "ni1"
  const std::string all = Ramp(header, 24);
  WriteFile(dir_.path() / "a.hdr", all.substr(0, 348));
  EXPECT_THAT(ReadNifti(dir_.path() / "a.hdr"), StatusIs(StatusCode::kNotFound));
  WriteFile(dir_.path() / "a.img", all.substr(352));
  for (const char* name : {"a.hdr", "a.img"}) {
    const auto read = ReadNifti(dir_.path() / name);
    ASSERT_THAT(read, IsOk());
    EXPECT_EQ(read->volume.at(1, 2, 3), 23);
  }
  WriteFile(dir_.path() / "b.hdr", all.substr(0, 348));
  WriteFile(dir_.path() / "b.img.gz", GzipBytes(all.substr(352)));
  EXPECT_THAT(ReadNifti(dir_.path() / "b.hdr"), IsOk());
  EXPECT_THAT(Read(all), StatusIs(StatusCode::kInvalidArgument, HasSubstr(".img")));
}

TEST_F(Nifti, ReadsAnalyzeWithSpmsScaleAndOrigin) {
  for (const bool big : {false, true}) {
    NiftiBytes header(NiftiBytes::kAnalyze, big, {2, 3, 4, 1});
    header.Pixdim(1, 2)
        .Put<float>(112, 10.0f)
        .Put<std::int16_t>(253, 1)
        .Put<std::int16_t>(255, 2)
        .Put<std::int16_t>(257, 3);
    WriteFile(dir_.path() / "a.hdr", header.str());
    WriteFile(dir_.path() / "a.img", Ramp(header, 24).substr(348));
    const auto read = ReadNifti(dir_.path() / "a.hdr");
    ASSERT_THAT(read, IsOk());
    EXPECT_EQ(read->orientation, "LAS");
    EXPECT_EQ(read->volume.at(0, 2, 3), 230) << "mirrored and scaled";
    EXPECT_THAT(read->volume.affine, ElementsAre(2, 0, 0, -2, 0, 1, 0, -1, 0, 0, 1, -2, 0, 0, 0, 1));
  }
  EXPECT_THAT(Read(NiftiBytes(NiftiBytes::kAnalyze, false, {2, 3, 4}).str() + "    "),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("no magic")));
}

TEST_F(Nifti, WritesWhatItReads) {
  Volume volume;
  volume.shape = {3, 4, 5};
  volume.spacing = {1, 2, 3};
  volume.affine = {1, 0, 0, -7, 0, 2, 0, 8.5, 0, 0, 3, 9, 0, 0, 0, 1};
  for (int i = 0; i < 60; ++i) volume.voxels.push_back(static_cast<float>(i) * 0.37f - 3);
  for (const char* name : {"a.nii", "a.nii.gz"}) {
    ASSERT_THAT(WriteNifti(dir_.path() / name, volume), IsOk());
    const auto read = ReadNifti(dir_.path() / name);
    ASSERT_THAT(read, IsOk());
    EXPECT_EQ(read->volume.voxels, volume.voxels);
    EXPECT_EQ(read->volume.affine, volume.affine);
    EXPECT_EQ(read->volume.spacing, volume.spacing);
    EXPECT_EQ(read->orientation, "RAS");
  }
  EXPECT_LT(std::filesystem::file_size(dir_.path() / "a.nii.gz"), std::filesystem::file_size(dir_.path() / "a.nii"));
  EXPECT_EQ(GzipBytes("x").substr(0, 2), ReadFile(dir_.path() / "a.nii.gz").substr(0, 2));
  volume.shape = {1, 1, 40000};
  volume.voxels.resize(40000);
  EXPECT_THAT(WriteNifti(dir_.path() / "b.nii", volume), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_FALSE(WriteNifti(dir_.path() / "no" / "b.nii", Volume{{1, 1, 1}, {1, 1, 1}, {}, {1}}).ok());
}

TEST(ClosestAxesTest, NamesObliqueAndPermutedAxes) {
  const auto codes = [](const std::array<double, 16>& affine) {
    const auto order = ClosestAxes(affine);
    return order.ok() ? order->codes : std::string(order.status().message());
  };
  EXPECT_EQ(codes({1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}), "RAS");
  EXPECT_EQ(codes({0, 0, -3, 0, 2, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0, 1}), "AIL");
  const double c = std::cos(0.6), s = std::sin(0.6);
  EXPECT_EQ(codes({1, 0, 0, 0, 0, c, -s, 0, 0, s, c, 0, 0, 0, 0, 1}), "RAS");
  EXPECT_THAT(codes({1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}), HasSubstr("singular"));
}

}  // namespace
}  // namespace amaes
