// A loader far into a run of a large dataset does what one at its beginning does: counted, not timed. This program counts
// every allocation; bytes read are counted by the loader.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>

#include "absl/strings/str_cat.h"
#include "libs/base/digest.h"
#include "libs/base/files.h"
#include "libs/base/testing/fake_clock.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/loader/loader.h"
#include "libs/volume/stored_volume.h"

namespace amaes {

// counting_new.cc
extern std::atomic<std::int64_t> allocations, allocated_bytes;

namespace {

constexpr std::int64_t kVolumes = 45'000;

struct Work {
  std::int64_t allocations = 0, allocated_bytes = 0, bytes_read = 0, position = 0;
};

class SeekTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Volume volume;
    volume.shape = {32, 32, 32};
    volume.voxels.assign(32 * 32 * 32, 0.5f);
    volume.voxels[7] = 1;
    CatalogueEntry entry;
    entry.volume = Sha256Hex("one volume for all");
    entry.voxel_digest = Sha256Hex("voxels");
    entry.shape = volume.shape;
    const std::filesystem::path path = VolumePath(folder_.path(), entry.volume);
    ASSERT_OK(files::MakeFolders(path.parent_path()));
    ASSERT_OK_AND_ASSIGN(entry.chunk_checksums, WriteStoredVolume(path, volume));
    for (std::int64_t i = 0; i < kVolumes; ++i) {
      entry.subject = absl::StrCat("sub-", i);
      version_.entries.push_back(entry);
    }
    version_.digest = VersionDigest(version_);
    selection_ = std::make_shared<const Selection>(*ResolveSelection(version_, "shape_min>=32", "subject~*7:2"));
  }

  Work WorkAt(std::int64_t step) {
    LoaderOptions options;
    options.volumes = folder_.path();
    options.patch = Cube(32);
    options.global_batch = 16;
    options.lanes = {0, 16};
    options.first_step = step;
    options.threads = 0;
    options.selection = selection_;
    const std::int64_t calls = allocations.load(), bytes = allocated_bytes.load();
    auto loader = Loader::Create(version_, options, clock_);
    EXPECT_OK(loader);
    const auto sample = (*loader)->Next();
    EXPECT_OK(sample);
    return {allocations.load() - calls, allocated_bytes.load() - bytes, (*loader)->bytes_read(), sample->position};
  }

  TempDir folder_;
  FakeClock clock_;
  DatasetVersion version_;
  std::shared_ptr<const Selection> selection_;
};

TEST_F(SeekTest, StepOneMillionCostsWhatStepZeroCosts) {
  WorkAt(0);  // what is made once in a process
  const Work first = WorkAt(0), far = WorkAt(1'000'000);
  EXPECT_EQ(first.position, 0);
  EXPECT_EQ(far.position, 16'000'000);
  EXPECT_EQ(far.allocations, first.allocations);
  EXPECT_EQ(far.allocated_bytes, first.allocated_bytes);
  EXPECT_EQ(far.bytes_read, first.bytes_read);
  // Positioning keeps the list, not the catalogue: no allocation per volume.
  EXPECT_LT(far.allocations, 500);
}

}  // namespace
}  // namespace amaes
