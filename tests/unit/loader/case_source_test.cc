#include "libs/loader/case_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "libs/base/digest.h"
#include "libs/base/files.h"
#include "libs/base/testing/fake_clock.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/loader/loader.h"
#include "libs/volume/stored_volume.h"

namespace amaes {
namespace {

using ::testing::HasSubstr;

// What a voxel at this place in the world holds: exact in what is stored, so that a sample tells where it was read.
float AtPlace(std::int64_t x, std::int64_t y, std::int64_t z) { return static_cast<float>((x * 40 + y) * 40 + z); }
float LabelAt(std::int64_t x, std::int64_t y, std::int64_t z) {
  return x >= 20 && y >= 18 && z >= 9 && z < 12 ? 4.0F : 0.0F;
}

class CaseSourceTest : public ::testing::Test {
 protected:
  // Stores voxels of the box [begin, begin + shape) of the world.
  template <typename Value>
  std::vector<std::uint32_t> Store(const std::string& name, const Shape3& begin, const Shape3& shape,
                                   const Value& value) {
    amaes::Volume volume;
    volume.shape = shape;
    for (std::int64_t x = 0; x < shape[0]; ++x) {
      for (std::int64_t y = 0; y < shape[1]; ++y) {
        for (std::int64_t z = 0; z < shape[2]; ++z)
          volume.voxels.push_back(value(begin[0] + x, begin[1] + y, begin[2] + z));
      }
    }
    const std::filesystem::path path = VolumePath(folder_.path(), name);
    EXPECT_OK(files::MakeFolders(path.parent_path()));
    const auto checksums = WriteStoredVolume(path, volume);
    EXPECT_OK(checksums);
    return checksums.ok() ? *checksums : std::vector<std::uint32_t>();
  }

  void Add(const std::string& subject, const std::string& modality, const Shape3& begin, const Shape3& shape,
           bool labelled) {
    CatalogueEntry entry;
    entry.subject = subject;
    entry.modality = modality;
    entry.volume = Sha256Hex(subject + modality);
    entry.voxel_digest = Sha256Hex(entry.volume);
    entry.shape = shape;
    entry.affine = {1, 0, 0, double(begin[0]), 0, 1, 0, double(begin[1]), 0, 0, 1, double(begin[2]), 0, 0, 0, 1};
    entry.chunk_checksums = Store(entry.volume, begin, shape, AtPlace);
    if (labelled) {
      Companion label{"label", Sha256Hex(entry.volume + "label"), 1, {}, {}};
      label.chunk_checksums = Store(label.volume, begin, shape, LabelAt);
      entry.companions.push_back(label);
    }
    version_.entries.push_back(entry);
    version_.digest = VersionDigest(version_);
  }

  // FLAIR [5, 30)x[4, 29)x[3, 28) with the label; T1w begins later and ends earlier along x.
  void AddSubject(int number) {
    Add(absl::StrCat("sub-", number), "FLAIR", {5, 4, 3}, {25, 25, 25}, true);
    Add(absl::StrCat("sub-", number), "T1w", {8, 2, 3}, {18, 36, 27}, false);
  }

  LabelledCases Cases(std::vector<std::string> channels) {
    absl::StatusOr<LabelledCases> cases = FindCases(version_, {.channels = std::move(channels), .validation_share = 0});
    EXPECT_OK(cases);
    return *std::move(cases);
  }

  std::shared_ptr<CaseReader> Reader(bool skip_damaged = false) {
    return std::make_shared<CaseReader>(version_, labels_, CaseReaderOptions{folder_.path(), 0, skip_damaged});
  }

  static CaseSourceOptions Options(const Shape3& patch) {
    return {.seed = 3, .patch = patch, .foreground = 0.33, .global_batch = 4, .lanes = {0, 4}};
  }

  void Damage(const std::string& volume) {
    const std::filesystem::path path = VolumePath(folder_.path(), volume);
    auto content = files::Read(path);
    ASSERT_OK(content);
    (*content)[content->size() / 2] ^= 0x10;
    ASSERT_OK(files::WriteAtomic(path, *content));
  }

