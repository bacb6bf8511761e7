#include "libs/dataset/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "libs/dataset/contact_sheet.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

CatalogueEntry Entry(int number, const std::string& modality) {
  CatalogueEntry entry;
  entry.volume = absl::StrCat("volume-", number);
  entry.voxel_digest = absl::StrCat("voxels-", number);
  entry.subject = absl::StrCat("P", number / 2);
  entry.session = "1";
  entry.modality = modality;
  entry.source = absl::StrCat("p/<", number, ">&.nii.gz");
  entry.collection = number < 4 ? "OASIS3" : "ADNI";
  entry.shape = {10, 20, 30 + number};
  entry.source_spacing = {1, 1.2, 3};
  entry.source_maximum = 100 + number;
  entry.mean = 0.25;
  entry.stored_bytes = 1000;
  entry.datatype = "int16";
  entry.orientation = "LPS";
  return entry;
}

DatasetVersion Version() {
  DatasetVersion version;
  version.name = "heads";
  version.version = 3;
  for (int i = 0; i < 6; ++i) version.entries.push_back(Entry(i, i % 2 == 0 ? "T1w" : "FLAIR"));
  version.entries[0].split = version.entries[1].split = Split::kHeldOut;
  version.entries[0].info = {{"sex", "F"}, {"age_years", "71"}, {"field_strength_t", "2.8936"}, {"scanner", "Skyra"}};
  version.entries[1].info = {{"sex", "M"}, {"age_years", "unknown"}};
  version.entries[2].flags = {"4d", "nonfinite"};
  version.entries[3].companions = {{"label", "l", 50, {}}};
  version.exclusions = {{"subject", "0123456789abcdef0123", "withdrawn <b>", "2027-01-15T08:00:00+00:00"}};
  version.digest = "0123456789abcdef";
  return version;
}

IngestReport Ingest() {
  IngestReport report;
  report.files = 10;
  report.volumes = 6;
  report.quarantined = {{"q1.nii", "truncated"}, {"q2.nii", "truncated"}};
  report.duplicates = {{"d.nii", "p/<0>&.nii.gz"}};
  report.skipped = {{"s.json", "not a scan: .json"}};
  report.findings = {"OASIS3: 2 scans less than expected"};
  return report;
}

const ReportTable& Table(const DatasetReport& report, const std::string& title) {
  for (const ReportTable& table : report.tables) {
    if (table.title == title) return table;
  }
  static const ReportTable none;
  ADD_FAILURE() << "no table " << title;
  return none;
}

const ReportHistogram& Histogram(const DatasetReport& report, const std::string& title) {
  for (const ReportHistogram& histogram : report.histograms) {
    if (histogram.title == title) return histogram;
  }
  static const ReportHistogram none;
  ADD_FAILURE() << "no histogram " << title;
  return none;
}

TEST(Report, CountsBySplitCollectionModalityFlagAndCompanion) {
  const DatasetReport report = MakeReport(Version(), Ingest());
  EXPECT_EQ(report.volumes, 6);
  EXPECT_EQ(report.subjects, 3);
  EXPECT_EQ(report.sessions, 3);
  EXPECT_EQ(report.voxels, 200 * (30 + 31 + 32 + 33 + 34 + 35));
  EXPECT_EQ(report.stored_bytes, 6000);
  EXPECT_EQ(report.companion_bytes, 50);
  EXPECT_THAT(Table(report, "split").rows,
              ElementsAre(ReportRow{"to train on", 4, 2, 4000}, ReportRow{"held out", 2, 1, 2000}));
  EXPECT_THAT(Table(report, "collection").rows,
              ElementsAre(ReportRow{"OASIS3", 4, 2, 4000}, ReportRow{"ADNI", 2, 1, 2000}));
  EXPECT_THAT(Table(report, "modality").rows,
              ElementsAre(ReportRow{"FLAIR", 3, 3, 3000}, ReportRow{"T1w", 3, 3, 3000}));
  EXPECT_THAT(Table(report, "flag").rows, ElementsAre(ReportRow{"4d", 1, 1, 1000}, ReportRow{"nonfinite", 1, 1, 1000}));
  EXPECT_THAT(Table(report, "companion").rows, ElementsAre(ReportRow{"label", 1, 1, 50}));
}

