#include "libs/dataset/ingest.h"

#include "libs/dataset/catalogue.h"
#include "libs/volume/stored_volume.h"
#include "tests/unit/dataset/ingest_fixture.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class IngestTest : public IngestFixture {};

TEST_F(IngestTest, VolumesDuplicatesQuarantinedAndSkippedMakeUpAllFiles) {
  WriteSubjects(3);
  Write("sub-0_T2w.nii.gz", Scan(0, 1));
  Write("copies/sub-1_T1w.nii", Scan(1));
  Write("sub-2_mask.nii.gz", Scan(2));
  ASSERT_OK(files::WriteAtomic(from() / "README", "text"));
  ASSERT_OK(files::WriteAtomic(from() / "sub-3_T1w.nii.gz", "no scan"));
  ASSERT_OK_AND_ASSIGN(const IngestResult result, Ingest(Options()));
  const IngestReport& report = result.report;
  EXPECT_EQ(report.files, 8);
  EXPECT_EQ(report.volumes, 4);
  // Sources are in order, so the copy stands first.
  EXPECT_THAT(report.duplicates, ElementsAre(IngestReport::Item{"sub-1_T1w.nii.gz", "copies/sub-1_T1w.nii"}));
  ASSERT_THAT(report.quarantined, SizeIs(1));
  EXPECT_EQ(report.quarantined[0].source, "sub-3_T1w.nii.gz");
  EXPECT_THAT(report.quarantined[0].reason, HasSubstr("not a NIfTI file"));
  EXPECT_THAT(report.skipped, ElementsAre(IngestReport::Item{"README", "not a scan: no file ending"},
                                          IngestReport::Item{"sub-2_mask.nii.gz", "label by its name: mask"}));
  EXPECT_EQ(last_.done, 8);
  EXPECT_EQ(last_.files, 8);
  EXPECT_EQ(last_.volumes, 4);
  EXPECT_EQ(last_.duplicates, 1);
  EXPECT_EQ(last_.quarantined, 1);
  EXPECT_EQ(last_.skipped, 2);
  EXPECT_GE(last_.voxels, 4 * 20 * 24 * 20);
}

TEST_F(IngestTest, WritesAVersionWhoseVolumesCanBeRead) {
  WriteSubjects(5);
  ASSERT_OK_AND_ASSIGN(const IngestResult result, Ingest(Options()));
  ASSERT_OK_AND_ASSIGN(const DatasetVersion version, ReadVersion(staging()));
  EXPECT_EQ(version.entries, result.version.entries);
  EXPECT_EQ(version.digest, result.version.digest);
  EXPECT_EQ(version.name, "phantoms");
  EXPECT_EQ(version.version, 0);
  EXPECT_THAT(version.Indices(Split::kHeldOut), SizeIs(1));
  for (const CatalogueEntry& entry : version.entries) {
    ASSERT_OK_AND_ASSIGN(const auto stored,
                         StoredVolume::Open(VolumePath(volumes(), entry.volume), entry.chunk_checksums));
    EXPECT_OK(stored->Verify());
    EXPECT_EQ(stored->shape(), entry.shape);
    EXPECT_EQ(entry.modality, "T1w");
    EXPECT_EQ(entry.source, entry.subject + "_T1w.nii.gz");
    EXPECT_EQ(entry.source_shape, (Shape3{20, 24, 20}));
    EXPECT_DOUBLE_EQ(entry.source_spacing[2], 2);
    EXPECT_EQ(entry.frames, 1);
    EXPECT_GT(entry.mean, 0);
    EXPECT_LT(entry.mean, 1);
    EXPECT_GT(entry.standard_deviation, 0);
    EXPECT_GT(entry.foreground_share, 0);
    EXPECT_LE(entry.foreground_share, 1);
  }
}

TEST_F(IngestTest, NumberOfProcessesChangesNothing) {
  WriteSubjects(6);
  IngestOptions one = Options("1"), four = Options("4");
  one.processes = 1;
  four.processes = 4;
  ASSERT_OK(Ingest(one));
  ASSERT_OK(Ingest(four));
  ExpectSameFiles(staging("1"), staging("4"));
}

TEST_F(IngestTest, SecondIngestUsesStoredVolumesAgain) {
  WriteSubjects(3);
  ASSERT_OK(Ingest(Options()));
  EXPECT_EQ(last_.stored, 3);
  IngestOptions again = Options("2");
  again.volumes = volumes();
  ASSERT_OK(Ingest(again));
  EXPECT_EQ(last_.stored, 0);
  EXPECT_EQ(last_.voxels, 3 * 20 * 24 * 20);
  ExpectSameFiles(staging(), staging("2"));
}

TEST_F(IngestTest, DamagedStoredVolumeIsWrittenAgain) {
  WriteSubjects(3);
  ASSERT_OK_AND_ASSIGN(const IngestResult result, Ingest(Options()));
  const CatalogueEntry& entry = result.version.entries[1];
  const std::filesystem::path path = VolumePath(volumes(), entry.volume);
  ASSERT_OK_AND_ASSIGN(std::string content, files::Read(path));
  content[content.size() / 2] ^= 1;
  ASSERT_OK(files::WriteAtomic(path, content));
  IngestOptions again = Options("2");
  again.volumes = volumes();
  ASSERT_OK(Ingest(again));
  EXPECT_EQ(last_.stored, 1);
  ExpectSameFiles(staging(), staging("2"));
  ASSERT_OK_AND_ASSIGN(const auto stored, StoredVolume::Open(path, entry.chunk_checksums));
  EXPECT_OK(stored->Verify());
}

