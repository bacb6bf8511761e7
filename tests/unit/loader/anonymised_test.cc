// Voxels of anonymisation masks: out of the loss, and crops keep away from them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>

#include "absl/strings/str_cat.h"
#include "libs/base/digest.h"
#include "libs/base/files.h"
#include "libs/base/rng.h"
#include "libs/base/testing/fake_clock.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/draws/crop_choice.h"
#include "libs/loader/augmented_sample.h"
#include "libs/loader/loader.h"
#include "libs/loader/sample_reader.h"
#include "libs/volume/stored_volume.h"
#include "tests/unit/loader/next_samples.h"

namespace amaes {
namespace {

using ::testing::HasSubstr;

const Shape3 kPatch{16, 20, 24};

using Anonymised = std::function<bool(std::int64_t x, std::int64_t y, std::int64_t z)>;

class AnonymisedTest : public ::testing::Test {
 protected:
  void Store(const std::string& name, const Volume& volume, std::vector<std::uint32_t>& checksums) const {
    const std::filesystem::path path = VolumePath(folder_.path(), name);
    ASSERT_OK(files::MakeFolders(path.parent_path()));
    const auto written = WriteStoredVolume(path, volume);
    ASSERT_OK(written);
    checksums = *written;
  }

  // A volume of noise.
  CatalogueEntry& Add(const Shape3& shape, Split split = Split::kTrain) {
    const std::size_t number = version_.entries.size();
    RandomStream random(number, Purpose::kPhantom, 0);
    Volume volume;
    volume.shape = shape;
    for (std::int64_t i = 0; i < VoxelCount(shape); ++i)
      volume.voxels.push_back(static_cast<float>(random.UniformDouble()));
    CatalogueEntry entry;
    entry.volume = Sha256Hex(absl::StrCat("volume ", number));
    entry.voxel_digest = Sha256Hex(absl::StrCat("voxels ", number));
    entry.subject = absl::StrCat("sub-", number);
    entry.shape = shape;
    entry.split = split;
    Store(entry.volume, volume, entry.chunk_checksums);
    version_.entries.push_back(entry);
    version_.digest = VersionDigest(version_);
    return version_.entries.back();
  }

  // Stores a mask beside the volume. Its label values stay unknown unless `counted`.
  void Mask(CatalogueEntry& entry, const Anonymised& anonymised, bool counted = false, float value = 1) const {
    Volume mask;
    mask.shape = entry.shape;
    std::int64_t voxels = 0;
    for (std::int64_t x = 0; x < mask.shape[0]; ++x) {
      for (std::int64_t y = 0; y < mask.shape[1]; ++y) {
        for (std::int64_t z = 0; z < mask.shape[2]; ++z) {
          mask.voxels.push_back(anonymised(x, y, z) ? value : 0.0f);
          voxels += anonymised(x, y, z) ? 1 : 0;
        }
      }
    }
    Companion companion;
    companion.role = "anonymisation_mask";
    companion.volume = Sha256Hex(absl::StrCat(entry.volume, " mask ", entry.companions.size()));
    if (counted) companion.values = {{0, VoxelCount(mask.shape) - voxels}};
    if (counted && voxels > 0) companion.values.push_back({value, voxels});
    Store(companion.volume, mask, companion.chunk_checksums);
    entry.companions.push_back(companion);
  }

  void Damage(const std::string& name) const {
    const std::filesystem::path path = VolumePath(folder_.path(), name);
    auto content = files::Read(path);
    ASSERT_OK(content);
    (*content)[content->size() / 2] ^= 0x10;
    ASSERT_OK(files::WriteAtomic(path, *content));
  }