  const TempDir folder_;
  DatasetVersion version_;
  LabelSet labels_ = *ParseLabels("lesion=4", false, "");
};

// Every voxel of every channel is what lies at its place of the world, or the channel's minimum.
void ExpectPlaced(const Sample& sample, const Shape3& patch) {
  const Shape3 begins[] = {{5, 4, 3}, {8, 2, 3}}, shapes[] = {{25, 25, 25}, {18, 36, 27}};
  ASSERT_EQ(sample.shape, patch);
  ASSERT_EQ(sample.channels, 2);
  ASSERT_EQ(sample.input.size(), static_cast<std::size_t>(2 * VoxelCount(patch)));
  std::size_t wrong = 0, i = 0;
  for (std::int64_t x = 0; x < patch[0]; ++x) {
    for (std::int64_t y = 0; y < patch[1]; ++y) {
      for (std::int64_t z = 0; z < patch[2]; ++z, ++i) {
        Shape3 world{x, y, z};
        bool in_case = true;
        for (int a = 0; a < 3; ++a) {
          const std::int64_t voxel = world[a] - sample.crop.before[a];
          in_case = in_case && voxel >= 0 && voxel < sample.crop.read[a];
          world[a] = voxel + sample.crop.start[a] + begins[0][a];
        }
        for (std::size_t channel = 0; channel < 2; ++channel) {
          bool inside = in_case;
          for (int a = 0; a < 3; ++a) {
            inside = inside && world[a] >= begins[channel][a] && world[a] < begins[channel][a] + shapes[channel][a];
          }
          const Shape3& first = begins[channel];
          const float expected = inside ? AtPlace(world[0], world[1], world[2]) : AtPlace(first[0], first[1], first[2]);
          if (sample.input[channel * static_cast<std::size_t>(VoxelCount(patch)) + i] != expected) ++wrong;
        }
        const bool lesion = in_case && LabelAt(world[0], world[1], world[2]) != 0;
        if (sample.labels[i] != (lesion ? 1 : 0)) ++wrong;
      }
    }
  }
  EXPECT_EQ(wrong, 0u);
}

TEST_F(CaseSourceTest, ChannelsAndLabelsMeetWhateverTheirCropBoxes) {
  for (int i = 0; i < 3; ++i) AddSubject(i);
  const LabelledCases cases = Cases({"FLAIR", "T1w"});
  for (const Shape3& patch : {Shape3{16, 16, 16}, Shape3{32, 16, 24}}) {
    const auto source = MakeCaseSource(cases, Reader(), Options(patch));
    for (std::int64_t number = 0; number < 12; ++number) {
      ASSERT_OK_AND_ASSIGN(const Sample sample, source->Read(number));
      EXPECT_EQ(sample.position, number);
      ExpectPlaced(sample, patch);
    }
  }
}

TEST_F(CaseSourceTest, AShareOfTheCropsHoldsALabelledVoxel) {
  AddSubject(0);
  const LabelledCases cases = Cases({});
  CaseSourceOptions options = Options(Cube(4));
  const auto share = [&](double foreground) {
    options.foreground = foreground;
    const auto source = MakeCaseSource(cases, Reader(), options);
    int with = 0;
    for (std::int64_t number = 0; number < 400; ++number) {
      const absl::StatusOr<Sample> sample = source->Read(number);
      EXPECT_OK(sample);
      with += std::count(sample->labels.begin(), sample->labels.end(), 1) > 0 ? 1 : 0;
    }
    return with / 400.0;
  };
  const double by_chance = share(0);
  EXPECT_LT(by_chance, 0.2);
  EXPECT_EQ(share(1), 1);
  EXPECT_NEAR(share(0.33), 0.33 + 0.67 * by_chance, 0.07);
}

TEST_F(CaseSourceTest, APassHasEveryCaseOnceAndRanksShareTheStream) {
  for (int i = 0; i < 4; ++i) AddSubject(i);
  const LabelledCases cases = Cases({});
  CaseSourceOptions options = Options(Cube(8));
  const auto whole = MakeCaseSource(cases, Reader(), options);
  options.lanes = {2, 4};
  options.first_step = 1;
  const auto part = MakeCaseSource(cases, Reader(), options);
  std::set<std::int64_t> seen;
  for (std::int64_t number = 0; number < 4; ++number) {
    ASSERT_OK_AND_ASSIGN(const Sample sample, whole->Read(number));
    seen.insert(sample.volume);
  }
  EXPECT_EQ(seen.size(), 4u);
  for (std::int64_t number = 0; number < 4; ++number) {
    ASSERT_OK_AND_ASSIGN(const Sample mine, part->Read(number));
    ASSERT_OK_AND_ASSIGN(const Sample same, whole->Read(4 * (1 + number / 2) + 2 + number % 2));
    EXPECT_EQ(mine.position, same.position);
    EXPECT_EQ(mine.crop, same.crop);
    EXPECT_EQ(mine.input, same.input);
    EXPECT_EQ(mine.labels, same.labels);
  }
}

TEST_F(CaseSourceTest, TheThreadRingGivesTheSameSamples) {
  for (int i = 0; i < 2; ++i) AddSubject(i);
  const LabelledCases cases = Cases({"T1w", "FLAIR"});
  FakeClock clock;
  const auto direct = MakeCaseSource(cases, Reader(), Options(Cube(16)));
  const auto ring =
      Loader::Create(MakeCaseSource(cases, Reader(), Options(Cube(16))), {.threads = 3, .prefetch = 4}, clock);
  for (std::int64_t number = 0; number < 20; ++number) {
    ASSERT_OK_AND_ASSIGN(const Sample a, direct->Read(number));
    ASSERT_OK_AND_ASSIGN(const Sample b, ring->Next());
    EXPECT_EQ(a.position, b.position);
    EXPECT_EQ(a.input, b.input);
    EXPECT_EQ(a.labels, b.labels);
  }
}

TEST_F(CaseSourceTest, FixedCropsStayWhenOtherCasesComeAndUnderAnotherSeed) {
  AddSubject(7);
  const std::vector<LabelledCase> few = Cases({}).train;
  const FixedCaseCrops crops(few, Reader(), 3, Options(Cube(8)));
  ASSERT_EQ(crops.size(), 3);
  ASSERT_OK_AND_ASSIGN(const Sample first, crops.Read(0));
  EXPECT_GT(std::count(first.labels.begin(), first.labels.end(), 1), 0);
  ASSERT_OK_AND_ASSIGN(const Sample last, crops.Read(2));
  AddSubject(8);
  const std::vector<LabelledCase> more = Cases({}).train;
  CaseSourceOptions options = Options(Cube(8));
  options.seed += 1;
  const FixedCaseCrops again(more, Reader(), 3, options);
  ASSERT_EQ(again.size(), 6);
  ASSERT_OK_AND_ASSIGN(const Sample same, again.Read(2));
  EXPECT_EQ(same.crop, last.crop);
  EXPECT_EQ(same.input, last.input);
}

TEST_F(CaseSourceTest, AnUndeclaredValueIsNamedWithItsCase) {
  AddSubject(0);
  labels_ = *ParseLabels("lesion=1", false, "");
  const LabelledCases cases = Cases({});
  CaseSourceOptions options = Options(Cube(8));
  options.foreground = 1;
  const absl::Status status = MakeCaseSource(cases, Reader(), options)->Read(0).status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(absl::StrCat("case ", cases.train[0].key))));
  EXPECT_THAT(status.message(), HasSubstr("has the value 4, and the classes are lesion=1"));
}

