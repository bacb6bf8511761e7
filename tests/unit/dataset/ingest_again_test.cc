// A dataset that grows: what is read again, what is kept, what does not come back.
#include "libs/dataset/ingest_files.h"
#include "libs/dataset/ingest_plan.h"
#include "tests/unit/dataset/ingest_fixture.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class IngestAgainTest : public IngestFixture {
 protected:
  // The version after the one in `before`: nothing is shared but the store and that version.
  IngestOptions Next(const std::string& before, const std::string& run) {
    IngestOptions options = Options(run);
    options.volumes = volumes();
    options.previous = staging(before);
    return options;
  }

  // What the coordinator does with a staged version, and what excluding does.
  void Publish(const std::string& run, std::int64_t number, const std::vector<Exclusion>& exclusions = {}) {
    auto version = ReadVersion(staging(run));
    ASSERT_OK(version);
    auto report = ReadReport(staging(run));
    ASSERT_OK(report);
    version->version = number;
    for (const Exclusion& exclusion : exclusions) {
      version->exclusions.push_back(exclusion);
      std::erase_if(version->entries, [&](const CatalogueEntry& entry) {
        return exclusion.value == entry.voxel_digest || exclusion.value == SubjectKey(entry.subject);
      });
    }
    FinishVersion(*version, nullptr);
    ASSERT_OK(WriteVersion(staging(run), *version, *report));
  }

  static std::vector<std::string> Sources(const DatasetVersion& version) {
    std::vector<std::string> sources;
    for (const CatalogueEntry& entry : version.entries) sources.push_back(entry.source);
    std::sort(sources.begin(), sources.end());
    return sources;
  }
};

TEST_F(IngestAgainTest, OnlyNewFilesAreRead) {
  WriteSubjects(6);
  Write("sub-3_copy_T1w.nii.gz", Scan(3));
  ASSERT_OK(files::WriteAtomic(from() / "broken.nii", "no scan"));
  ASSERT_OK(Ingest(Options()));
  Publish("", 4);
  Write("sub-6_T1w.nii.gz", Scan(6));
  Write("sub-7_T1w.nii.gz", Scan(7));
  ASSERT_OK_AND_ASSIGN(const IngestResult result, Ingest(Next("", "2")));
  EXPECT_EQ(last_.voxels, 2 * 20 * 24 * 20);
  EXPECT_EQ(last_.unchanged, 6);
  EXPECT_EQ(result.version.base, 4);
  EXPECT_EQ(result.report.files, 10);
  EXPECT_EQ(result.report.volumes, 8);
  EXPECT_EQ(result.report.unchanged, 6);
  EXPECT_EQ(result.report.carried, 0);
  EXPECT_THAT(result.report.duplicates, SizeIs(1));
  EXPECT_THAT(result.report.quarantined, SizeIs(1));
  // As if all had come at once.
  ASSERT_OK_AND_ASSIGN(const IngestResult at_once, Ingest(Options("at once")));
  EXPECT_EQ(Sources(result.version), Sources(at_once.version));
}

// Where scan and label lie is in the catalogue; when the folder moved, the next ingest says so and reads nothing.
TEST_F(IngestAgainTest, PlacesOfFilesAreKept) {
  const Volume scan = Scan(0);
  Volume label = scan;
  for (float& voxel : label.voxels) voxel = voxel > 0.3F ? 1.0F : 0.0F;
  Write("imagesTr/case-1_0000.nii.gz", scan);
  Write("labelsTr/case-1.nii.gz", label);
  ASSERT_OK(files::WriteAtomic(from() / "dataset.json",
                               R"({"channel_names":{"0":"T1w"},"labels":{"background":0,"lesion":1},)"
                               R"("file_ending":".nii.gz","numTraining":1})"));
  IngestOptions options = Options();
  options.layout = "nnunet";
  ASSERT_OK_AND_ASSIGN(const IngestResult first, Ingest(options));
  Publish("", 1);
  ASSERT_THAT(first.version.entries, SizeIs(1));
  ASSERT_THAT(first.version.entries[0].companions, SizeIs(1));
  EXPECT_EQ(first.version.entries[0].path, from() / "imagesTr/case-1_0000.nii.gz");
  EXPECT_EQ(first.version.entries[0].companions[0].path, from() / "labelsTr/case-1.nii.gz");
  const std::filesystem::path there = folder_.path() / "elsewhere";
  std::filesystem::rename(from(), there);
  IngestOptions next = Next("", "2");
  next.layout = "nnunet";
  next.from = there;
  ASSERT_OK_AND_ASSIGN(const IngestResult second, Ingest(next));
  EXPECT_EQ(last_.unchanged, 1);
  EXPECT_EQ(second.version.entries[0].path, there / "imagesTr/case-1_0000.nii.gz");
  EXPECT_EQ(second.version.entries[0].companions[0].path, there / "labelsTr/case-1.nii.gz");
}