TEST(Report, HistogramsSayOfHowManyNothingIsKnown) {
  const DatasetReport report = MakeReport(Version(), Ingest());
  EXPECT_EQ(Histogram(report, "sex"), (ReportHistogram{"sex", "", {{"F", 1}, {"M", 1}}, 4}));
  EXPECT_EQ(Histogram(report, "age"), (ReportHistogram{"age", "years", {{"71", 1}}, 5}));
  EXPECT_EQ(Histogram(report, "field strength"), (ReportHistogram{"field strength", "T", {{"2.9", 1}}, 5}));
  EXPECT_EQ(Histogram(report, "scanner"), (ReportHistogram{"scanner", "", {{"Skyra", 1}}, 5}));
  EXPECT_EQ(Histogram(report, "voxel size in the file, coarsest axis").bars, (std::vector<ReportBar>{{"3", 6}}));
  EXPECT_THAT(Histogram(report, "stored size along z (bottom to top)").bars, SizeIs(6));
  for (const ReportHistogram& histogram : report.histograms) EXPECT_NE(histogram.title, "manufacturer");
}

TEST(Report, NumbersGoIntoRoundBarsThatLoseNone) {
  std::vector<double> values;
  for (int i = 0; i < 100; ++i) values.push_back(18 + i * 0.7);
  const ReportHistogram ages = NumberHistogram("age", "years", values, 0);
  EXPECT_EQ(ages.bars.front().label, "10 – 20");
  EXPECT_EQ(ages.bars.back().label, "80 – 90");
  std::int64_t all = 0;
  for (const ReportBar& bar : ages.bars) all += bar.volumes;
  EXPECT_EQ(all, 100);
  EXPECT_EQ(ages.bars.front().volumes, 3) << "18, 18.7, 19.4";

  values = {1, 5, 9.99, 10, 50, 4000, 5000, 6000, 99999, 100000};
  EXPECT_THAT(NumberHistogram("maximum", "", values, 2), (ReportHistogram{"maximum",
                                                                          "",
                                                                          {{"1 – 10", 3},
                                                                           {"10 – 100", 2},
                                                                           {"100 – 1000", 0},
                                                                           {"1000 – 10000", 3},
                                                                           {"10000 – 100000", 1},
                                                                           {"100000 – 1e+06", 1}},
                                                                          2}));
  EXPECT_THAT(NumberHistogram("none", "", {}, 7).bars, IsEmpty());
  const ReportHistogram negative = NumberHistogram("n", "", {-5, -4, -3, -2, -1, 0, 1, 2, 3, 4}, 0);
  EXPECT_EQ(negative.bars.front().label, "-5 – -4");
  EXPECT_EQ(negative.bars.back(), (ReportBar{"3 – 4", 2})) << "with its upper edge";

  // One value far out does not press all others into one bar.
  values.clear();
  for (int i = 0; i < 99; ++i) values.push_back(1 + i % 11 * 0.1);
  values.push_back(53);
  const ReportHistogram outlier = NumberHistogram("spacing", "mm", values, 0);
  EXPECT_GE(outlier.bars.size(), 8u);
  EXPECT_EQ(outlier.bars.back(), (ReportBar{"above 2", 1}));
}

TEST(Report, RareWordsAreCountedTogether) {
  std::vector<std::string> words = {"", "often", "often"};
  for (int i = 0; i < 20; ++i) words.push_back(absl::StrCat("rare-", i));
  const ReportHistogram histogram = WordHistogram("scanner", words);
  ASSERT_THAT(histogram.bars, SizeIs(12));
  EXPECT_EQ(histogram.bars.front(), (ReportBar{"often", 2}));
  EXPECT_EQ(histogram.bars.back(), (ReportBar{"10 others", 10}));
  EXPECT_EQ(histogram.unknown, 1);
}

