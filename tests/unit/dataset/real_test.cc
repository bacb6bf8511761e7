// Real and awkward files: what becomes of each is compared with what the collection's manifest expects.
#include <functional>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "libs/dataset/layout.h"
#include "tests/unit/dataset/ingest_fixture.h"

namespace amaes {
namespace {

using ::testing::HasSubstr;

const std::filesystem::path kData = AMAES_TEST_DATA;

// Fields of one CSV line, with quotes.
std::vector<std::string> CsvFields(const std::string& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"')
      quoted = !quoted;
    else if (c == ',' && !quoted)
      fields.emplace_back();
    else
      fields.back() += c;
  }
  return fields;
}

// What the manifest expects of the files below `folder`, by their path below it.
std::map<std::string, std::string> Expectations(const std::string& folder) {
  const auto text = files::Read(kData / "manifest.csv");
  EXPECT_OK(text);
  const std::vector<std::string> lines = absl::StrSplit(*text, '\n', absl::SkipEmpty());
  const std::vector<std::string> header = CsvFields(lines[0]);
  const auto column = static_cast<std::size_t>(std::find(header.begin(), header.end(), "expect") - header.begin());
  std::map<std::string, std::string> expectations;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::vector<std::string> fields = CsvFields(lines[i]);
    if (absl::StartsWith(fields[0], folder + "/")) expectations[fields[0].substr(folder.size() + 1)] = fields[column];
  }
  return expectations;
}

// What became of a file: "volume", "duplicate", "skipped: RULE", "quarantined: REASON".
std::map<std::string, std::string> Outcomes(const IngestResult& result) {
  std::map<std::string, std::string> outcomes;
  for (const CatalogueEntry& entry : result.version.entries) outcomes[entry.source] = "volume";
  for (const auto& item : result.report.duplicates) outcomes[item.source] = "duplicate";
  for (const auto& item : result.report.skipped) outcomes[item.source] = "skipped: " + item.reason;
  for (const auto& item : result.report.quarantined) outcomes[item.source] = "quarantined: " + item.reason;
  return outcomes;
}

// One pattern per wording of the manifest.
const std::map<std::string, const char*> kAccepted = {
    {"read", "volume|duplicate|skipped: label.*|skipped: second half.*"},
    {"read; some NaN", "volume"},
    {"text", "skipped: not a scan.*"},
    {"clear refusal", "quarantined: RGB.*"},
    {"read as 1 slice or a clear refusal", "quarantined: 2D image.*"},
    {"read as magnitude or a clear refusal", "quarantined: complex voxels.*"},
    {"read or a clear refusal (ANALYZE, not NIfTI)", "volume"},
    {"refused or skipped: no finite voxel", "quarantined: no finite voxel.*"},
    {"refused or skipped: constant image", "quarantined: constant image.*"},
    {"tree is walked; each image refused as truncated", "quarantined: truncated: .*"},
};

class RealTest : public IngestFixture {
 protected:
  static void SetUpTestSuite() {
    folder = new TempDir;
    IngestOptions options;
    options.dataset = "awkward";
    options.from = std::filesystem::canonical(kData / "awkward");
    options.volumes = folder->path() / "volumes";
    options.staging = folder->path() / "staging";
    options.records = folder->path() / "records";
    options.child_command = {AMAES_INGEST_HELPER, "child"};
    auto ingested = RunIngest(options, SystemClock(), nullptr);
    ASSERT_OK(ingested);
    result = new IngestResult(*std::move(ingested));
  }
  static void TearDownTestSuite() {
    delete result;
    delete folder;
  }
  const CatalogueEntry& Entry(const std::string& source) {
    for (const CatalogueEntry& entry : result->version.entries) {
      if (entry.source == source) return entry;
    }
    ADD_FAILURE() << "no volume from " << source;
    static const CatalogueEntry none;
    return none;
  }

  static inline TempDir* folder = nullptr;
  static inline IngestResult* result = nullptr;
};

TEST_F(RealTest, EveryAwkwardFileIsReadOrRefusedForItsDefect) {
  const auto expectations = Expectations("awkward");
  const auto outcomes = Outcomes(*result);
  ASSERT_GT(expectations.size(), 70u);
  for (const auto& [source, expected] : expectations) {
    ASSERT_TRUE(kAccepted.contains(expected)) << "the manifest has a new wording: " << expected;
    ASSERT_TRUE(outcomes.contains(source)) << source;
    EXPECT_THAT(outcomes.at(source), ::testing::MatchesRegex(kAccepted.at(expected))) << source;
  }
  const IngestReport& report = result->report;
  EXPECT_EQ(report.files, static_cast<std::int64_t>(expectations.size()));
  EXPECT_EQ(report.files, static_cast<std::int64_t>(report.volumes + report.duplicates.size() +
                                                    report.quarantined.size() + report.skipped.size()));
}

TEST_F(RealTest, OneBrainInSixOrientationsIsOneVolume) {
  std::set<std::string> copies;
  for (const auto& item : result->report.duplicates) {
    if (item.reason == "orient_ARI.nii.gz") copies.insert(item.source);
  }
  EXPECT_THAT(copies, ::testing::ElementsAre("orient_ASR.nii.gz", "orient_LPI.nii.gz", "orient_PIR.nii.gz",
                                             "orient_RAS.nii.gz", "orient_SPL.nii.gz"));
}

TEST_F(RealTest, FramesAndNonFiniteVoxelsAreRecorded) {
  EXPECT_EQ(Entry("4d_dwi_102vol_tiny.nii.gz").frames, 102);
  EXPECT_EQ(Entry("4d_asl_25vol.nii.gz").frames, 25);
  EXPECT_EQ(Entry("tiny_4mm-brain_lps.nii.gz").frames, 1);
  EXPECT_EQ(Entry("bigendian-float32_nan_moved.nii").nonfinite_voxels, 153);
  EXPECT_EQ(Entry("dtypes/float32.nii").source_shape, (Shape3{3, 3, 3}));
}

TEST_F(RealTest, TrainingFilesAreGroupedByPerson) {
  ASSERT_OK_AND_ASSIGN(const auto layout, MakeLayout("folder"));
  ASSERT_OK_AND_ASSIGN(const ScanList list, layout->Scan(kData / "train"));
  EXPECT_EQ(list.files.size(), 30u);
  EXPECT_TRUE(list.skipped.empty());
  std::map<std::string, int> subjects;
  for (const ScanFile& file : list.files) {
    ++subjects[file.subject];
    EXPECT_NE(file.modality, "unknown") << file.source;
  }
  EXPECT_EQ(subjects.size(), 18u);
  EXPECT_EQ(subjects["oms-long-p01"], 3);
  EXPECT_EQ(subjects["oms-long-p20"], 2);
  EXPECT_EQ(subjects["coregqa"], 2);
  EXPECT_EQ(subjects["mni152"], 3);
}

TEST_F(RealTest, LabelledCasesAreSubjectsAndTheirLabelsAreSkipped) {
  ASSERT_OK_AND_ASSIGN(const auto layout, MakeLayout("folder"));
  ASSERT_OK_AND_ASSIGN(const ScanList list, layout->Scan(kData / "labelled"));
  EXPECT_EQ(list.files.size(), 25u);
  EXPECT_EQ(list.skipped.size(), 22u);
  for (const ScanFile& file : list.files) {
    EXPECT_EQ(file.subject, std::filesystem::path(file.source).parent_path().string());
  }
  for (const auto& [source, rule] : list.skipped) EXPECT_THAT(rule, HasSubstr("label by its name")) << source;
}

}  // namespace
}  // namespace amaes
