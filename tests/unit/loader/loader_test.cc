#include "libs/loader/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "libs/base/digest.h"
#include "libs/base/files.h"
#include "libs/base/rng.h"
#include "libs/base/testing/fake_clock.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/loader/volume_cache.h"
#include "libs/volume/stored_volume.h"
#include "tests/unit/loader/next_samples.h"

namespace amaes {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// A second later at every look.
class TickingClock final : public Clock {
 public:
  absl::Time Now() override { return absl::UnixEpoch(); }
  absl::Duration Monotonic() override { return now_ += absl::Seconds(1); }

 private:
  absl::Duration now_;
};

class LoaderTest : public ::testing::Test {
 protected:
  static Volume Noise(const Shape3& shape, std::uint64_t seed) {
    RandomStream random(seed, Purpose::kPhantom, 0);
    Volume volume;
    volume.shape = shape;
    for (std::int64_t i = 0; i < VoxelCount(shape); ++i) {
      volume.voxels.push_back(static_cast<float>(0.25 + random.UniformDouble() / 2));
    }
    return volume;
  }

  CatalogueEntry& Add(const Shape3& shape, Split split = Split::kTrain) {
    const int number = static_cast<int>(version_.entries.size());
    CatalogueEntry entry;
    entry.volume = Sha256Hex(absl::StrCat("volume ", number));
    entry.voxel_digest = Sha256Hex(absl::StrCat("voxels ", number));
    entry.subject = absl::StrCat("sub-", number);
    entry.shape = shape;
    entry.split = split;
    const std::filesystem::path path = PathOf(entry);
    EXPECT_OK(files::MakeFolders(path.parent_path()));
    const auto checksums = WriteStoredVolume(path, Noise(shape, static_cast<std::uint64_t>(number)));
    EXPECT_OK(checksums);
    entry.chunk_checksums = *checksums;
    version_.entries.push_back(entry);
    version_.digest = VersionDigest(version_);
    return version_.entries.back();
  }

  void AddFive() {
    for (const Shape3& shape :
         {Shape3{40, 50, 36}, Shape3{70, 32, 33}, Shape3{20, 90, 8}, Shape3{16, 16, 16}, Shape3{65, 65, 65}}) {
      Add(shape);
    }
  }

  std::filesystem::path PathOf(const CatalogueEntry& entry) const { return VolumePath(folder_.path(), entry.volume); }

  void Damage(const CatalogueEntry& entry) {
    auto content = files::Read(PathOf(entry));
    ASSERT_OK(content);
    (*content)[content->size() / 2] ^= 0x10;
    ASSERT_OK(files::WriteAtomic(PathOf(entry), *content));
  }

  LoaderOptions Options(int threads = 0) const {
    LoaderOptions options;
    options.volumes = folder_.path();
    options.seed = 5;
    options.patch = Cube(32);
    options.global_batch = 4;
    options.lanes = {0, 4};
    options.threads = threads;
    return options;
  }

  std::vector<Sample> Load(const LoaderOptions& options, int count) {
    return NextSamples(version_, options, clock_, count);
  }

  static void ExpectEqual(const Sample& a, const Sample& b) {
    EXPECT_EQ(a.position, b.position);
    EXPECT_EQ(a.volume, b.volume);
    EXPECT_EQ(a.crop, b.crop);
    EXPECT_EQ(a.input, b.input);
    EXPECT_EQ(a.token_mask, b.token_mask);
    EXPECT_EQ(a.group, b.group);
    EXPECT_EQ(a.skipped, b.skipped);
  }