TEST_F(IngestAgainTest, VolumesThatAreNotMetAreKept) {
  WriteSubjects(5);
  ASSERT_OK_AND_ASSIGN(const IngestResult first, Ingest(Options()));
  Publish("", 1);
  std::filesystem::remove_all(from());
  Write("sub-8_T1w.nii.gz", Scan(8));
  Write("sub-9_T1w.nii.gz", Scan(2));  // as sub-2 before
  ASSERT_OK_AND_ASSIGN(const IngestResult result, Ingest(Next("", "2")));
  EXPECT_THAT(result.version.entries, SizeIs(6));
  EXPECT_EQ(result.report.files, 2);
  EXPECT_EQ(result.report.volumes, 1);
  EXPECT_EQ(result.report.carried, 5);
  EXPECT_THAT(result.report.duplicates, ElementsAre(IngestReport::Item{"sub-9_T1w.nii.gz", "sub-2_T1w.nii.gz"}));
  for (const CatalogueEntry& before : first.version.entries) {
    const auto after = std::find_if(result.version.entries.begin(), result.version.entries.end(),
                                    [&](const CatalogueEntry& entry) { return entry.source == before.source; });
    ASSERT_NE(after, result.version.entries.end());
    EXPECT_EQ(*after, before);  // the split too
  }
}

TEST_F(IngestAgainTest, AFileThatChangedIsAnotherVolumeAndBothAreKept) {
  WriteSubjects(3);
  ASSERT_OK(Ingest(Options()));
  Publish("", 1);
  Write("sub-1_T1w.nii.gz", Scan(31));
  ASSERT_OK_AND_ASSIGN(const IngestResult result, Ingest(Next("", "2")));
  EXPECT_THAT(result.version.entries, SizeIs(4));
  EXPECT_EQ(result.report.carried, 1);
  EXPECT_THAT(result.report.findings, ElementsAre(HasSubstr("1 file has the name of a volume of the version before")));
}

TEST_F(IngestAgainTest, ACopyThatSortsFirstDoesNotTakeTheNameOver) {
  Write("sub-5_T1w.nii.gz", Scan(5));
  ASSERT_OK(Ingest(Options()));
  Publish("", 1);
  Write("sub-0_T1w.nii.gz", Scan(5));
  ASSERT_OK_AND_ASSIGN(const IngestResult result, Ingest(Next("", "2")));
  EXPECT_THAT(Sources(result.version), ElementsAre("sub-5_T1w.nii.gz"));
  EXPECT_THAT(result.report.duplicates, ElementsAre(IngestReport::Item{"sub-0_T1w.nii.gz", "sub-5_T1w.nii.gz"}));
}

TEST_F(IngestAgainTest, WhatWasExcludedDoesNotComeBack) {
  WriteSubjects(6);
  ASSERT_OK_AND_ASSIGN(const IngestResult first, Ingest(Options()));
  const CatalogueEntry& moved = first.version.entries[4];
  ASSERT_EQ(moved.subject, "sub-4");
  Publish("", 1,
          {{"voxels", moved.voxel_digest, "moved", "2026-01-01T00:00:00Z"},
           {"subject", SubjectKey("sub-2"), "withdrew", "2026-01-01T00:00:00Z"}});
  Write("sub-7_T1w.nii.gz", Scan(4));  // the same voxels under another name
  ASSERT_OK_AND_ASSIGN(const IngestResult result, Ingest(Next("", "2")));
  EXPECT_THAT(result.version.entries, SizeIs(4));
  EXPECT_THAT(result.report.skipped, ElementsAre(IngestReport::Item{"sub-2_T1w.nii.gz", "excluded: withdrew"},
                                                 IngestReport::Item{"sub-4_T1w.nii.gz", "excluded: moved"},
                                                 IngestReport::Item{"sub-7_T1w.nii.gz", "excluded: moved"}));
  EXPECT_THAT(result.version.exclusions, SizeIs(2));
  EXPECT_EQ(result.report.files, 7);
  // Records of the first ingest, should they still be there, bring nothing back either.
  IngestOptions with_records = Next("", "3");
  with_records.records = Options().records;
  ASSERT_OK_AND_ASSIGN(const IngestResult again, Ingest(with_records));
  EXPECT_EQ(again.version.entries, result.version.entries);
}

