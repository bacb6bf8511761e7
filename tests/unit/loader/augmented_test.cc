// Augmented samples against the transforms applied to the whole volume.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "absl/strings/str_cat.h"
#include "libs/base/digest.h"
#include "libs/base/files.h"
#include "libs/base/rng.h"
#include "libs/base/testing/fake_clock.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/loader/augmented_sample.h"
#include "libs/loader/loader.h"
#include "libs/loader/volume_cache.h"
#include "libs/transform/spatial.h"
#include "libs/volume/phantom.h"
#include "libs/volume/stored_volume.h"
#include "tests/unit/loader/next_samples.h"

namespace amaes {
namespace {

const Shape3 kPatch{16, 20, 24};

class AugmentedTest : public ::testing::Test {
 protected:
  AugmentedTest() {
    for (const Shape3& shape : {Shape3{60, 64, 70}, Shape3{14, 70, 20}, Shape3{90, 80, 100}}) Add(shape);
    version_.digest = VersionDigest(version_);
  }

  void Add(const Shape3& shape) {
    const int number = static_cast<int>(volumes_.size());
    PhantomOptions options;
    options.shape = shape;
    Volume volume = MakePhantom(number, options).images[0];
    const ValueRange range = RangeOf(volume.voxels);
    for (float& voxel : volume.voxels)
      voxel = std::round((voxel - range.minimum) / (range.maximum - range.minimum) * 255) / 255;
    CatalogueEntry entry;
    entry.volume = Sha256Hex(absl::StrCat("volume ", number));
    entry.voxel_digest = Sha256Hex(absl::StrCat("voxels ", number));
    entry.subject = absl::StrCat("sub-", number);
    entry.shape = shape;
    const std::filesystem::path path = VolumePath(folder_.path(), entry.volume);
    EXPECT_OK(files::MakeFolders(path.parent_path()));
    const auto checksums = WriteStoredVolume(path, volume);
    EXPECT_OK(checksums);
    entry.chunk_checksums = *checksums;
    version_.entries.push_back(entry);
    volumes_.push_back(std::move(volume));
  }

  LoaderOptions Options(const Augmentation& augmentation) const {
    return {.volumes = folder_.path(),
            .seed = 5,
            .patch = kPatch,
            .augmentation = augmentation,
            .global_batch = 2,
            .lanes = {0, 2},
            .threads = 0};
  }

  std::vector<Sample> Samples(const LoaderOptions& options, int count) {
    return NextSamples(version_, options, clock_, count);
  }

  // The volume inside `margin` voxels of its minimum on every side, with the whole of it read.
  Volume InASea(const Volume& volume, std::int64_t margin) const {
    Volume sea;
    for (int axis = 0; axis < 3; ++axis) sea.shape[axis] = volume.shape[axis] + 2 * margin;
    sea.voxels.assign(static_cast<std::size_t>(VoxelCount(sea.shape)), RangeOf(volume.voxels).minimum);
    for (std::int64_t x = 0; x < volume.shape[0]; ++x) {
      for (std::int64_t y = 0; y < volume.shape[1]; ++y) {
        for (std::int64_t z = 0; z < volume.shape[2]; ++z)
          sea.at(x + margin, y + margin, z + margin) = volume.at(x, y, z);
      }
    }
    return sea;
  }

  TempDir folder_;
  DatasetVersion version_;
  std::vector<Volume> volumes_;
  FakeClock clock_;
};

std::uint64_t DrawSeed(const DatasetVersion& version) {
  return SampleStream(5, version.digest, static_cast<std::int64_t>(version.entries.size())).draw_seed();
}

void ExpectNear(const std::vector<float>& a, const std::vector<float>& b, std::int64_t position) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-5) << position << " " << i;
}

Augmentation Often(AugmentPreset preset) {
  Augmentation augmentation = AugmentationOf(preset);
  augmentation.p_rotation = augmentation.p_scale = augmentation.p_elastic = 0.5;
  return augmentation;
}