  TempDir folder_;
  FakeClock clock_;
  DatasetVersion version_;
};

// The crop as the header defines it, voxel by voxel.
std::vector<float> SlowCrop(StoredVolume& volume, const CropDraw& crop) {
  std::vector<float> whole(static_cast<std::size_t>(VoxelCount(volume.shape())));
  EXPECT_OK(volume.ReadBox({0, 0, 0}, volume.shape(), absl::MakeSpan(whole)));
  std::vector<float> patch;
  const auto inside = [&](int axis, std::int64_t i) {
    return i >= crop.before[axis] && i < crop.before[axis] + crop.read[axis];
  };
  for (std::int64_t x = 0; x < crop.size[0]; ++x) {
    for (std::int64_t y = 0; y < crop.size[1]; ++y) {
      for (std::int64_t z = 0; z < crop.size[2]; ++z) {
        if (!inside(0, x) || !inside(1, y) || !inside(2, z)) {
          patch.push_back(volume.minimum());
          continue;
        }
        const std::int64_t vx = x - crop.before[0] + crop.start[0], vy = y - crop.before[1] + crop.start[1];
        const std::int64_t vz = z - crop.before[2] + crop.start[2];
        patch.push_back(whole[(vx * volume.shape()[1] + vy) * volume.shape()[2] + vz]);
      }
    }
  }
  return patch;
}

TEST_F(LoaderTest, SamplesAreWhatStreamAndDrawsSay) {
  AddFive();
  const SampleStream stream(5, version_.digest, 5);
  const std::vector<Sample> samples = Load(Options(), 20);
  for (std::int64_t i = 0; i < 20; ++i) {
    const Sample& sample = samples[i];
    EXPECT_EQ(sample.position, i);
    EXPECT_EQ(sample.volume, stream.VolumeAt(i));
    const CatalogueEntry& entry = version_.entries[sample.volume];
    EXPECT_EQ(sample.crop, DrawCrop(stream.draw_seed(), i, entry.shape, Cube(32)));
    EXPECT_EQ(sample.token_mask, DrawTokenMask(stream.draw_seed(), i, Cube(32), 4, 0.6));
    EXPECT_FALSE(sample.skipped);
    ASSERT_OK_AND_ASSIGN(const auto stored, StoredVolume::Open(PathOf(entry), {}));
    EXPECT_EQ(sample.input, SlowCrop(*stored, sample.crop));
  }
}

TEST_F(LoaderTest, ThreadsAndPrefetchChangeNothing) {
  AddFive();
  const std::vector<Sample> direct = Load(Options(0), 40);
  for (const int threads : {1, 3}) {
    for (const std::int64_t prefetch : {1, 2, 7}) {
      LoaderOptions options = Options(threads);
      options.prefetch = prefetch;
      const std::vector<Sample> threaded = Load(options, 40);
      for (std::size_t i = 0; i < direct.size(); ++i) ExpectEqual(direct[i], threaded[i]);
    }
  }
}

TEST_F(LoaderTest, RanksShareTheBatchAndResumeAnywhere) {
  AddFive();
  constexpr int kSteps = 6;
  const std::vector<Sample> all = Load(Options(), 4 * kSteps);
  for (const std::int64_t world : {1, 2, 3}) {
    std::map<std::int64_t, Sample> by_position;
    for (std::int64_t rank = 0; rank < world; ++rank) {
      LoaderOptions options = Options(rank % 2 == 0 ? 2 : 0);
      options.lanes = LanesOf(rank, world, 4);
      options.first_step = 2;
      for (Sample& sample : Load(options, static_cast<int>(options.lanes.size()) * (kSteps - 2))) {
        EXPECT_TRUE(by_position.emplace(sample.position, std::move(sample)).second);
      }
    }
    ASSERT_THAT(by_position, SizeIs(4 * (kSteps - 2)));
    for (const auto& [position, sample] : by_position) ExpectEqual(sample, all[position]);
  }
}

TEST_F(LoaderTest, FarPositionsAreAsNearAsTheFirst) {
  AddFive();
  LoaderOptions options = Options(1);
  options.first_step = 250'000'000'000;
  EXPECT_EQ(Load(options, 2)[1].position, 1'000'000'000'001);
}

TEST_F(LoaderTest, ReadsOnlyChunksThatTheCropTouches) {
  const CatalogueEntry& entry = Add({256, 192, 192});  // 36 chunks, of which a crop of 32 touches 8 at most
  ASSERT_OK_AND_ASSIGN(const auto loader, Loader::Create(version_, Options(), clock_));
  EXPECT_EQ(loader->bytes_read(), 0);
  ASSERT_OK(loader->Next());
  const auto size = static_cast<double>(std::filesystem::file_size(PathOf(entry)));
  EXPECT_GT(loader->bytes_read(), 0);
  EXPECT_LE(static_cast<double>(loader->bytes_read()), size * 8 / 36 * 1.05);
}

TEST_F(LoaderTest, DamageFailsOrIsSkipped) {
  AddFive();
  Damage(version_.entries[4]);
  for (const int threads : {0, 2}) {
    LoaderOptions options = Options(threads);
    ASSERT_OK_AND_ASSIGN(const auto failing, Loader::Create(version_, options, clock_));
    options.skip_damaged = true;
    ASSERT_OK_AND_ASSIGN(const auto skipping, Loader::Create(version_, options, clock_));
    int damaged = 0;
    for (int i = 0; i < 15; ++i) {
      const auto strict = failing->Next();
      ASSERT_OK_AND_ASSIGN(const Sample sample, skipping->Next());
      EXPECT_EQ(sample.position, i);
      EXPECT_EQ(sample.skipped, !strict.ok());
      EXPECT_EQ(sample.input.empty(), sample.skipped);
      if (strict.ok()) continue;
      ++damaged;
      EXPECT_EQ(sample.volume, 4);
      EXPECT_THAT(strict, StatusIs(absl::StatusCode::kDataLoss, HasSubstr(version_.entries[4].volume)));
      EXPECT_THAT(strict, StatusIs(absl::StatusCode::kDataLoss, HasSubstr(absl::StrCat("position ", i))));
      EXPECT_THAT(strict, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("chunk ")));
    }
    EXPECT_GT(damaged, 0);
  }
}