TEST_F(IngestAgainTest, AnotherContractIsRefused) {
  WriteSubjects(2);
  ASSERT_OK(Ingest(Options()));
  IngestOptions coarse = Next("", "2");
  coarse.spacing = "2";
  EXPECT_THAT(Ingest(coarse),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("has the contract amaes at 1 mm, and this ingest asks for amaes at 2 mm")));
}

TEST_F(IngestAgainTest, TheMedianIsTakenOnceAndHolds) {
  WriteSubjects(2);
  Volume thick = Scan(7);
  thick.spacing = {2, 2, 5};
  thick.affine = {2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 5, 0, 0, 0, 0, 1};
  Write("sub-7_T1w.nii.gz", thick);
  IngestOptions options = Options();
  options.spacing = "median";
  ASSERT_OK_AND_ASSIGN(const IngestResult first, Ingest(options));
  EXPECT_THAT(first.version.contract.spacing_mm, ElementsAre(2, 2, 2));
  for (const char* name : {"sub-8_T1w.nii.gz", "sub-9_T1w.nii.gz"}) {
    thick.at(5, 5, 5) += 0.1F;
    Write(name, thick);
  }
  IngestOptions next = Next("", "2");
  next.spacing = "median";
  ASSERT_OK_AND_ASSIGN(const IngestResult second, Ingest(next));
  EXPECT_EQ(second.version.contract, first.version.contract);
  EXPECT_EQ(last_.stored, 2);
}

TEST_F(IngestAgainTest, TheMedianOfAnAttemptThatWasStoppedHolds) {
  WriteSubjects(3);
  IngestOptions options = Options();
  options.spacing = "median";
  options.processes = 1;
  EXPECT_THAT(RunIngest(options, SystemClock(), [](const IngestProgress& progress) { return progress.done < 2; }),
              StatusIs(absl::StatusCode::kCancelled));
  Volume fine = Scan(7);
  fine.spacing = {1, 1, 1};
  fine.affine = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
  for (int i = 5; i < 10; ++i) {
    fine.at(5, 5, 5) += 0.1F;
    Write(absl::StrCat("sub-", i, "_T1w.nii.gz"), fine);
  }
  ASSERT_OK_AND_ASSIGN(const IngestResult result, Ingest(options));
  EXPECT_EQ(first_.done, 2);
  EXPECT_THAT(result.version.contract.spacing_mm, ElementsAre(2, 2, 2));
}

TEST_F(IngestAgainTest, SplitMakesOneVolumeOfEveryFrame) {
  WriteFrames("bold.nii", {Scan(0), Scan(1), Scan(0)});
  Write("sub-5_T1w.nii.gz", Scan(5));
  IngestOptions options = Options();
  options.frames = "split";
  ASSERT_OK_AND_ASSIGN(const IngestResult result, Ingest(options));
  EXPECT_THAT(Sources(result.version), ElementsAre("bold.nii#0", "bold.nii#1", "sub-5_T1w.nii.gz"));
  EXPECT_EQ(result.report.files, 4);  // every frame counts
  EXPECT_THAT(result.report.duplicates, ElementsAre(IngestReport::Item{"bold.nii#2", "bold.nii#0"}));
  options = Next("", "2");
  options.frames = "split";
  ASSERT_OK(Ingest(options));
  EXPECT_EQ(last_.voxels, 0);
}

TEST_F(IngestAgainTest, ADiskThatIsTooSmallIsSaidBeforeAnythingIsRead) {
  WriteSubjects(3);
  IngestOptions options = Options();
  options.free_bytes = 100000;
  EXPECT_THAT(Ingest(options),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("too little disk space: 3 scans")));
  EXPECT_EQ(last_.done, 0);
  options.free_bytes = 1000000;
  EXPECT_OK(Ingest(options));
  EXPECT_EQ(last_.disk_bytes, 3 * 40 * 48 * 40);
  EXPECT_GT(first_.estimated_seconds, 0);
}

TEST_F(IngestAgainTest, APlanReadsAndWritesNothing) {
  WriteSubjects(3);
  ASSERT_OK_AND_ASSIGN(const IngestPlan plan, PlanIngest(Options(), nullptr, nullptr));
  EXPECT_THAT(plan.requests, SizeIs(3));
  EXPECT_EQ(plan.estimate.inspected, 3);
  EXPECT_EQ(plan.estimate.source_voxels, 3 * 20 * 24 * 20);
  EXPECT_FALSE(std::filesystem::exists(volumes()));
  EXPECT_THAT(PlanIngest(Options(), nullptr, [](std::int64_t, std::int64_t) { return false; }),
              StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace amaes