TEST_F(AugmentedTest, TheRegionReadGivesWhatTheWholeVolumeGives) {
  constexpr std::int64_t kMargin = 60;
  const Augmentation augmentation = Often(AugmentPreset::kSpatial);
  int padded = 0;
  for (const Sample& sample : Samples(Options(augmentation), 40)) {
    const Volume& volume = volumes_[sample.volume];
    const std::uint64_t seed = DrawSeed(version_);
    const CropDraw drawn = DrawCrop(seed, sample.position, volume.shape, WideCrop(kPatch));
    SampleGrid grid =
        MakeGrid(DrawSpatial(seed, sample.position, augmentation), drawn, kPatch, augmentation, seed, sample.position);
    for (double& middle : grid.middle) middle += kMargin;
    const Volume sea = InASea(volume, kMargin);
    std::vector<float> expected(sample.input.size());
    ResampleCubic(grid, {sea.shape, {{}, sea.shape}, sea.voxels}, {0, 0, 1}, absl::MakeSpan(expected));
    ExpectNear(sample.input, expected, sample.position);
    EXPECT_TRUE(sample.target.empty());
    EXPECT_EQ(sample.shape, kPatch);
    padded += sample.crop.read == sample.crop.size ? 0 : 1;
  }
  EXPECT_GT(padded, 5);
}

TEST_F(AugmentedTest, TheReferenceSeesItsCropAndNothingElse) {
  const Augmentation augmentation = Often(AugmentPreset::kReference);
  for (const Sample& sample : Samples(Options(augmentation), 40)) {
    const Volume& volume = volumes_[sample.volume];
    const std::uint64_t seed = DrawSeed(version_);
    const CropDraw drawn = DrawCrop(seed, sample.position, volume.shape, WideCrop(kPatch));
    std::vector<float> crop(static_cast<std::size_t>(VoxelCount(drawn.size)), RangeOf(volume.voxels).minimum);
    for (std::int64_t x = 0; x < drawn.read[0]; ++x) {
      for (std::int64_t y = 0; y < drawn.read[1]; ++y) {
        for (std::int64_t z = 0; z < drawn.read[2]; ++z) {
          crop[((drawn.before[0] + x) * drawn.size[1] + drawn.before[1] + y) * drawn.size[2] + drawn.before[2] + z] =
              volume.at(drawn.start[0] + x, drawn.start[1] + y, drawn.start[2] + z);
        }
      }
    }
    const SampleGrid grid =
        MakeGrid(DrawSpatial(seed, sample.position, augmentation), drawn, kPatch, augmentation, seed, sample.position);
    const ValueRange range = RangeOf(crop);
    std::vector<float> expected(sample.input.size());
    ResampleCubic(grid, {drawn.size, {{}, drawn.size}, crop}, {range.minimum, range.minimum, range.maximum},
                  absl::MakeSpan(expected));
    ExpectNear(sample.target.empty() ? sample.input : sample.target, expected, sample.position);
  }
}

TEST_F(AugmentedTest, TheTargetIsThePatchAfterSpatialAndBeforeIntensity) {
  const std::vector<Sample> all = Samples(Options(AugmentationOf(AugmentPreset::kIntended)), 60);
  const std::vector<Sample> spatial = Samples(Options(AugmentationOf(AugmentPreset::kSpatial)), 60);
  int changed = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_TRUE(spatial[i].target.empty());
    EXPECT_EQ(all[i].target.empty() ? all[i].input : all[i].target, spatial[i].input) << i;
    const IntensityDraw draw =
        DrawIntensity(DrawSeed(version_), all[i].position, AugmentationOf(AugmentPreset::kIntended), kPatch, 1)[0];
    EXPECT_EQ(all[i].target.empty(), draw == IntensityDraw{});
    std::vector<float> input = spatial[i].input;
    ApplyIntensity(draw, AugmentationOf(AugmentPreset::kIntended), DrawSeed(version_), all[i].position, 0, kPatch,
                   absl::MakeSpan(input));
    EXPECT_EQ(all[i].input, input);
    changed += all[i].target.empty() || all[i].input == all[i].target ? 0 : 1;
  }
  EXPECT_GT(changed, 20);
}

// Without a spatial transform the patch itself is read; with one, the spline's reach more, turned and scaled.
TEST_F(AugmentedTest, WithoutReversalTheSameInputIsItsOwnTarget) {
  Augmentation augmentation = AugmentationOf(AugmentPreset::kIntended);
  const std::vector<Sample> with = Samples(Options(augmentation), 12);
  augmentation.reversal = false;
  const std::vector<Sample> without = Samples(Options(augmentation), 12);
  EXPECT_TRUE(std::any_of(with.begin(), with.end(), [](const Sample& sample) { return !sample.target.empty(); }));
  for (std::size_t i = 0; i < with.size(); ++i) {
    EXPECT_EQ(without[i].input, with[i].input) << i;
    EXPECT_TRUE(without[i].target.empty()) << i;
  }
}