TEST_F(LoaderTest, MissingVolumeIsNotFoundUnderBothPolicies) {
  Add({40, 40, 40});
  std::filesystem::remove(PathOf(version_.entries[0]));
  for (const bool skip : {false, true}) {
    LoaderOptions options = Options(1);
    options.skip_damaged = skip;
    ASSERT_OK_AND_ASSIGN(const auto loader, Loader::Create(version_, options, clock_));
    EXPECT_THAT(loader->Next(), StatusIs(absl::StatusCode::kNotFound));
  }
}

TEST_F(LoaderTest, AnotherShapeThanTheCataloguesIsDataLoss) {
  Add({40, 40, 40}).shape = {41, 40, 40};
  ASSERT_OK_AND_ASSIGN(const auto loader, Loader::Create(version_, Options(), clock_));
  EXPECT_THAT(loader->Next(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("its shape is 40x40x40")));
}

TEST_F(LoaderTest, WaitIsMeasured) {
  Add({40, 40, 40});
  for (const int threads : {0, 2}) {
    TickingClock clock;
    ASSERT_OK_AND_ASSIGN(const auto loader, Loader::Create(version_, Options(threads), clock));
    EXPECT_EQ(loader->data_wait(), absl::ZeroDuration());
    for (int i = 0; i < 3; ++i) ASSERT_OK(loader->Next());
    EXPECT_EQ(loader->data_wait(), absl::Seconds(3));
  }
}

TEST_F(LoaderTest, StopsAtAnyTime) {
  AddFive();
  for (int taken = 0; taken < 6; ++taken) Load(Options(3), taken);
}

