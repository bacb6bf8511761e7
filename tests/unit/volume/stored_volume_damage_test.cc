// Every byte of a stored volume matters: whatever is changed or cut must be noticed.
#include <gtest/gtest.h>

#include <cmath>

#include "libs/base/rng.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/volume/stored_volume.h"
#include "libs/volume/stored_volume_frame.h"
#include "tests/unit/volume/nifti_bytes.h"

namespace amaes {
namespace {

using absl::StatusCode;
using testing::AnyOf;
using testing::HasSubstr;

class DamagedVolume : public testing::Test {
 protected:
  // Noise with an empty corner, so that one chunk takes no room.
  void Store(const Shape3& shape) {
    RandomStream random(1, Purpose::kPhantom, 0);
    Volume volume;
    volume.shape = shape;
    for (std::int64_t i = 0; i < VoxelCount(shape); ++i) {
      const std::int64_t x = i / (shape[1] * shape[2]);
      const bool empty = x >= 64;
      volume.voxels.push_back(empty ? 0 : static_cast<float>(random.UniformInt(50)) * 0.02f);
    }
    auto checksums = WriteStoredVolume(path_, volume);
    ASSERT_THAT(checksums, IsOk());
    checksums_ = *std::move(checksums);
    bytes_ = ReadFile(path_);
    auto frame =
        ParseFrame(static_cast<std::int64_t>(bytes_.size()), [&](std::int64_t position, std::int64_t size, char* out) {
          std::memcpy(out, bytes_.data() + position, static_cast<std::size_t>(size));
          return absl::OkStatus();
        });
    ASSERT_THAT(frame, IsOk());
    frame_ = *std::move(frame);
  }

  // Opens the bytes and reads everything.
  absl::Status ReadAll(const std::string& bytes, bool with_checksums = true) {
    WriteFile(path_, bytes);
    auto stored = StoredVolume::Open(path_, with_checksums ? checksums_ : std::vector<std::uint32_t>());
    if (!stored.ok()) return stored.status();
    std::vector<float> out(static_cast<std::size_t>(VoxelCount((*stored)->shape())));
    return (*stored)->ReadBox({0, 0, 0}, (*stored)->shape(), absl::MakeSpan(out));
  }

  TempDir dir_;
  std::filesystem::path path_ = dir_.path() / "volume.b2nd";
  std::vector<std::uint32_t> checksums_;
  std::string bytes_;
  StoredFrame frame_;
};

TEST_F(DamagedVolume, EveryFlippedByteIsNoticed) {
  Store({8, 8, 8});
  ASSERT_THAT(ReadAll(bytes_), IsOk());
  for (std::size_t i = 0; i < bytes_.size(); ++i) {
    for (const char flip : {'\x01', '\x80', '\xff'}) {
      std::string damaged = bytes_;
      damaged[i] ^= flip;
      ASSERT_THAT(ReadAll(damaged), StatusIs(StatusCode::kDataLoss)) << "byte " << i << " of " << bytes_.size();
    }
  }
}

TEST_F(DamagedVolume, EveryCutIsNoticed) {
  Store({8, 8, 8});
  for (std::size_t n = 0; n < bytes_.size(); ++n) {
    ASSERT_THAT(ReadAll(bytes_.substr(0, n)), StatusIs(StatusCode::kDataLoss)) << n << " bytes";
  }
  EXPECT_THAT(ReadAll(bytes_ + "x"), StatusIs(StatusCode::kDataLoss));
}

TEST_F(DamagedVolume, AFlippedBitInAnyChunkIsNamed) {
  Store({130, 70, 66});
  ASSERT_EQ(frame_.chunks.size(), 12u);
  std::size_t empty = 0;
  for (std::size_t i = 0; i < frame_.chunks.size(); ++i) {
    const StoredChunk& chunk = frame_.chunks[i];
    if (chunk.size == 0) ++empty;
    for (const std::int64_t at : {std::int64_t{0}, chunk.size / 2, chunk.size - 1}) {
      if (chunk.size == 0) break;
      std::string damaged = bytes_;
      damaged[static_cast<std::size_t>(chunk.position + at)] ^= 4;
      ASSERT_THAT(ReadAll(damaged),
                  StatusIs(StatusCode::kDataLoss, HasSubstr("chunk " + std::to_string(i) + " is damaged")));
      const auto stored = StoredVolume::Open(path_, checksums_);
      ASSERT_THAT(stored, IsOk());
      EXPECT_THAT((*stored)->Verify(), StatusIs(StatusCode::kDataLoss, HasSubstr("chunk " + std::to_string(i) + " ")));
      float voxel = -1;
      const Shape3 elsewhere = i == 0 ? Shape3{70, 0, 0} : Shape3{0, 0, 0};
      EXPECT_THAT((*stored)->ReadBox(elsewhere, {1, 1, 1}, absl::MakeSpan(&voxel, 1)), IsOk()) << "another chunk";
    }
  }
  EXPECT_GT(empty, 0u) << "the empty corner takes room";
}

TEST_F(DamagedVolume, NothingCrashesWithoutChecksums) {
  Store({40, 40, 40});
  RandomStream random(2, Purpose::kPhantom, 0);
  for (int round = 0; round < 300; ++round) {
    std::string damaged = bytes_;
    const StoredChunk& chunk = frame_.chunks[0];
    const std::int64_t span = round % 2 == 0 ? std::min<std::int64_t>(chunk.size, 400) : chunk.size;
    const std::int64_t at = chunk.position + random.UniformInt(static_cast<std::uint32_t>(span));
    damaged[static_cast<std::size_t>(at)] = static_cast<char>(random.UniformInt(256));
    EXPECT_THAT(ReadAll(damaged, false).code(), AnyOf(StatusCode::kOk, StatusCode::kDataLoss));
  }
}

TEST_F(DamagedVolume, OtherFilesAreNotStoredVolumes) {
  Store({8, 8, 8});
  EXPECT_THAT(StoredVolume::Open(dir_.path() / "missing.b2nd", {}), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(StoredVolume::Open(dir_.path(), {}), StatusIs(StatusCode::kDataLoss));
  EXPECT_THAT(ReadAll(""), StatusIs(StatusCode::kDataLoss, HasSubstr("0 bytes")));
  EXPECT_THAT(ReadAll(std::string(5000, '\0')), StatusIs(StatusCode::kDataLoss, HasSubstr("no blosc2 frame")));
  std::string foreign = bytes_;
  foreign[foreign.find("\"crc32c\"") + 1] = 'C';
  EXPECT_THAT(ReadAll(foreign), StatusIs(StatusCode::kDataLoss, HasSubstr("without our metadata")));
  WriteFile(path_, bytes_);
  EXPECT_THAT(StoredVolume::Open(path_, {1, 2, 3}), StatusIs(StatusCode::kDataLoss, HasSubstr("3 checksums")));
}

TEST_F(DamagedVolume, ANewerFormatIsNamed) {
  Store({8, 8, 8});
  std::string newer = bytes_;
  const std::size_t format = newer.find("\"format\":1");
  ASSERT_NE(format, std::string::npos);
  newer[format + 9] = '2';
  newer.replace(newer.find("\"crc32c\":\"") + 10, 8, "00000000");
  ASSERT_THAT(SealFrame(newer), IsOk());
  EXPECT_THAT(ReadAll(newer), StatusIs(StatusCode::kDataLoss, HasSubstr("format 2, this version reads 1")));
}

}  // namespace
}  // namespace amaes