TEST_F(CaseSourceTest, DamageFailsOrIsSkipped) {
  AddSubject(0);
  const LabelledCases cases = Cases({});
  for (const std::string& volume : {version_.entries[0].companions[0].volume, version_.entries[0].volume}) {
    Damage(volume);
    for (const double foreground : {0.0, 1.0}) {
      CaseSourceOptions options = Options(Cube(24));
      options.foreground = foreground;
      EXPECT_THAT(MakeCaseSource(cases, Reader(), options)->Read(0), StatusIs(absl::StatusCode::kDataLoss));
      ASSERT_OK_AND_ASSIGN(const Sample sample, MakeCaseSource(cases, Reader(true), options)->Read(0));
      EXPECT_TRUE(sample.skipped);
      EXPECT_TRUE(sample.input.empty());
    }
    Damage(volume);  // back again
  }
  CaseSourceOptions options = Options(Cube(24));
  options.skip_positions = std::make_shared<const std::vector<std::int64_t>>(std::vector<std::int64_t>{1});
  const auto source = MakeCaseSource(cases, Reader(true), options);
  ASSERT_OK_AND_ASSIGN(const Sample kept, source->Read(0));
  ASSERT_OK_AND_ASSIGN(const Sample skipped, source->Read(1));
  EXPECT_FALSE(kept.skipped);
  EXPECT_TRUE(skipped.skipped);
}

}  // namespace
}  // namespace amaes