TEST_F(AugmentedTest, ReadsOnlyWhatItNeeds) {
  const Augmentation augmentation = AugmentationOf(AugmentPreset::kSpatial);
  int moved = 0;
  for (const Sample& sample : Samples(Options(augmentation), 40)) {
    const SpatialDraw draw = DrawSpatial(DrawSeed(version_), sample.position, augmentation);
    const std::array<double, 9> identity{1, 0, 0, 0, 1, 0, 0, 0, 1};
    if (!draw.elastic && draw.matrix == identity) {
      EXPECT_EQ(sample.crop.size, kPatch);
      ++moved;
    } else {
      for (const std::int64_t side : sample.crop.size) EXPECT_LE(side, 2 * 24 + 40);
    }
  }
  EXPECT_GT(moved, 10);
}

TEST_F(AugmentedTest, DoesNotDependOnThreadsOrRanks) {
  LoaderOptions options = Options(AugmentationOf(AugmentPreset::kIntended));
  const std::vector<Sample> one = Samples(options, 20);
  options.threads = 3;
  const std::vector<Sample> threaded = Samples(options, 20);
  options.lanes = {1, 2};
  const std::vector<Sample> rank = Samples(options, 10);
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].input, threaded[i].input);
    EXPECT_EQ(one[i].target, threaded[i].target);
    if (i % 2 == 1) {
      EXPECT_EQ(one[i].input, rank[i / 2].input);
    }
  }
}

TEST_F(AugmentedTest, FixedCropsAreNotAugmented) {
  const auto augmented = LoadFixedCrops(version_, Split::kTrain, 4, Options(AugmentationOf(AugmentPreset::kReference)));
  const auto plain = LoadFixedCrops(version_, Split::kTrain, 4, Options({}));
  ASSERT_OK(augmented);
  ASSERT_OK(plain);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ((*augmented)[i].input, (*plain)[i].input);
    EXPECT_TRUE((*augmented)[i].target.empty());
  }
}

// Labels and excluded voxels go where the image goes.
TEST(AugmentedSample, LabelsFollowTheImage) {
  const Shape3 volume{50, 60, 55};
  const Augmentation augmentation = Often(AugmentPreset::kBasic);
  int turned = 0;
  for (std::int64_t position = 0; position < 40; ++position) {
    const CropDraw drawn = DrawCrop(1, position, volume, kPatch);
    const AugmentedSample augmented(augmentation, 1, position, kPatch, drawn, volume);
    Sample sample;
    sample.channels = 2;
    const auto voxels = static_cast<std::size_t>(VoxelCount(augmented.region().size));
    // A step across the middle of the region, smooth for the image.
    for (std::size_t c = 0; c < 2; ++c) {
      for (std::size_t i = 0; i < voxels; ++i)
        sample.input.push_back(static_cast<float>(i) / static_cast<float>(voxels) + static_cast<float>(c));
    }
    for (std::size_t i = 0; i < voxels; ++i) sample.labels.push_back(i > voxels / 2 ? 1 : 0);
    sample.excluded = sample.labels;
    augmented.Finish(std::nullopt, sample);
    const auto patch = static_cast<std::size_t>(VoxelCount(kPatch));
    ASSERT_EQ(sample.input.size(), 2 * patch);
    ASSERT_EQ(sample.labels.size(), patch);
    EXPECT_EQ(sample.excluded, sample.labels);
    EXPECT_TRUE(sample.target.empty());
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < patch; ++i) {
      wrong += (sample.input[i] > 0.5f) != (sample.labels[i] == 1) ? 1 : 0;
      ASSERT_NEAR(sample.input[patch + i], sample.input[i] + 1, 1e-5);
    }
    EXPECT_LT(wrong, patch / 20) << position;
    turned += augmented.region().size == kPatch ? 0 : 1;
  }
  EXPECT_GT(turned, 10);
}

}  // namespace
}  // namespace amaes
