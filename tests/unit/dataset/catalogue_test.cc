#include "libs/dataset/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "libs/base/digest.h"
#include "libs/base/files.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/dataset/catalogue_json.h"
#include "libs/dataset/zstd_text.h"

namespace amaes {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

CatalogueEntry Entry(int number, const std::string& subject) {
  CatalogueEntry entry;
  entry.voxel_digest = Sha256Hex(absl::StrCat("voxels ", number));
  entry.volume = Sha256Hex(absl::StrCat("volume ", number));
  entry.subject = subject;
  entry.session = "ses-1";
  entry.modality = "T1w";
  entry.source = absl::StrCat(subject, "/T1w \"ä\"\n", number, ".nii.gz");
  entry.path = absl::StrCat("/data/", entry.source);
  entry.shape = {10 + number, 20, 30};
  entry.source_shape = {11, 21, 31};
  entry.source_spacing = {0.1, 1.0 / 3, 1e-7};
  entry.mean = 0.30000000000000004;
  entry.standard_deviation = 5e-324;
  entry.foreground_share = 1;
  entry.nonfinite_voxels = 3;
  entry.frames = 102;
  entry.frame = 7;
  entry.collection = "OASIS3";
  entry.case_id = "case-7";
  entry.datatype = "int16";
  entry.orientation = "LPS";
  entry.source_minimum = -1.5;
  entry.source_maximum = 1e9;
  entry.info = {{"scanner", "Skyra"}};
  entry.flags = {"4d", "nonfinite"};
  entry.companions = {{"label", Sha256Hex("label"), 12, {1, 2}, {{0, 7}, {2.5, 1}}, "/data/label.nii"}};
  entry.affine = {1, 0, 0, 0.1, 0, 1, 0, -90, 0, 0, 1, 1.0 / 3, 0, 0, 0, 1};
  entry.stamp = "abc";
  entry.stored_bytes = std::int64_t{1} << 53;
  entry.chunk_checksums = {0, 4294967295u, 7};
  return entry;
}

DatasetVersion Version(int subjects) {
  DatasetVersion version;
  version.name = "brains";
  version.version = 3;
  for (int i = 0; i < subjects; ++i) {
    version.entries.push_back(Entry(2 * i, absl::StrCat("sub-", i)));
    version.entries.push_back(Entry(2 * i + 1, absl::StrCat("sub-", i)));
  }
  version.exclusions = {{"voxels", Sha256Hex("v"), "motion", "2026-01-02T03:04:05Z"},
                        {"subject", SubjectKey("sub-x"), "consent withdrawn", "2026-01-02T03:04:05Z"}};
  FinishVersion(version, nullptr);
  return version;
}

IngestReport Report() {
  return {9,
          4,
          {{"b", "a"}},
          {{"c", "RGB voxels"}},
          {{"d", "hidden"}, {"e\xff", "not a scan"}},
          2,
          1,
          {{"f", "no such file"}},
          {"OASIS3: 2 of 3 sessions"}};
}

TEST(Catalogue, LinesAreCanonicalAndReadBackExactly) {
  const CatalogueEntry entry = Entry(1, "sub-1");
  const std::string line = EntryJson(entry);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_THAT(line, HasSubstr("\"mean\":0.30000000000000004,"));
  EXPECT_THAT(line, HasSubstr("\"source_spacing\":[0.1,0.3333333333333333,1e-07]"));
  EXPECT_EQ(line.rfind("{\"affine\":[1.0,0.0,0.0,0.1,", 0), 0u);
  ASSERT_OK_AND_ASSIGN(const CatalogueEntry read, ParseEntry(line));
  EXPECT_EQ(read, entry);
  EXPECT_EQ(EntryJson(read), line);
}

TEST(Catalogue, LinesOfProgramsThatKnewLessAreRead) {
  CatalogueEntry entry = Entry(1, "sub-1");
  const std::string line =
      absl::StrReplaceAll(EntryJson(entry), {{"\"affine\"", "\"other\""}, {"\"values\"", "\"others\""}});
  entry.affine = {};
  entry.companions[0].values.clear();
  ASSERT_OK_AND_ASSIGN(const CatalogueEntry read, ParseEntry(line));
  EXPECT_EQ(read, entry);
}

TEST(Catalogue, ParseErrorsNameTheField) {
  const std::string line = EntryJson(Entry(1, "sub-1"));
  EXPECT_THAT(ParseEntry(absl::StrReplaceAll(line, {{"\"subject\"", "\"person\""}})),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("field 'subject' is missing")));
  EXPECT_THAT(ParseEntry(absl::StrReplaceAll(line, {{"\"frames\":102", "\"frames\":\"x\""}})),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("field 'frames' has the wrong type")));
  EXPECT_THAT(ParseEntry(absl::StrReplaceAll(line, {{"\"split\":\"train\"", "\"split\":\"test\""}})),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("field 'split' is 'test'")));
  EXPECT_THAT(ParseEntry(absl::StrReplaceAll(line, {{"\"shape\":[11,", "\"shape\":[0,"}})),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("field 'shape'")));
  EXPECT_THAT(ParseEntry(line.substr(0, 50)), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(ParseEntry("[1]"), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(Catalogue, DigestDependsOnContentNotOnOrder) {
  DatasetVersion version = Version(6);
  DatasetVersion other = version;
  std::reverse(other.entries.begin(), other.entries.end());
  EXPECT_EQ(VersionDigest(other), version.digest);
  FinishVersion(other, nullptr);
  EXPECT_EQ(other.entries, version.entries);
  other.entries[0].stored_bytes = 1;  // compressed bytes and names of files do not count
  other.entries[0].source = "elsewhere";
  other.name = "other";
  EXPECT_EQ(VersionDigest(other), version.digest);
  for (const auto& change : std::vector<std::function<void(DatasetVersion&)>>{
           [](DatasetVersion& v) { v.entries[0].subject = "x"; },
           [](DatasetVersion& v) { v.entries[0].voxel_digest = "x"; },
           [](DatasetVersion& v) {
             v.entries[0].split = v.entries[0].split == Split::kTrain ? Split::kHeldOut : Split::kTrain;
           },
           [](DatasetVersion& v) {
             v.contract.spacing_mm = {2, 2, 2};
           },
           [](DatasetVersion& v) { v.entries.pop_back(); }}) {
    DatasetVersion changed = version;
    change(changed);
    EXPECT_NE(VersionDigest(changed), version.digest);
  }
}

TEST(Catalogue, SplitIsBySubjectAndKeptInLaterVersions) {
  const DatasetVersion first = Version(10);
  EXPECT_THAT(first.Indices(Split::kHeldOut), SizeIs(4));  // two subjects of two volumes
  EXPECT_THAT(first.Indices(Split::kTrain), SizeIs(16));
  DatasetVersion second = Version(25);
  for (CatalogueEntry& entry : second.entries) entry.split = Split::kTrain;
  FinishVersion(second, &first);
  EXPECT_THAT(second.Indices(Split::kHeldOut), SizeIs(10));
  for (const CatalogueEntry& entry : second.entries) {
    for (const CatalogueEntry& before : first.entries) {
      if (before.subject != entry.subject) continue;
      EXPECT_EQ(before.split, entry.split) << entry.subject;
    }
  }
}

TEST(Catalogue, VolumePathHasTwoLevels) { EXPECT_EQ(VolumePath("/v", "abcdef"), "/v/ab/abcdef.b2nd"); }

class VersionFilesTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(WriteVersion(folder_.path(), version_, Report())); }
  void Replace(const std::string& name, const std::function<void(std::string&)>& change) {
    auto content = files::Read(folder_.path() / name);
    ASSERT_OK(content);
    change(*content);
    ASSERT_OK(files::WriteAtomic(folder_.path() / name, *content));
  }

  TempDir folder_;
  const DatasetVersion version_ = Version(8);
};