TEST_F(LoaderTest, RefusesOptionsThatDoNotFit) {
  const auto code = [&](auto change) {
    LoaderOptions options = Options();
    change(options);
    return Loader::Create(version_, options, clock_).status().code();
  };
  EXPECT_EQ(code([](LoaderOptions&) {}), absl::StatusCode::kInvalidArgument);  // no training volume
  Add({40, 40, 40});
  EXPECT_EQ(code([](LoaderOptions&) {}), absl::StatusCode::kOk);
  EXPECT_EQ(code([](LoaderOptions& o) { o.patch = Cube(33); }), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](LoaderOptions& o) { o.lanes = {2, 5}; }), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](LoaderOptions& o) { o.lanes = {2, 2}; }), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](LoaderOptions& o) { o.mask_ratio = 1.5; }), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](LoaderOptions& o) { o.threads = 1, o.prefetch = 0; }), absl::StatusCode::kInvalidArgument);
}

TEST_F(LoaderTest, FixedCropsAreFixed) {
  AddFive();
  Add({40, 40, 40}, Split::kHeldOut);
  Add({20, 50, 50}, Split::kHeldOut);
  ASSERT_OK_AND_ASSIGN(const auto crops, LoadFixedCrops(version_, Split::kHeldOut, 5, Options()));
  ASSERT_OK_AND_ASSIGN(const auto again, LoadFixedCrops(version_, Split::kHeldOut, 5, Options(3)));
  ASSERT_THAT(crops, SizeIs(5));
  const std::uint64_t seed = FixedCropStream(version_.digest, 2).draw_seed();
  for (std::int64_t i = 0; i < 5; ++i) {
    ExpectEqual(crops[i], again[i]);
    EXPECT_EQ(crops[i].position, i);
    const CatalogueEntry& entry = version_.entries[5 + crops[i].volume];
    EXPECT_EQ(crops[i].crop, DrawValidationCrop(seed, i, entry.shape, Cube(32)));
    EXPECT_EQ(crops[i].token_mask, DrawValidationMask(seed, i, Cube(32), 4, 0.6));
    ASSERT_OK_AND_ASSIGN(const auto stored, StoredVolume::Open(PathOf(entry), {}));
    EXPECT_EQ(crops[i].input, SlowCrop(*stored, crops[i].crop));
  }
  EXPECT_NE(crops[0].volume, crops[1].volume);
  EXPECT_NE(crops[2].volume, crops[3].volume);
  ASSERT_OK_AND_ASSIGN(const auto training, LoadFixedCrops(version_, Split::kTrain, 3, Options()));
  EXPECT_THAT(training, SizeIs(3));
}

// Else the validations of two runs of one recipe could not be compared.
TEST_F(LoaderTest, FixedCropsDoNotDependOnTheSeed) {
  AddFive();
  for (int i = 0; i < 3; ++i) Add({40, 44, 48}, Split::kHeldOut);
  for (const Split split : {Split::kTrain, Split::kHeldOut}) {
    LoaderOptions other = Options();
    other.seed = Options().seed + 1;
    ASSERT_OK_AND_ASSIGN(const auto a, LoadFixedCrops(version_, split, 6, Options()));
    ASSERT_OK_AND_ASSIGN(const auto b, LoadFixedCrops(version_, split, 6, other));
    ASSERT_THAT(b, SizeIs(6));
    for (std::size_t i = 0; i < 6; ++i) ExpectEqual(a[i], b[i]);
  }
}

TEST_F(LoaderTest, SamplesSayOfWhichModalityTheyAre) {
  const std::vector<std::string> modalities = {"T1w", "FLAIR", "T1w", "PD", "T1w", "FLAIR"};
  for (std::size_t i = 0; i < 12; ++i)
    Add({12, 12, 12}, i < 6 ? Split::kTrain : Split::kHeldOut).modality = modalities[i % 6];
  LoaderOptions options = Options();
  for (const Sample& sample : Load(options, 6)) EXPECT_EQ(sample.group, -1) << "nothing is told apart";
  options.groups = {"T1w", "FLAIR", "other"};
  ASSERT_OK_AND_ASSIGN(const auto held_out, LoadFixedCrops(version_, Split::kHeldOut, 6, options));
  for (const std::vector<Sample>& samples : {Load(options, 6), held_out}) {
    std::multiset<std::int32_t> groups;
    for (const Sample& sample : samples) {
      groups.insert(sample.group);
      const std::string& modality = modalities[static_cast<std::size_t>(sample.volume)];
      EXPECT_EQ(sample.group, modality == "T1w" ? 0 : modality == "FLAIR" ? 1 : 2);
    }
    EXPECT_EQ(groups, (std::multiset<std::int32_t>{0, 0, 0, 1, 1, 2}));
  }
}