TEST(Report, TheTextNamesWhatWasNotTaken) {
  DatasetReport report = MakeReport(Version(), Ingest());
  report.leakage = FindLeakage(IdentitiesOf(Version()), std::vector<ScanIdentity>{{"sub-p1", "x.nii", "voxels-5"}});
  report.leakage->other = "tests@1";
  const std::string text = ReportText(report, 1);
  EXPECT_THAT(text,
              AllOf(HasSubstr("heads@3"), HasSubstr("10 files = 6 volumes + 1 duplicates + 2 quarantined + 1 skipped"),
                    HasSubstr("q1.nii: truncated"), Not(HasSubstr("q2.nii")), HasSubstr("and 1 more"),
                    HasSubstr("d.nii  =  p/<0>&.nii.gz"), HasSubstr("subject 0123456789ab: withdrawn")));
  EXPECT_THAT(text, AllOf(HasSubstr("2 scans less than expected"), HasSubstr("shared with tests@1: 1 volumes"),
                          HasSubstr("p/<5>&.nii.gz  =  x.nii"), HasSubstr("P1  =  sub-p1")));
}

TEST(Report, TheJsonHasEverything) {
  DatasetReport report = MakeReport(Version(), Ingest());
  report.contract = R"({"name":"amaes"})";
  const auto json = nlohmann::json::parse(DatasetReportJson(report));
  EXPECT_EQ(json["volumes"], 6);
  EXPECT_EQ(json["contract"]["name"], "amaes");
  EXPECT_EQ(json["files"]["quarantined"].size(), 2u);
  EXPECT_EQ(json["files"]["findings"][0], "OASIS3: 2 scans less than expected");
  EXPECT_EQ(json["tables"].size(), report.tables.size());
  EXPECT_EQ(json["histograms"].size(), report.histograms.size());
  EXPECT_EQ(json["exclusions"][0]["reason"], "withdrawn <b>");
  EXPECT_FALSE(json.contains("leakage"));
}

TEST(Report, ThePageNeedsNothingElseAndEscapesEverything) {
  DatasetReport report = MakeReport(Version(), Ingest());
  SheetRow good{"v", "<i>P0", "1", "T1w", "p/<0>&.nii.gz", {1, 2, 3}, {"4d"}, "AXI", "COR", "SAG", ""};
  SheetRow bad = good;
  bad.problem = "chunk 3 is damaged";
  const std::string page = ReportHtml(report, {good, bad});
  EXPECT_THAT(page,
              AllOf(HasSubstr("data:image/png;base64,QVhJ"), HasSubstr("chunk 3 is damaged"), HasSubstr("&lt;i&gt;P0"),
                    HasSubstr("withdrawn &lt;b&gt;"), HasSubstr("p/&lt;0&gt;&amp;.nii.gz")));
  EXPECT_THAT(page, AllOf(Not(HasSubstr("<script")), Not(HasSubstr("http://")), Not(HasSubstr("https://")),
                          Not(HasSubstr("<i>P0"))));
}

TEST(ContactSheet, EveryModalityGetsItsTurn) {
  DatasetVersion version;
  for (int i = 0; i < 50; ++i) version.entries.push_back(Entry(i, i < 2 ? "CT" : i < 40 ? "T1w" : "T2w"));
  const std::vector<std::size_t> chosen = ChooseForSheet(version, 12);
  std::map<std::string, int> counts;
  for (const std::size_t index : chosen) ++counts[version.entries[index].modality];
  EXPECT_EQ(counts, (std::map<std::string, int>{{"CT", 2}, {"T1w", 5}, {"T2w", 5}}));
  EXPECT_EQ(chosen, ChooseForSheet(version, 12)) << "always the same";
  EXPECT_THAT(ChooseForSheet(version, 100), SizeIs(50));
}

}  // namespace
}  // namespace amaes