TEST_F(VersionFilesTest, ReadsWhatWasWritten) {
  ASSERT_OK_AND_ASSIGN(const DatasetVersion read, ReadVersion(folder_.path()));
  EXPECT_EQ(read.name, "brains");
  EXPECT_EQ(read.version, 3);
  EXPECT_EQ(read.digest, version_.digest);
  EXPECT_EQ(read.contract, version_.contract);
  EXPECT_EQ(read.entries, version_.entries);
  EXPECT_EQ(read.exclusions, version_.exclusions);
  ASSERT_OK_AND_ASSIGN(const IngestReport report, ReadReport(folder_.path()));
  EXPECT_EQ(report.files, 9);
  EXPECT_EQ(report.volumes, 4);
  EXPECT_EQ(report.duplicates, Report().duplicates);
  EXPECT_EQ(report.quarantined, Report().quarantined);
  ASSERT_THAT(report.skipped, SizeIs(2));
  EXPECT_EQ(report.skipped[1].source, "e\xef\xbf\xbd");
  EXPECT_EQ(report.unchanged, 2);
  EXPECT_EQ(report.carried, 1);
  EXPECT_EQ(report.companions, Report().companions);
  EXPECT_EQ(report.findings, Report().findings);
}

TEST_F(VersionFilesTest, SameVersionSameBytes) {
  TempDir other;
  ASSERT_OK(WriteVersion(other.path(), version_, Report()));
  for (const char* name : {"version.json", "catalogue.jsonl.zst", "report.json"}) {
    EXPECT_EQ(*files::Read(other.path() / name), *files::Read(folder_.path() / name)) << name;
  }
}

