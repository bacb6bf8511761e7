#include <signal.h>
#include <stdlib.h>

#include "libs/base/subprocess.h"
#include "tests/unit/dataset/ingest_fixture.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;

constexpr absl::Duration kDeadline = absl::Minutes(2);

class IngestKillTest : public IngestFixture {
 protected:
  // The helper's `run`, with a fault; returns how it ended.
  ExitStatus RunHelper(const std::string& run, const std::string& fault) {
    SubprocessOptions options;
    options.arguments = {AMAES_INGEST_HELPER, "run", from(), volumes(run), staging(run), Options(run).records};
    options.environment = {{"AMAES_FAULT", fault}};
    auto process = Subprocess::Start(options);
    EXPECT_OK(process);
    auto exit = process->Wait(kDeadline);
    EXPECT_OK(exit);
    return *exit;
  }
};

TEST_F(IngestKillTest, KilledReaderIsQuarantinedAndTheIngestGoesOn) {
  WriteSubjects(5);
  setenv("AMAES_FAULT", "point=ingest_read,step=3,kill=self", 1);
  const auto disturbed = Ingest(Options());
  unsetenv("AMAES_FAULT");
  ASSERT_OK(disturbed);
  EXPECT_EQ(disturbed->report.volumes, 4);
  EXPECT_THAT(disturbed->report.quarantined,
              ElementsAre(IngestReport::Item{"sub-3_T1w.nii.gz", "reader crashed: killed by signal 9 (Killed)"}));
  ASSERT_OK(Ingest(Options()));
  ASSERT_OK(Ingest(Options("undisturbed")));
  ExpectSameFiles(staging(), staging("undisturbed"));
}

TEST_F(IngestKillTest, KilledIngestGoesOnToTheSameVersion) {
  WriteSubjects(6);
  Write("copy.nii.gz", Scan(2));
  ASSERT_OK(files::WriteAtomic(from() / "broken.nii", "no scan"));
  ASSERT_EQ(RunHelper("undisturbed", "").exit_code, 0);
  const char* faults[] = {
      "point=ingest_file,step=1,kill=self",     "point=ingest_file,step=4,kill=self",
      "point=ingest_file,step=8,kill=self",     "point=ingest_read,step=0,kill=parent",
      "point=ingest_stored,step=5,kill=parent", "point=ingest_read,step=7,kill=parent",
  };
  for (const char* fault : faults) {
    const std::string run(fault);
    EXPECT_EQ(RunHelper(run, fault).signal, SIGKILL) << fault;
    EXPECT_THAT(ReadVersion(staging(run)), StatusIs(absl::StatusCode::kNotFound)) << fault;
    ASSERT_OK(Ingest(Options(run))) << fault;
    ExpectSameFiles(staging(run), staging("undisturbed"));
  }
}

TEST_F(IngestKillTest, FinishedFilesAreNotReadAgain) {
  WriteSubjects(6);
  ASSERT_EQ(RunHelper("", "point=ingest_file,step=4,kill=self").signal, SIGKILL);
  ASSERT_OK(Ingest(Options()));
  EXPECT_EQ(first_.done, 4);
  EXPECT_LE(last_.voxels, 2 * 20 * 24 * 20);
}

}  // namespace
}  // namespace amaes
