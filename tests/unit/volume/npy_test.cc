#include "libs/volume/npy.h"

#include <gtest/gtest.h>

#include "libs/base/rng.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/volume/foreign_b2nd.h"
#include "libs/volume/stored_volume.h"
#include "tests/unit/volume/nifti_bytes.h"

namespace amaes {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;

class Npy : public testing::Test {
 protected:
  // Version 1.0 with the header text given, padded as NumPy does, and the data behind it.
  static std::string File(const std::string& header, const std::string& data, int version = 1) {
    const std::size_t size = (header.size() + 12 + 64) / 64 * 64 - 10;
    std::string bytes = std::string("\x93NUMPY", 6) + static_cast<char>(version) + '\0';
    bytes += static_cast<char>(size & 0xff);
    bytes += static_cast<char>(size >> 8);
    if (version > 1) bytes += std::string(2, '\0');
    return bytes + header + std::string(size - header.size() - 1, ' ') + "\n" + data;
  }
  static std::string Floats(int count) {
    std::string data;
    for (int i = 0; i < count; ++i) {
      const auto value = static_cast<float>(i);
      data.append(reinterpret_cast<const char*>(&value), sizeof(value));
    }
    return data;
  }
  absl::StatusOr<ArrayVolume> Read(const std::string& bytes, const ArrayOptions& options = {}) {
    return ReadNpy(WriteFile(dir_.path() / "a.npy", bytes), options);
  }
  void ExpectRefused(const std::string& bytes, const std::string& why) {
    EXPECT_THAT(Read(bytes), StatusIs(StatusCode::kInvalidArgument, HasSubstr(why)));
  }
  TempDir dir_;
};

TEST_F(Npy, ReadsTheHeaderInAnyOrderOfKeys) {
  for (const std::string& header : {std::string("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 2), }"),
                                    std::string("{\"shape\":(1L,2L,2L),'fortran_order':False,'descr':\"<f4\"}")}) {
    for (const int version : {1, 2, 3}) {
      const auto read = Read(File(header, Floats(4), version));
      ASSERT_THAT(read, IsOk());
      EXPECT_THAT(read->volume.voxels, ElementsAre(0, 1, 2, 3));
      EXPECT_EQ(read->volume.shape, (Shape3{1, 2, 2}));
      EXPECT_EQ(read->datatype, "float32");
      EXPECT_EQ(read->minimum, 0);
      EXPECT_EQ(read->maximum, 3);
    }
  }
}

TEST_F(Npy, ReadsOneChannelInBothOrders) {
  const auto voxels = [&](const std::string& order, int channel) {
    ArrayOptions options;
    options.channel = channel;
    const auto read =
        Read(File("{'descr': '<f4', 'fortran_order': " + order + ", 'shape': (2, 1, 2, 2)}", Floats(8)), options);
    EXPECT_THAT(read, IsOk());
    return read.ok() ? read->volume.voxels : std::vector<float>();
  };
  EXPECT_THAT(voxels("False", 1), ElementsAre(4, 5, 6, 7));
  EXPECT_THAT(voxels("True", 0), ElementsAre(0, 4, 2, 6));
  EXPECT_THAT(voxels("True", 1), ElementsAre(1, 5, 3, 7));
}

TEST_F(Npy, CountsAndClearsVoxelsThatAreNotFinite) {
  std::string data = Floats(3);
  data += std::string("\0\0\xc0\x7f", 4);  // NaN
  const auto read = Read(File("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 2)}", data));
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->nonfinite_voxels, 1);
  EXPECT_THAT(read->volume.voxels, ElementsAre(0, 1, 2, 0));
}