// Not the first of the catalogue only: those are of one site.
TEST_F(LoaderTest, FixedCropsAreSpreadOverTheSplit) {
  std::set<std::int64_t> seen;
  for (int i = 0; i < 40; ++i) Add({12, 12, 12});
  for (int other = 0; other < 3; ++other) {
    Add({12, 12, 12}, Split::kHeldOut);  // another version
    ASSERT_OK_AND_ASSIGN(const auto crops, LoadFixedCrops(version_, Split::kTrain, 8, Options()));
    std::set<std::int64_t> volumes;
    for (const Sample& crop : crops) volumes.insert(crop.volume);
    EXPECT_THAT(volumes, SizeIs(8)) << "each volume once before any comes again";
    EXPECT_GE(*volumes.rbegin(), 20);
    EXPECT_LT(*volumes.begin(), 20);
    seen.insert(volumes.begin(), volumes.end());
  }
  EXPECT_GT(seen.size(), 12u);
}

TEST_F(LoaderTest, ASelectionIsWhatIsReadAndValidatedOn) {
  for (int i = 0; i < 12; ++i) {
    CatalogueEntry& entry = Add({12, 12, 12}, i < 8 ? Split::kTrain : Split::kHeldOut);
    entry.modality = i % 2 == 0 ? "T1w" : "FLAIR";
  }
  ASSERT_OK_AND_ASSIGN(Selection selection, ResolveSelection(version_, "modality=FLAIR", "subject=sub-3:3"));
  LoaderOptions options = Options(1);
  options.selection = std::make_shared<const Selection>(selection);
  const SelectedStream stream(5, version_.digest, selection);
  std::map<std::int64_t, int> visits;
  for (const Sample& sample : Load(options, 12)) {
    ++visits[sample.volume];
    EXPECT_EQ(sample.volume, stream.VolumeAt(sample.position));
    EXPECT_EQ(sample.crop, DrawCrop(stream.draw_seed(), sample.position, {12, 12, 12}, Cube(32)));
  }
  EXPECT_EQ(visits, (std::map<std::int64_t, int>{{1, 2}, {3, 6}, {5, 2}, {7, 2}}));
  std::set<std::int64_t> train, held_out;
  ASSERT_OK_AND_ASSIGN(const auto train_crops, LoadFixedCrops(version_, Split::kTrain, 20, options));
  for (const Sample& crop : train_crops) train.insert(crop.volume);
  ASSERT_OK_AND_ASSIGN(const auto held_out_crops, LoadFixedCrops(version_, Split::kHeldOut, 20, options));
  for (const Sample& crop : held_out_crops) held_out.insert(crop.volume);
  EXPECT_EQ(train, (std::set<std::int64_t>{1, 3, 5, 7}));
  EXPECT_EQ(held_out, (std::set<std::int64_t>{1, 3}));
  // Repeats do not change what is validated on.
  ASSERT_OK_AND_ASSIGN(selection, ResolveSelection(version_, "modality=FLAIR", ""));
  LoaderOptions once = options;
  once.selection = std::make_shared<const Selection>(selection);
  ASSERT_OK_AND_ASSIGN(const auto a, LoadFixedCrops(version_, Split::kHeldOut, 3, options));
  ASSERT_OK_AND_ASSIGN(const auto b, LoadFixedCrops(version_, Split::kHeldOut, 3, once));
  for (int i = 0; i < 3; ++i) ExpectEqual(a[i], b[i]);
}