  LoaderOptions Options(const Augmentation& augmentation = {}) const {
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

  std::uint64_t DrawSeed() const {
    return SampleStream(5, version_.digest, static_cast<std::int64_t>(version_.entries.size())).draw_seed();
  }

  TempDir folder_;
  DatasetVersion version_;
  FakeClock clock_;
};

bool Inside(const Shape3& shape, std::int64_t x, std::int64_t y, std::int64_t z) {
  return x >= 0 && y >= 0 && z >= 0 && x < shape[0] && y < shape[1] && z < shape[2];
}

// The candidate that the rule names, with the shares counted voxel by voxel.
CropDraw ChosenByHand(const std::vector<CropDraw>& candidates, const Shape3& volume, const Shape3& patch,
                      const Anonymised& anonymised) {
  std::size_t best = 0;
  double least = 2;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    Shape3 begin;
    for (int a = 0; a < 3; ++a) {
      begin[a] = candidates[i].start[a] - candidates[i].before[a] + (candidates[i].size[a] - patch[a]) / 2;
    }
    double there = 0, excluded = 0;
    for (std::int64_t x = begin[0]; x < begin[0] + patch[0]; ++x) {
      for (std::int64_t y = begin[1]; y < begin[1] + patch[1]; ++y) {
        for (std::int64_t z = begin[2]; z < begin[2] + patch[2]; ++z) {
          if (!Inside(volume, x, y, z)) continue;
          ++there;
          excluded += anonymised(x, y, z) ? 1 : 0;
        }
      }
    }
    if (excluded <= there / 2) return candidates[i];
    if (excluded / there < least) {
      least = excluded / there;
      best = i;
    }
  }
  return candidates[best];
}

// Nearest voxel of the mask for every voxel of the patch; empty where none is anonymised.
std::vector<std::uint8_t> ExcludedByHand(const SampleGrid& grid, const Shape3& volume, const Anonymised& anonymised) {
  std::vector<std::uint8_t> out;
  const auto voxels = static_cast<std::size_t>(VoxelCount(grid.patch));
  for (std::int64_t x = 0; x < grid.patch[0]; ++x) {
    for (std::int64_t y = 0; y < grid.patch[1]; ++y) {
      for (std::int64_t z = 0; z < grid.patch[2]; ++z) {
        const Shape3 voxel{x, y, z};
        Shape3 place;
        for (int to = 0; to < 3; ++to) {
          double at = grid.middle[to];
          for (int from = 0; from < 3; ++from) {
            double offset = static_cast<double>(voxel[from]) - static_cast<double>(grid.patch[from] - 1) / 2;
            if (!grid.displacement.empty())
              offset += static_cast<double>(grid.displacement[from * voxels + out.size()]);
            at += offset * grid.matrix[from * 3 + to];
          }
          place[to] = static_cast<std::int64_t>(std::floor(at + 0.5));
        }
        const bool inside = Inside(volume, place[0], place[1], place[2]);
        out.push_back(inside && anonymised(place[0], place[1], place[2]) ? 1 : 0);
      }
    }
  }
  if (std::count(out.begin(), out.end(), 1) == 0) out.clear();
  return out;
}

// A face: a slanted part of the front, with holes.
bool Face(std::int64_t x, std::int64_t y, std::int64_t z) { return y + z / 3 > 30 && (x / 5 + z / 4) % 4 != 0; }

TEST_F(AnonymisedTest, WithoutAugmentationItIsTheMasksCrop) {
  for (const Shape3& shape : {Shape3{40, 50, 36}, Shape3{14, 60, 20}, Shape3{70, 65, 66}}) Mask(Add(shape), Face);
  Add({40, 40, 40});
  int some = 0, none = 0;
  for (const Sample& sample : Samples(Options(), 60)) {
    const CatalogueEntry& entry = version_.entries[sample.volume];
    std::vector<std::uint8_t> expected;
    for (std::int64_t x = 0; x < kPatch[0]; ++x) {
      for (std::int64_t y = 0; y < kPatch[1]; ++y) {
        for (std::int64_t z = 0; z < kPatch[2]; ++z) {
          const Shape3 at{sample.crop.start[0] - sample.crop.before[0] + x,
                          sample.crop.start[1] - sample.crop.before[1] + y,
                          sample.crop.start[2] - sample.crop.before[2] + z};
          const bool inside = Inside(entry.shape, at[0], at[1], at[2]);
          expected.push_back(!entry.companions.empty() && inside && Face(at[0], at[1], at[2]) ? 1 : 0);
        }
      }
    }
    if (std::count(expected.begin(), expected.end(), 1) == 0) expected.clear();
    EXPECT_EQ(sample.excluded, expected) << sample.position;
    ++(expected.empty() ? none : some);
  }
  EXPECT_GT(some, 20);
  EXPECT_GT(none, 10);
}

TEST_F(AnonymisedTest, ItGoesWhereTheImageGoes) {
  for (const Shape3& shape : {Shape3{60, 64, 70}, Shape3{14, 70, 20}, Shape3{70, 65, 66}}) Mask(Add(shape), Face);
  Augmentation augmentation = AugmentationOf(AugmentPreset::kIntended);
  augmentation.p_rotation = augmentation.p_scale = augmentation.p_elastic = 0.7;
  int turned = 0;
  for (const Sample& sample : Samples(Options(augmentation), 60)) {
    const Shape3& shape = version_.entries[sample.volume].shape;
    const CropDraw drawn =
        ChosenByHand(DrawCropCandidates(DrawSeed(), sample.position, shape, WideCrop(kPatch)), shape, kPatch, Face);
    const SampleGrid grid = MakeGrid(DrawSpatial(DrawSeed(), sample.position, augmentation), drawn, kPatch,
                                     augmentation, DrawSeed(), sample.position);
    EXPECT_EQ(sample.excluded, ExcludedByHand(grid, shape, Face)) << sample.position;
    turned += !grid.straight() && !sample.excluded.empty() ? 1 : 0;
  }
  EXPECT_GT(turned, 20);
}

TEST_F(AnonymisedTest, CropsKeepAwayFromIt) {
  const auto most = [](std::int64_t x, std::int64_t, std::int64_t) { return x < 60; };
  Mask(Add({100, 40, 40}), most);
  Mask(Add({100, 40, 40}, Split::kHeldOut), most);
  const std::uint64_t fixed_seed = FixedCropStream(version_.digest, 1).draw_seed();
  ASSERT_OK_AND_ASSIGN(const std::vector<Sample> fixed, LoadFixedCrops(version_, Split::kHeldOut, 40, Options()));
  const std::vector<Sample> training = Samples(Options(), 40);
  for (const std::vector<Sample>* samples : {&training, &fixed}) {
    int moved = 0, free = 0;
    for (const Sample& sample : *samples) {
      const Shape3 shape{100, 40, 40};
      const std::vector<CropDraw> candidates =
          sample.fixed ? DrawValidationCropCandidates(fixed_seed, sample.position, shape, kPatch)
                       : DrawCropCandidates(DrawSeed(), sample.position, shape, kPatch);
      EXPECT_EQ(sample.crop, ChosenByHand(candidates, shape, kPatch, most)) << sample.position;
      moved += sample.crop == candidates.front() ? 0 : 1;
      free += std::count(sample.excluded.begin(), sample.excluded.end(), 1) <= VoxelCount(kPatch) / 2 ? 1 : 0;
    }
    EXPECT_GT(moved, 15);
    EXPECT_GT(free, 36);
  }
}

TEST_F(AnonymisedTest, AVolumeWithNothingElseIsStillRead) {
  Mask(Add({40, 40, 40}), [](auto...) { return true; });
  for (const Sample& sample : Samples(Options(), 4)) {
    EXPECT_EQ(sample.crop, DrawCrop(DrawSeed(), sample.position, {40, 40, 40}, kPatch));
    EXPECT_EQ(sample.excluded, std::vector<std::uint8_t>(static_cast<std::size_t>(VoxelCount(kPatch)), 1));
  }
}

// Beyond the volume nothing is anonymised, though no voxel of the mask is 0.
TEST_F(AnonymisedTest, PaddingIsNotExcluded) {
  Mask(Add({10, 20, 24}), [](auto...) { return true; });
  const std::vector<Sample> samples = Samples(Options(), 1);
  EXPECT_EQ(std::count(samples[0].excluded.begin(), samples[0].excluded.end(), 1), 10 * 20 * 24);
  EXPECT_EQ(samples[0].excluded.size(), 16 * 20 * 24u);
}

TEST_F(AnonymisedTest, IncludedTheyAreOrdinaryVoxels) {
  Add({100, 40, 40});
  Add({60, 40, 44});
  const Augmentation augmentation = AugmentationOf(AugmentPreset::kSpatial);
  const std::vector<Sample> before = Samples(Options(augmentation), 20);
  for (CatalogueEntry& entry : version_.entries) Mask(entry, [](std::int64_t x, auto...) { return x < 60; });
  LoaderOptions options = Options(augmentation);
  options.exclude_anonymised = false;
  const std::vector<Sample> included = Samples(options, 20), excluded = Samples(Options(augmentation), 20);
  int moved = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(included[i].input, before[i].input);
    EXPECT_TRUE(included[i].excluded.empty());
    moved += excluded[i].input == before[i].input ? 0 : 1;
  }
  EXPECT_GT(moved, 5);
}

TEST_F(AnonymisedTest, VolumesWithoutAMaskAreReadAsBefore) {
  for (const Shape3& shape : {Shape3{60, 64, 70}, Shape3{14, 70, 20}}) Add(shape);
  for (const char* role : {"label", "anatomy_mask"}) {
    version_.entries[0].companions.emplace_back();
    version_.entries[0].companions.back().role = role;
  }
  Mask(
      version_.entries[1], [](auto...) { return false; }, /*counted=*/true);
  std::filesystem::remove(VolumePath(folder_.path(), version_.entries[1].companions[0].volume));
  LoaderOptions include = Options(AugmentationOf(AugmentPreset::kIntended));
  include.exclude_anonymised = false;
  const std::vector<Sample> samples = Samples(Options(include.augmentation), 20), expected = Samples(include, 20);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    EXPECT_EQ(samples[i].input, expected[i].input);
    EXPECT_TRUE(samples[i].excluded.empty());
  }
}

