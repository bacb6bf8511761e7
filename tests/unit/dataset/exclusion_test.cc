#include "libs/dataset/exclusion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "libs/base/digest.h"
#include "libs/base/testing/status_matchers.h"

namespace amaes {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kTime[] = "2027-01-15T08:00:00+00:00";

// Ten subjects with a T1w and a T2w each.
DatasetVersion Version() {
  DatasetVersion version;
  version.name = "heads";
  for (int subject = 0; subject < 10; ++subject) {
    for (const char* modality : {"T1w", "T2w"}) {
      CatalogueEntry entry;
      entry.subject = absl::StrCat("P", subject);
      entry.modality = modality;
      entry.source = absl::StrCat("site/P", subject, "/", modality, ".nii.gz");
      entry.volume = Sha256Hex(absl::StrCat("volume", entry.source));
      entry.voxel_digest = Sha256Hex(absl::StrCat("voxels", entry.source));
      entry.shape = {4, 4, 4};
      version.entries.push_back(entry);
    }
  }
  FinishVersion(version, nullptr);
  return version;
}

std::vector<std::string> Sources(const DatasetVersion& version, const std::vector<std::size_t>& indices) {
  std::vector<std::string> out;
  for (const std::size_t index : indices) out.push_back(version.entries[index].source);
  return out;
}

TEST(SelectVolumes, ByEveryPartOfASelector) {
  const DatasetVersion version = Version();
  const auto subject = SelectVolumes(version, {.subjects = {"P3"}, .files = {}, .volumes = {}, .filter = ""});
  ASSERT_OK(subject);
  EXPECT_THAT(Sources(version, subject->indices), ElementsAre("site/P3/T1w.nii.gz", "site/P3/T2w.nii.gz"));
  const auto files = SelectVolumes(version, {.subjects = {}, .files = {"*/P[12]/T2w*"}, .volumes = {}, .filter = ""});
  ASSERT_OK(files);
  EXPECT_THAT(Sources(version, files->indices), ElementsAre("site/P1/T2w.nii.gz", "site/P2/T2w.nii.gz"));
  const std::string prefix = version.entries[5].volume.substr(0, 10);
  const auto volume = SelectVolumes(version, {.subjects = {}, .files = {}, .volumes = {prefix}, .filter = ""});
  ASSERT_OK(volume);
  EXPECT_THAT(volume->indices, ElementsAre(5));
  const auto filter = SelectVolumes(version, {.subjects = {}, .files = {}, .volumes = {}, .filter = "modality=T2w"});
  ASSERT_OK(filter);
  EXPECT_THAT(filter->indices, SizeIs(10));
  const auto both = SelectVolumes(version, {.subjects = {"P3", "P4"}, .files = {"*P3*"}, .volumes = {}, .filter = ""});
  ASSERT_OK(both);
  EXPECT_THAT(both->indices, SizeIs(4));
}

TEST(SelectVolumes, PartsThatFitNothingAreNamed) {
  const auto selected = SelectVolumes(
      Version(), {.subjects = {"P3", "p3"}, .files = {"*.mgz"}, .volumes = {"01234567"}, .filter = "modality=CT"});
  ASSERT_OK(selected);
  EXPECT_THAT(selected->indices, SizeIs(2));
  EXPECT_THAT(selected->unmatched,
              ElementsAre("subject 'p3'", "file '*.mgz'", "volume '01234567'", "filter 'modality=CT'"));
}

TEST(SelectVolumes, BadSelectorsSayWhatIsWrong) {
  EXPECT_THAT(SelectVolumes(Version(), {}), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("name a subject")));
  EXPECT_THAT(SelectVolumes(Version(), {.subjects = {}, .files = {}, .volumes = {"abc"}, .filter = ""}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("first 8 digits")));
  EXPECT_THAT(SelectVolumes(Version(), {.subjects = {}, .files = {}, .volumes = {}, .filter = "modality"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("filter: at character")));
}

TEST(Exclusion, OfASubjectByItsKeyOfOthersByTheirVoxels) {
  const DatasetVersion version = Version();
  const VolumeSelector selector{.subjects = {"P3"}, .files = {"site/P4/T1w.nii.gz"}, .volumes = {}, .filter = ""};
  const auto selected = SelectVolumes(version, selector);
  ASSERT_OK(selected);
  const std::vector<Exclusion> added = ExclusionsFor(version, selector, selected->indices, "withdrawn", kTime);
  ASSERT_THAT(added, SizeIs(2));
  EXPECT_EQ(added[0], (Exclusion{"subject", SubjectKey("P3"), "withdrawn", kTime}));
  EXPECT_EQ(added[1], (Exclusion{"voxels", Sha256Hex("voxelssite/P4/T1w.nii.gz"), "withdrawn", kTime}));

  const DatasetVersion next = WithoutExcluded(version, added);
  EXPECT_THAT(next.entries, SizeIs(17));
  EXPECT_NE(next.digest, version.digest);
  EXPECT_EQ(next.digest, VersionDigest(next));
  EXPECT_TRUE(IsExcluded(next.exclusions, "P3"));
  EXPECT_FALSE(IsExcluded(next.exclusions, "P4"));
  EXPECT_THAT(next.entries, Not(Contains(Field(&CatalogueEntry::subject, "P3"))));
  for (const CatalogueEntry& entry : next.entries) {
    for (const CatalogueEntry& before : version.entries) {
      if (before.volume != entry.volume) continue;
      EXPECT_EQ(before, entry) << "splits and all else stay";
    }
  }
  EXPECT_THAT(ExclusionsFor(next, selector, {}, "again", kTime), IsEmpty());
}

TEST(Exclusion, FilesStayAccountedFor) {
  const DatasetVersion version = Version();
  IngestReport report;
  report.files = 23;
  report.volumes = 20;
  report.duplicates = {{"copy/P3.nii", "site/P3/T1w.nii.gz"}, {"copy/P30.nii", "site/P4/T1w.nii.gz"}};
  report.quarantined = {{"site/P3/bad.nii", "truncated"}};
  const DatasetVersion next = WithoutExcluded(version, {{"subject", SubjectKey("P3"), "r", kTime}});

  const IngestReport excluded = ReportWithout(report, version, next, "moved", false);
  EXPECT_EQ(excluded.files, 23);
  EXPECT_EQ(excluded.volumes, 18);
  EXPECT_THAT(excluded.skipped, ElementsAre(IngestReport::Item{"site/P3/T1w.nii.gz", "excluded: moved"},
                                            IngestReport::Item{"site/P3/T2w.nii.gz", "excluded: moved"}));
  EXPECT_EQ(excluded.duplicates, report.duplicates);

  const IngestReport forgotten = ReportWithout(report, version, next, "withdrawn", true);
  EXPECT_EQ(forgotten.files, 23);
  EXPECT_EQ(forgotten.volumes, 18);
  EXPECT_THAT(forgotten.skipped, ElementsAre(IngestReport::Item{"(forgotten)", "forgotten: withdrawn"},
                                             IngestReport::Item{"(forgotten)", "forgotten: withdrawn"}));
  EXPECT_THAT(forgotten.duplicates, ElementsAre(IngestReport::Item{"(forgotten)", "(forgotten)"},
                                                IngestReport::Item{"copy/P30.nii", "site/P4/T1w.nii.gz"}));
  EXPECT_THAT(forgotten.quarantined, ElementsAre(IngestReport::Item{"(forgotten)", "truncated"}));
}

}  // namespace
}  // namespace amaes