TEST_F(Npy, NamesTheDefect) {
  const auto with = [&](const std::string& descr, const std::string& order, const std::string& shape) {
    return File("{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + "}", Floats(4));
  };
  const std::string good = with("'<f4'", "False", "(1, 2, 2)");
  EXPECT_THAT(Read(good), IsOk());
  for (std::size_t n = 0; n < good.size(); ++n) {
    EXPECT_THAT(Read(good.substr(0, n)), StatusIs(StatusCode::kInvalidArgument)) << n;
  }
  EXPECT_THAT(Read(good + "more"), IsOk());
  ExpectRefused(good.substr(0, good.size() - 1), "truncated");
  ExpectRefused(with("'<f4'", "False", "(1, 2, 3)"), "truncated");
  ExpectRefused(with("'<f4'", "False", "(2, 2)"), "2D image");
  ExpectRefused(with("'<f4'", "False", "(4,)"), "2D image");
  ExpectRefused(with("'<f4'", "False", "()"), "2D image");
  ExpectRefused(with("'<f4'", "False", "(1, 1, 1, 2, 2)"), "neither (X, Y, Z)");
  ExpectRefused(with("'<f4'", "False", "(0, 2, 2)"), "dimension 0");
  ExpectRefused(with("'<f4'", "False", "(-1, 2, 2)"), "not a .npy file");
  ExpectRefused(with("'<f4'", "False", "(99999999999999999999, 2, 2)"), "not a .npy file");
  ExpectRefused(with("'<f4'", "False", "(4000000000, 4000000000, 4000000000)"), "too large");
  ExpectRefused(with("'<f4'", "False", "(9000000000000000000, 1, 2, 2)"), "too large");
  ExpectRefused(with("'<f4'", "False", "(800, 800, 800)"), "truncated");
  ExpectRefused(with("'|O'", "False", "(1, 2, 2)"), "object array");
  ExpectRefused(with("'<c8'", "False", "(1, 2, 2)"), "complex voxels");
  ExpectRefused(with("'<U4'", "False", "(1, 2, 2)"), "unknown datatype");
  ExpectRefused(with("'<f16'", "False", "(1, 2, 2)"), "unknown datatype");
  ExpectRefused(with("[('a', '<f4')]", "False", "(1, 2, 2)"), "structured array");
  ExpectRefused(with("'<f4'", "Maybe", "(1, 2, 2)"), "neither True nor False");
  ExpectRefused(with("'<f4', 'descr': '<f4'", "False", "(1, 2, 2)"), "twice");
  ExpectRefused(File("{'descr': '<f4', 'shape': (1, 2, 2)}", Floats(4)), "lacks");
  ExpectRefused(File("__import__('os')", Floats(4)), "not a .npy file");
  ExpectRefused(File("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 2)} + 1", Floats(4)), "follows");
  ExpectRefused(File("{}", Floats(4), 4), "version 4");
  ExpectRefused("PK\x03\x04 and so on", "NumPy's magic");
  ExpectRefused(with("'<i4'", "False", "(1, 1, 1)"), "constant image");
  ArrayOptions options;
  options.channel = 1;
  EXPECT_THAT(Read(good, options), StatusIs(StatusCode::kInvalidArgument, HasSubstr("no channel 1")));
  EXPECT_THAT(ReadNpy(dir_.path() / "missing.npy"), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(ReadNpy(dir_.path()), StatusIs(StatusCode::kInvalidArgument, HasSubstr("regular file")));
}

TEST_F(Npy, SurvivesDamagedHeaders) {
  const std::string good = File("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 2), }", Floats(4));
  RandomStream random(3, Purpose::kPhantom, 0);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = good;
    for (std::uint32_t i = 0; i <= random.UniformInt(3); ++i) {
      bytes[random.UniformInt(static_cast<std::uint32_t>(bytes.size() - 16))] =
          static_cast<char>(random.UniformInt(128));
    }
    const auto read = Read(bytes);
    if (!read.ok()) {
      ASSERT_THAT(read, StatusIs(StatusCode::kInvalidArgument));
    } else {
      ASSERT_EQ(VoxelCount(read->volume.shape), static_cast<std::int64_t>(read->volume.voxels.size()));
    }
  }
}

TEST(ForeignB2nd, RefusesWhatIsNotOthersArray) {
  const TempDir dir;
  const auto refused = [&](const std::filesystem::path& path, const std::string& why) {
    EXPECT_THAT(ReadForeignB2nd(path), StatusIs(StatusCode::kInvalidArgument, HasSubstr(why)));
  };
  Volume volume;
  volume.shape = {4, 4, 4};
  for (int i = 0; i < 64; ++i) volume.voxels.push_back(static_cast<float>(i));
  ASSERT_THAT(WriteStoredVolume(dir.path() / "ours.b2nd", volume), IsOk());
  refused(dir.path() / "ours.b2nd", "a stored volume of amaes");
  refused(WriteFile(dir.path() / "junk.b2nd", std::string(1000, 'x')), "not a .b2nd file");
  refused(WriteFile(dir.path() / "empty.b2nd", ""), "not a .b2nd file");
  refused(dir.path(), "not a regular file");
  EXPECT_THAT(ReadForeignB2nd(dir.path() / "missing.b2nd"), StatusIs(StatusCode::kNotFound));
}

}  // namespace
}  // namespace amaes
