#include <sys/resource.h>

#include "tests/unit/dataset/ingest_fixture.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;

class IngestMemoryTest : public IngestFixture {};

// A few kilobytes on disk, 160 MiB in memory.
TEST_F(IngestMemoryTest, BombIsQuarantinedAndTheIngestGoesOn) {
  WriteSubjects(2);
  Volume bomb;
  bomb.shape = {256, 320, 512};
  bomb.voxels.resize(static_cast<std::size_t>(VoxelCount(bomb.shape)));
  bomb.at(1, 1, 1) = 1;
  Write("bomb.nii.gz", bomb);
  IngestOptions options = Options();
  options.memory_limit_bytes = std::uint64_t{128} << 20;
  ASSERT_OK_AND_ASSIGN(const IngestResult result, Ingest(options));
  EXPECT_EQ(result.report.volumes, 2);
  EXPECT_THAT(result.report.quarantined,
              ElementsAre(IngestReport::Item{"bomb.nii.gz", "reader used more than 128 MiB"}));
}

}  // namespace
}  // namespace amaes