TEST_F(LoaderTest, ChunksComeFromMemoryWithinTheBudget) {
  AddFive();
  std::int64_t stored = 0;
  for (const CatalogueEntry& entry : version_.entries) {
    stored += static_cast<std::int64_t>(std::filesystem::file_size(PathOf(entry)));
  }
  const std::vector<Sample> expected = Load(Options(), 60);
  const auto load = [&](std::int64_t cache, int threads) {
    LoaderOptions options = Options(threads);
    options.cache_bytes = cache;
    auto loader = *Loader::Create(version_, options, clock_);
    for (const Sample& sample : expected) ExpectEqual(*loader->Next(), sample);
    return loader;
  };
  const auto none = load(0, 0), all = load(stored, 0), some = load(stored / 3, 0);
  EXPECT_EQ(none->cache_hits(), 0);
  EXPECT_LE(all->bytes_read(), stored) << "each chunk is read once";
  EXPECT_GT(all->cache_hits(), 0);
  EXPECT_LT(all->bytes_read(), some->bytes_read());
  EXPECT_LT(some->bytes_read(), none->bytes_read());
  EXPECT_LT(some->cache_hits(), all->cache_hits());
  EXPECT_GT(load(stored, 3)->cache_hits(), 0);
}

// What was read and checked stays usable; what was not in memory is checked as ever.
TEST_F(LoaderTest, DamageIsFoundBesideTheCache) {
  Add({20, 20, 20});
  LoaderOptions options = Options();
  options.cache_bytes = 1 << 20;
  ASSERT_OK_AND_ASSIGN(const auto loader, Loader::Create(version_, options, clock_));
  ASSERT_OK(loader->Next());
  Damage(version_.entries[0]);  // a new file: the open one is the old
  ASSERT_OK(loader->Next());
  EXPECT_EQ(loader->cache_hits(), 1);
  ASSERT_OK_AND_ASSIGN(const auto fresh, Loader::Create(version_, options, clock_));
  EXPECT_THAT(fresh->Next(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("chunk 0")));
}

TEST_F(LoaderTest, WhatAnEarlierAttemptSkippedIsSkippedUnread) {
  AddFive();
  LoaderOptions options = Options(2);
  options.skip_damaged = true;
  options.skip_positions = std::make_shared<const std::vector<std::int64_t>>(std::vector<std::int64_t>{2, 7});
  const std::vector<Sample> all = Load(Options(), 10), samples = Load(options, 10);
  for (std::int64_t i = 0; i < 10; ++i) {
    EXPECT_EQ(samples[i].skipped, i == 2 || i == 7);
    EXPECT_EQ(samples[i].input.empty(), samples[i].skipped);
    EXPECT_EQ(samples[i].volume, all[i].volume);
    if (!samples[i].skipped) ExpectEqual(samples[i], all[i]);
  }
}

TEST_F(LoaderTest, NoFixedCropsOfAnEmptySplit) {
  AddFive();
  ASSERT_OK_AND_ASSIGN(const auto crops, LoadFixedCrops(version_, Split::kHeldOut, 5, Options()));
  EXPECT_THAT(crops, SizeIs(0));
}

TEST_F(LoaderTest, CacheClosesTheLeastRecentlyUsed) {
  AddFive();
  VolumeCache cache(folder_.path(), 2);
  const auto get = [&](int i) { return *cache.Get(version_.entries[i]); };
  const auto first = get(0), second = get(1);
  EXPECT_EQ(get(0), first);
  const auto third = get(2);  // closes the second
  EXPECT_EQ(get(0), first);
  EXPECT_EQ(get(2), third);
  EXPECT_NE(get(1), second);
  std::vector<float> voxel(1);
  ASSERT_OK(second->ReadBox({0, 0, 0}, {1, 1, 1}, absl::MakeSpan(voxel)));  // still usable by who holds it
}

}  // namespace
}  // namespace amaes