// What is known of the masks saves reading, and changes nothing.
TEST_F(AnonymisedTest, TheSameWhetherItsVoxelsAreCountedOrNot) {
  // Fewer voxels than half a patch has.
  const auto block = [](std::int64_t x, std::int64_t y, std::int64_t z) {
    return x / 10 == 3 && y >= 25 && y < 43 && z >= 22 && z < 42;
  };
  Add({64, 64, 64});
  Mask(version_.entries[0], block);
  const std::vector<Sample> unknown = Samples(Options(), 20);
  version_.entries[0].companions.clear();
  Mask(version_.entries[0], block, /*counted=*/true, /*value=*/7);
  const std::vector<Sample> known = Samples(Options(), 20);
  int some = 0;
  for (std::size_t i = 0; i < known.size(); ++i) {
    EXPECT_EQ(known[i].input, unknown[i].input);
    EXPECT_EQ(known[i].excluded, unknown[i].excluded);
    some += known[i].excluded.empty() ? 0 : 1;
  }
  EXPECT_GT(some, 2);
}

TEST_F(AnonymisedTest, SeveralMasksAddUp) {
  CatalogueEntry& entry = Add({16, 20, 24});
  Mask(entry, [](std::int64_t x, auto...) { return x < 3; });
  Mask(entry, [](std::int64_t x, auto...) { return x == 2 || x == 9; });
  EXPECT_EQ(AnonymisationMasks(entry).size(), 2u);
  const std::vector<Sample> samples = Samples(Options(), 1);
  EXPECT_EQ(std::count(samples[0].excluded.begin(), samples[0].excluded.end(), 1), 4 * 20 * 24);
}

