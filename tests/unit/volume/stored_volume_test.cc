#include "libs/volume/stored_volume.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>

#include "libs/base/rng.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/volume/stored_volume_frame.h"
#include "tests/unit/volume/nifti_bytes.h"

namespace amaes {
namespace {

using absl::StatusCode;
using testing::Each;
using testing::HasSubstr;

// Smooth with some noise, in [low, high].
Volume Scan(const Shape3& shape, float low = 0, float high = 1) {
  RandomStream random(11, Purpose::kPhantom, 0);
  Volume volume;
  volume.shape = shape;
  for (std::int64_t x = 0; x < shape[0]; ++x) {
    for (std::int64_t y = 0; y < shape[1]; ++y) {
      for (std::int64_t z = 0; z < shape[2]; ++z) {
        const double wave =
            0.5 + 0.4 * std::sin(0.1 * static_cast<double>(x + 2 * y)) * std::cos(0.07 * static_cast<double>(z));
        const double v = wave + 0.1 * random.UniformDouble();
        volume.voxels.push_back(low + (high - low) * static_cast<float>(std::clamp(v, 0.0, 1.0)));
      }
    }
  }
  return volume;
}

class Stored : public testing::Test {
 protected:
  std::filesystem::path path() const { return dir_.path() / "volume.b2nd"; }
  std::unique_ptr<StoredVolume> Store(const Volume& volume) {
    auto checksums = WriteStoredVolume(path(), volume);
    EXPECT_THAT(checksums, IsOk());
    auto stored = StoredVolume::Open(path(), *checksums);
    EXPECT_THAT(stored, IsOk());
    return *std::move(stored);
  }
  TempDir dir_;
};

std::vector<float> Box(StoredVolume& stored, const Shape3& start, const Shape3& size) {
  std::vector<float> out(static_cast<std::size_t>(VoxelCount(size)), -99);
  EXPECT_THAT(stored.ReadBox(start, size, absl::MakeSpan(out)), IsOk());
  return out;
}

std::vector<float> Cut(const Volume& volume, const Shape3& start, const Shape3& size) {
  std::vector<float> out;
  for (std::int64_t x = 0; x < size[0]; ++x) {
    for (std::int64_t y = 0; y < size[1]; ++y) {
      for (std::int64_t z = 0; z < size[2]; ++z) out.push_back(volume.at(start[0] + x, start[1] + y, start[2] + z));
    }
  }
  return out;
}

TEST_F(Stored, AStepThatIsWantedCoarserMakesSmallerFiles) {
  const Volume volume = Scan({40, 40, 40}, 0, 1);
  const auto fine = WriteStoredVolume(dir_.path() / "fine.b2nd", volume);
  const auto coarse = WriteStoredVolume(path(), volume, 1.0 / 4095);
  ASSERT_THAT(coarse, IsOk());
  EXPECT_LT(std::filesystem::file_size(path()) * 5, std::filesystem::file_size(dir_.path() / "fine.b2nd") * 4);
  const auto stored = StoredVolume::Open(path(), *coarse);
  ASSERT_THAT(stored, IsOk());
  const std::vector<float> read = Box(**stored, {0, 0, 0}, volume.shape);
  float largest = 0;
  for (std::size_t i = 0; i < read.size(); ++i) largest = std::max(largest, std::abs(read[i] - volume.voxels[i]));
  EXPECT_LE(largest, 0.5 / 4095 + 1e-6);
  EXPECT_GT(largest, 0.4 / 4095) << "the coarser step is not used";
}

TEST_F(Stored, AStepThatSixteenBitsCannotHoldIsMadeCoarser) {
  const Volume volume = Scan({20, 20, 20}, -500, 500);
  const auto checksums = WriteStoredVolume(path(), volume, 1.0 / 4095);
  ASSERT_THAT(checksums, IsOk());
  const auto stored = StoredVolume::Open(path(), *checksums);
  ASSERT_THAT(stored, IsOk());
  const std::vector<float> read = Box(**stored, {0, 0, 0}, volume.shape);
  for (std::size_t i = 0; i < read.size(); ++i) ASSERT_NEAR(read[i], volume.voxels[i], 0.5 * 1000 / 65535 + 1e-4);
}

TEST_F(Stored, KeepsValuesToHalfAStep) {
  for (const Shape3& shape :
       {Shape3{1, 1, 2}, Shape3{5, 1, 70}, Shape3{16, 16, 16}, Shape3{64, 64, 64}, Shape3{70, 65, 131}}) {
    const Volume volume = Scan(shape, -3, 8);
    const auto stored = Store(volume);
    EXPECT_EQ(stored->shape(), shape);
    EXPECT_EQ(stored->minimum(), *std::min_element(volume.voxels.begin(), volume.voxels.end()));
    const std::vector<float> read = Box(*stored, {0, 0, 0}, shape);
    for (std::size_t i = 0; i < read.size(); ++i) ASSERT_NEAR(read[i], volume.voxels[i], 0.5 * 11 / 65535 + 1e-6);
    EXPECT_EQ(*std::min_element(read.begin(), read.end()), stored->minimum());
    EXPECT_THAT(stored->Verify(), IsOk());
  }
}

TEST_F(Stored, KeepsLabelsAndConstantsExactly) {
  Volume labels = Scan({40, 70, 20}, -5, 5002);
  for (float& v : labels.voxels) v = std::rint(v);
  EXPECT_EQ(Box(*Store(labels), {0, 0, 0}, labels.shape), labels.voxels);
  for (const float value : {0.0f, 0.1f, -7.0f, 1e30f}) {
    const Volume constant{{70, 20, 20}, {1, 1, 1}, labels.affine, std::vector<float>(28000, value)};
    EXPECT_THAT(Box(*Store(constant), {0, 0, 0}, constant.shape), Each(value));
  }
  const Volume extreme{{1, 1, 3}, {1, 1, 1}, labels.affine, {-3e38f, 0.0f, 3e38f}};
  EXPECT_EQ(Box(*Store(extreme), {0, 0, 0}, extreme.shape).front(), -3e38f);
}

TEST_F(Stored, ReadsAnyBox) {
  const Volume volume = Scan({70, 65, 131});
  const auto stored = Store(volume);
  const Volume whole{volume.shape, volume.spacing, volume.affine, Box(*stored, {0, 0, 0}, volume.shape)};
  RandomStream random(5, Purpose::kCrop, 0);
  for (int round = 0; round < 200; ++round) {
    Shape3 start, size;
    for (int a = 0; a < 3; ++a) {
      start[a] = random.UniformInt(static_cast<std::uint32_t>(volume.shape[a]));
      size[a] = 1 + random.UniformInt(static_cast<std::uint32_t>(volume.shape[a] - start[a]));
    }
    ASSERT_EQ(Box(*stored, start, size), Cut(whole, start, size));
  }
  EXPECT_TRUE(Box(*stored, {70, 0, 0}, {0, 3, 3}).empty());
}

TEST_F(Stored, RefusesABoxThatIsNotInside) {
  const auto stored = Store(Scan({20, 20, 20}));
  std::vector<float> out(8);
  for (const Shape3& start : {Shape3{-1, 0, 0}, Shape3{0, 19, 0}, Shape3{0, 0, 21}, Shape3{INT64_MAX, 0, 0}}) {
    EXPECT_THAT(stored->ReadBox(start, {2, 2, 2}, absl::MakeSpan(out)), StatusIs(StatusCode::kOutOfRange));
  }
  EXPECT_THAT(stored->ReadBox({0, 0, 0}, {2, -2, 2}, absl::MakeSpan(out)), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(stored->ReadBox({1, 0, 0}, {INT64_MAX, 2, 2}, absl::MakeSpan(out)), StatusIs(StatusCode::kOutOfRange));
}

TEST_F(Stored, ReadsOnlyTheChunksThatABoxTouches) {
  const auto stored = Store(Scan({130, 130, 130}));
  const std::string bytes = ReadFile(path());
  const auto frame =
      ParseFrame(static_cast<std::int64_t>(bytes.size()), [&](std::int64_t position, std::int64_t size, char* out) {
        std::memcpy(out, bytes.data() + position, static_cast<std::size_t>(size));
        return absl::OkStatus();
      });
  ASSERT_THAT(frame, IsOk());
  ASSERT_EQ(frame->chunks.size(), 27u);
  EXPECT_EQ(stored->bytes_read(), 0);
  Box(*stored, {10, 70, 10}, {20, 20, 20});  // chunk (0, 1, 0)
  EXPECT_EQ(stored->bytes_read(), frame->chunks[3].size);
  Box(*stored, {63, 64, 0}, {2, 1, 1});  // chunks (0, 1, 0) and (1, 1, 0)
  EXPECT_EQ(stored->bytes_read(), 2 * frame->chunks[3].size + frame->chunks[12].size);
}

TEST_F(Stored, ServesManyThreads) {
  const Volume volume = Scan({100, 80, 90});
  const auto stored = Store(volume);
  const Volume whole{volume.shape, volume.spacing, volume.affine, Box(*stored, {0, 0, 0}, volume.shape)};
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      RandomStream random(6, Purpose::kCrop, t);
      for (int round = 0; round < 40; ++round) {
        const Shape3 start{random.UniformInt(60), random.UniformInt(40), random.UniformInt(50)};
        std::vector<float> out(40 * 40 * 40);
        if (!stored->ReadBox(start, {40, 40, 40}, absl::MakeSpan(out)).ok()) ++wrong;
        if (out != Cut(whole, start, {40, 40, 40})) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(Stored, IsWrittenTheSameEveryTime) {
  const Volume volume = Scan({70, 30, 30});
  const auto first = WriteStoredVolume(path(), volume);
  const auto second = WriteStoredVolume(dir_.path() / "again.b2nd", volume);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(*first, *second);
  EXPECT_EQ(ReadFile(path()), ReadFile(dir_.path() / "again.b2nd"));
}

TEST_F(Stored, TakesLittleRoomForBackground) {
  Volume volume = Scan({96, 96, 96});
  // Half the volume is background, as in a scan.
  for (std::size_t i = 0; i < volume.voxels.size() / 2; ++i) volume.voxels[i] = 0;
  Store(volume);
  EXPECT_LT(std::filesystem::file_size(path()), volume.voxels.size());
}

TEST_F(Stored, RefusesWhatItCannotHold) {
  EXPECT_THAT(WriteStoredVolume(path(), Volume()), StatusIs(StatusCode::kInvalidArgument));
  Volume volume = Scan({4, 4, 4});
  volume.voxels.pop_back();
  EXPECT_THAT(WriteStoredVolume(path(), volume), StatusIs(StatusCode::kInvalidArgument));
  for (const float bad : {NAN, INFINITY}) {
    volume = Scan({4, 4, 4});
    volume.voxels[7] = bad;
    EXPECT_THAT(WriteStoredVolume(path(), volume), StatusIs(StatusCode::kInvalidArgument, HasSubstr("not finite")));
  }
  volume = Scan({4, 4, 4});
  volume.affine[3] = NAN;
  EXPECT_THAT(WriteStoredVolume(path(), volume), StatusIs(StatusCode::kInvalidArgument, HasSubstr("affine")));
  EXPECT_FALSE(std::filesystem::exists(path()));
  EXPECT_FALSE(WriteStoredVolume(dir_.path() / "no" / "volume.b2nd", Scan({4, 4, 4})).ok());
}

}  // namespace
}  // namespace amaes