TEST_F(VersionFilesTest, NoVersionIsNotFound) {
  std::filesystem::remove(folder_.path() / "version.json");
  EXPECT_THAT(ReadVersion(folder_.path()), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(VersionFilesTest, MissingCatalogueIsDataLoss) {
  std::filesystem::remove(folder_.path() / "catalogue.jsonl.zst");
  EXPECT_THAT(ReadVersion(folder_.path()),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("catalogue.jsonl.zst is missing")));
}

TEST_F(VersionFilesTest, DamageSaysWhatAndWhere) {
  Replace("catalogue.jsonl.zst", [](std::string& content) { content[content.size() / 2] ^= 4; });
  EXPECT_THAT(ReadVersion(folder_.path()),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("catalogue.jsonl.zst is damaged: its SHA-256")));
  Replace("version.json", [](std::string& content) { content.resize(content.size() / 2); });
  EXPECT_THAT(ReadVersion(folder_.path()),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("version.json: not a JSON")));
  Replace("report.json", [](std::string& content) { content = "{}"; });
  EXPECT_THAT(ReadReport(folder_.path()),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("report.json: field 'files'")));
}

TEST_F(VersionFilesTest, DigestHasToFit) {
  Replace("version.json", [&](std::string& content) {
    content = absl::StrReplaceAll(content, {{version_.digest, std::string(64, '0')}});
  });
  EXPECT_THAT(ReadVersion(folder_.path()), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("digest does not fit")));
}

TEST_F(VersionFilesTest, NewerFormatIsRefusedByName) {
  Replace("version.json", [](std::string& content) {
    content = absl::StrReplaceAll(content, {{"\"format_version\": 1", "\"format_version\": 2"}});
  });
  EXPECT_THAT(ReadVersion(folder_.path()),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("dataset format 2 is newer")));
}

TEST(ZstdText, RoundTripAndDamage) {
  for (const std::string& text : {std::string(), std::string("a"), std::string(100'000, 'x')}) {
    EXPECT_EQ(*DecompressText(CompressText(text)), text);
  }
  std::string frame = CompressText("some text that is long enough to be damaged");
  EXPECT_THAT(DecompressText(frame.substr(0, frame.size() - 3)), StatusIs(absl::StatusCode::kDataLoss));
  frame[frame.size() - 1] ^= 1;
  EXPECT_THAT(DecompressText(frame), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(DecompressText("no frame"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(DecompressText(""), StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace amaes