TEST_F(AnonymisedTest, OnlyTouchedChunksOfTheMaskAreRead) {
  CatalogueEntry& entry = Add({256, 128, 128});  // 16 chunks, of which a crop touches 8 at most
  // Noise, so that every chunk has bytes; a third of it, so that the first candidate is taken.
  Mask(entry, [](std::int64_t x, std::int64_t y, std::int64_t z) {
    return RandomStream(3, Purpose::kPhantom, static_cast<std::uint64_t>((x * 128 + y) * 128 + z)).UniformInt(3) == 0;
  });
  const auto bytes = [&](bool exclude) {
    LoaderOptions options = Options();
    options.exclude_anonymised = exclude;
    options.cache_bytes = std::int64_t{1} << 30;
    const auto loader = *Loader::Create(version_, options, clock_);
    EXPECT_OK(loader->Next());
    return loader->bytes_read();
  };
  const auto of_mask = static_cast<double>(bytes(true) - bytes(false));
  const auto size =
      static_cast<double>(std::filesystem::file_size(VolumePath(folder_.path(), entry.companions[0].volume)));
  EXPECT_GT(of_mask, 0);
  EXPECT_LE(of_mask, size * 8 / 16 * 1.05);
}

TEST_F(AnonymisedTest, ADamagedMaskIsADamagedVolume) {
  for (const bool counted : {false, true}) {  // damage is met in choosing, or in reading the crop
    version_.entries.clear();
    CatalogueEntry& entry = Add({40, 40, 40});
    Mask(
        entry, [](std::int64_t x, std::int64_t y, std::int64_t z) { return (x * y + z) % 40 == 0; }, counted);
    const std::string mask = entry.companions[0].volume;
    Damage(mask);
    LoaderOptions options = Options();
    ASSERT_OK_AND_ASSIGN(const auto failing, Loader::Create(version_, options, clock_));
    const auto strict = failing->Next();
    for (const std::string& part : {std::string("position 0"), entry.volume, mask, std::string("chunk 0")}) {
      EXPECT_THAT(strict, StatusIs(absl::StatusCode::kDataLoss, HasSubstr(part)));
    }
    EXPECT_THAT(LoadFixedCrops(version_, Split::kTrain, 1, options), StatusIs(absl::StatusCode::kDataLoss));
    options.skip_damaged = true;
    const std::vector<Sample> samples = Samples(options, 3);
    ASSERT_OK_AND_ASSIGN(const std::vector<Sample> fixed, LoadFixedCrops(version_, Split::kTrain, 2, options));
    for (const std::vector<Sample>* all : {&samples, &fixed}) {
      for (const Sample& sample : *all) {
        EXPECT_TRUE(sample.skipped);
        EXPECT_TRUE(sample.input.empty() && sample.excluded.empty());
      }
    }
    options.exclude_anonymised = false;
    EXPECT_FALSE(Samples(options, 1)[0].skipped) << "it is not looked at";
  }
}

TEST_F(AnonymisedTest, AMissingMaskIsNotFound) {
  CatalogueEntry& entry = Add({40, 40, 40});
  Mask(entry, Face);
  std::filesystem::remove(VolumePath(folder_.path(), entry.companions[0].volume));
  LoaderOptions options = Options();
  options.skip_damaged = true;
  ASSERT_OK_AND_ASSIGN(const auto loader, Loader::Create(version_, options, clock_));
  EXPECT_THAT(loader->Next(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("anonymisation mask")));
}

}  // namespace
}  // namespace amaes