TEST_F(IngestTest, StoppedIngestGoesOnWhereItWas) {
  WriteSubjects(6);
  IngestOptions options = Options();
  options.processes = 1;
  const auto stopped =
      RunIngest(options, SystemClock(), [](const IngestProgress& progress) { return progress.done < 3; });
  EXPECT_THAT(stopped, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(ReadVersion(staging()), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(Ingest(options));
  EXPECT_EQ(first_.done, 3);
  EXPECT_EQ(first_.volumes, 3);
  ASSERT_OK(Ingest(Options("undisturbed")));
  ExpectSameFiles(staging(), staging("undisturbed"));
}

TEST_F(IngestTest, ChangedFilesAndLostVolumesAreReadAgain) {
  WriteSubjects(4);
  IngestOptions options = Options();
  options.processes = 1;
  EXPECT_THAT(RunIngest(options, SystemClock(), [](const IngestProgress& progress) { return progress.done < 3; }),
              StatusIs(absl::StatusCode::kCancelled));
  Write("sub-0_T1w.nii.gz", Scan(40));
  std::filesystem::remove_all(volumes());
  ASSERT_OK(Ingest(options));
  EXPECT_EQ(first_.done, 0);
  ASSERT_OK(Ingest(Options("undisturbed")));
  ExpectSameFiles(staging(), staging("undisturbed"));
}

TEST_F(IngestTest, SplitOfThePreviousVersionIsKept) {
  WriteSubjects(5);
  ASSERT_OK_AND_ASSIGN(const IngestResult before, Ingest(Options()));
  const std::string held_out = before.version.entries[before.version.Indices(Split::kHeldOut).at(0)].subject;
  for (int i = 5; i < 10; ++i) Write(absl::StrCat("sub-", i, "_T1w.nii.gz"), Scan(i));
  IngestOptions next = Options();
  next.staging = staging("2");
  next.previous = staging();
  ASSERT_OK_AND_ASSIGN(const IngestResult after, Ingest(next));
  EXPECT_THAT(after.version.Indices(Split::kHeldOut), SizeIs(2));
  for (const CatalogueEntry& entry : after.version.entries) {
    const bool known = entry.subject < "sub-5";
    if (!known) continue;
    EXPECT_EQ(entry.split, entry.subject == held_out ? Split::kHeldOut : Split::kTrain);
  }
}

TEST_F(IngestTest, ReasonsOfMisbehavingReaders) {
  WriteSubjects(2);
  const std::pair<const char*, const char*> table[] = {
      {"crash", "2 files: reader crashed: killed by signal 11 (Segmentation fault)"},
      {"exit", "2 files: reader crashed: exit code 3"},
      {"silent", "2 files: reader gave no answer that can be understood: not a JSON object"},
      {"babble", "2 files: reader gave no answer that can be understood: not a JSON object"},
  };
  for (const auto& [child, reason] : table) {
    EXPECT_THAT(Ingest(Options("", child)),
                StatusIs(absl::StatusCode::kFailedPrecondition, "no volume could be read: " + std::string(reason)));
  }
  // None of that is remembered: the next run reads the files.
  ASSERT_OK(Ingest(Options()));
  EXPECT_EQ(last_.volumes, 2);
}

// Every look at it is a minute later.
class HastyClock final : public Clock {
 public:
  absl::Time Now() override { return absl::UnixEpoch() + now_; }
  absl::Duration Monotonic() override { return now_ += absl::Minutes(1); }

 private:
  absl::Duration now_;
};

TEST_F(IngestTest, HangingReaderIsKilledForItsTime) {
  WriteSubjects(2);
  HastyClock clock;
  EXPECT_THAT(RunIngest(Options("", "hang"), clock, nullptr),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("2 files: reader took longer than 300 s")));
}

TEST_F(IngestTest, StatusNamesNoScan) {
  ASSERT_OK(files::MakeFolders(from()));
  ASSERT_OK(files::WriteAtomic(from() / "jane-doe_T1w.nii.gz", "no scan"));
  ASSERT_OK(files::WriteAtomic(from() / "john-doe.hdr", "no scan"));
  const auto result = Ingest(Options());
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no volume could be read: ")));
  EXPECT_THAT(std::string(result.status().message()), Not(HasSubstr("doe")));
}

TEST_F(IngestTest, RefusesOptionsThatCannotWork) {
  WriteSubjects(1);
  const auto code = [&](auto change) {
    IngestOptions options = Options();
    change(options);
    return Ingest(options).status().code();
  };
  EXPECT_EQ(code([](IngestOptions& o) { o.from = "relative"; }), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](IngestOptions& o) { o.from /= "none"; }), absl::StatusCode::kNotFound);
  EXPECT_EQ(code([](IngestOptions& o) { o.layout = "none"; }), absl::StatusCode::kNotFound);
  EXPECT_EQ(code([](IngestOptions& o) { o.processes = 0; }), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](IngestOptions& o) { o.child_command.clear(); }), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](IngestOptions& o) { o.child_command = {"/none/such"}; }), absl::StatusCode::kNotFound);
  EXPECT_EQ(code([](IngestOptions& o) { o.previous = o.from; }), absl::StatusCode::kNotFound);
}

// A store that is no folder stands for one that cannot be written.
TEST_F(IngestTest, UnusableStoreEndsTheIngest) {
  WriteSubjects(2);
  ASSERT_OK(files::WriteAtomic(volumes(), "a file"));
  const auto result = Ingest(Options());
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace amaes
