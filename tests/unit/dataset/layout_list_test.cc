// Lists: nnssl's pretrain_data.json, CSV, TSV and JSONL, and the tables under them.
#include "libs/dataset/layout/json_text.h"
#include "libs/dataset/layout/nnssl_layout.h"
#include "libs/dataset/layout/table.h"
#include "nlohmann/json.hpp"
#include "tests/unit/dataset/layout_fixture.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

TEST(Table, ReadsRfc4180AndWhatPeopleWrite) {
  ASSERT_OK_AND_ASSIGN(const Table table,
                       ParseTable("\xef\xbb\xbfpath, Subject \r\n\"a,\"\"b\nc\",p1\r\n\r\nx,n/a\n", ','));
  EXPECT_THAT(table.columns, ElementsAre("path", "Subject"));
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_EQ(table.Cell(table.rows[0], 0), "a,\"b\nc");
  EXPECT_EQ(table.rows[0].line, 2);
  EXPECT_EQ(table.rows[1].line, 5);
  EXPECT_EQ(table.Cell(table.rows[1], table.Column({"who", "SUBJECT"})), "");
  EXPECT_EQ(table.Column({"who"}), -1);
}

TEST(Table, ErrorsNameTheLine) {
  for (const auto& [text, message] :
       std::map<std::string, std::string>{{"", "line 1: empty"},
                                          {"\n \n", "line 1: empty"},
                                          {"a,b\nx,\"y", "line 2: a quote is not closed"},
                                          {"a\n\"x\"y\n", "line 2: text behind a closing quote"},
                                          {"a,A\n", "columns 1 and 2 are both called 'A'"},
                                          {"a,,b\n", "column 2 has no name"},
                                          {"a\nb\xff\n", "line 2: not UTF-8"},
                                          {std::string("a\nb\n\0", 5), "line 3: a NUL byte"},
                                          {std::string(5000, ','), "more than 4096 columns"}}) {
    EXPECT_THAT(ParseTable(text, ','), StatusIs(kInvalid, HasSubstr(message))) << text;
  }
}

TEST(JsonLines, ColumnsAreTheKeys) {
  ASSERT_OK_AND_ASSIGN(const Table table,
                       ParseJsonLines("{\"path\": \"a\", \"age\": 3}\n\n{\"sex\": null, \"path\": \"b\"}"));
  EXPECT_THAT(table.columns, UnorderedElementsAre("age", "path", "sex"));
  EXPECT_EQ(table.Cell(table.rows[0], table.Column({"age"})), "3");
  EXPECT_EQ(table.Cell(table.rows[1], table.Column({"path"})), "b");
  EXPECT_EQ(table.rows[1].line, 3);
  EXPECT_THAT(ParseJsonLines("{\"a\": 1}\n[1]"), StatusIs(kInvalid, HasSubstr("line 2: not a JSON object")));
  EXPECT_THAT(ParseJsonLines("{\"a\": [1]}"), StatusIs(kInvalid, HasSubstr("line 1: the value of 'a'")));
}

TEST(JsonText, HostileTexts) {
  for (const std::string& text :
       {std::string(1'000'000, '['), std::string("{\"a\":") + std::string(100, '{'), std::string("{\"a\": \"\xff\"}"),
        std::string("\0", 1), std::string("1e99999"), std::string("{\"a\": \"\\ud800\"}"), std::string()}) {
    EXPECT_THAT(ParseJsonText(text), StatusIs(kInvalid)) << text.substr(0, 20);
  }
  EXPECT_OK(ParseJsonText(std::string(64, '[') + std::string(64, ']')));
  EXPECT_OK(ParseJsonText("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[\""));
}

using CsvLayoutTest = LayoutTest;

TEST_F(CsvLayoutTest, AListGivenItself) {
  Write({"scans/a.nii.gz", "scans/b.nii.gz", "scans/b_lesion.nii.gz"});
  const std::string outside = (root() / "scans/b.nii.gz").string();
  Write("lists/list.csv",
        absl::StrCat("path,subject,session,modality,label,collection,case,age,field_strength_t,comment\n"
                     "../scans/a.nii.gz,p1,v1,T1w,,C1,c,33,3,hello\n",
                     outside, ",p2,,FLAIR,../scans/b_lesion.nii.gz,C1,,n/a,,\n", "../scans/none.nii.gz,p3,,T1w,,,,,,\n",
                     "../scans/a.nii.gz,p1,v1,T1w,,,,,,\n"));
  ASSERT_OK_AND_ASSIGN(const ScanList list, Scan("auto", "lists/list.csv"));
  EXPECT_EQ(list.layout, "csv");
  EXPECT_THAT(Sources(list), UnorderedElementsAre("../scans/a.nii.gz", outside));
  const ScanFile a = Find(list, "../scans/a.nii.gz");
  EXPECT_EQ(a.path, root() / "scans/a.nii.gz");
  EXPECT_EQ(absl::StrCat(a.subject, a.session, a.modality, a.collection, a.case_id), "p1v1T1wC1c");
  EXPECT_THAT(a.info, UnorderedElementsAre(Pair("age_years", "33"), Pair("field_strength_t", "3")));
  EXPECT_EQ(Find(list, outside).companions[0].path, root() / "scans/b_lesion.nii.gz");
  EXPECT_THAT(Rule(list, "../scans/none.nii.gz"), HasSubstr("no such file (list.csv line 4, column path)"));
  EXPECT_THAT(Rule(list, "../scans/a.nii.gz"), HasSubstr("list.csv line 2, column path and list.csv line 5"));
}

TEST_F(CsvLayoutTest, AFolderWithItsList) {
  Write({"sub-1/t1.nii.gz", "sub-1/mask.nii.gz", "unlisted.nii", "README", "pair.hdr", "pair.img"});
  Write("scans.tsv", "image\tmore\nsub-1/t1.nii.gz\tx\npair.hdr\t\npair.img\t\n");
  ASSERT_OK_AND_ASSIGN(const ScanList list, Scan("auto"));
  EXPECT_EQ(list.layout, "csv");
  EXPECT_THAT(Sources(list), ElementsAre("pair.hdr", "sub-1/t1.nii.gz"));
  EXPECT_EQ(list.files[1].subject, "sub-1");
  EXPECT_EQ(list.files[1].modality, "T1w");
  EXPECT_THAT(Rule(list, "scans.tsv"), HasSubstr("columns that are not used: more"));
  EXPECT_THAT(Rule(list, "unlisted.nii"), HasSubstr("not named by scans.tsv"));
  EXPECT_THAT(Rule(list, "pair.img"), HasSubstr("name its .hdr"));
  Write("scans.jsonl", "{\"path\": \"sub-1/t1.nii.gz\"}\n");
  EXPECT_THAT(Scan("csv"), StatusIs(kInvalid, HasSubstr("more than one list (scans.jsonl, scans.tsv)")));
}

TEST_F(CsvLayoutTest, JsonLinesAndFrames) {
  Write("x.nii.gz");
  Write("l.jsonl",
        "{\"path\": \"x.nii.gz\", \"frame\": 0}\n{\"path\": \"x.nii.gz\", \"frame\": 1, \"subject\": \"s\"}\n");
  ASSERT_OK_AND_ASSIGN(const ScanList list, Scan("auto", "l.jsonl"));
  EXPECT_THAT(Sources(list), ElementsAre("x.nii.gz#0", "x.nii.gz#1"));
  EXPECT_EQ(list.files[1].subject, "s");
  EXPECT_EQ(list.files[1].path, root() / "x.nii.gz");
}

TEST_F(CsvLayoutTest, ErrorsNameLineAndColumn) {
  Write("a.nii.gz");
  for (const auto& [text, message] : std::map<std::string, std::string>{
           {"subject,modality\np,T1w\n", "line 1: no column 'path'; there are: subject, modality"},
           {"path,subject\na.nii.gz\n", "line 2: has 1 cells, the header 2 columns"},
           {"path,frame\na.nii.gz,-1\n", "line 2, column frame: '-1' is no frame number"},
           {"path,subject\n,p\n\"a\tb\",p\n", "line 2, column path: is empty; line 3, column path: holds a control"},
           {"path,label\na.nii.gz,\"x\x01\"\n", "line 2, column label: holds a control character"}}) {
    Write("list.csv", text);
    EXPECT_THAT(Scan("csv", "list.csv"), StatusIs(kInvalid, HasSubstr(message))) << text;
  }
  std::string many = "path\n";
  for (int i = 0; i < 20; ++i) many += "\"\x02\"\n";
  Write("list.csv", many);
  EXPECT_THAT(Scan("csv", "list.csv"), StatusIs(kInvalid, HasSubstr("and 10 more")));
  Write("list.csv", "path\nnone.nii\n");
  EXPECT_THAT(Scan("csv", "list.csv"), StatusIs(kInvalid, HasSubstr("the first: no such file")));
  EXPECT_THAT(Scan("csv", "none.csv"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Scan("auto", "a.nii.gz"), StatusIs(kInvalid, HasSubstr("neither a folder nor a list")));
}

class NnsslLayoutTest : public LayoutTest {
 protected:
  static std::string Image(const std::string& path, const std::string& masks = "{}") {
    return absl::StrCat(R"({"name": "x", "modality": "T1w", "image_path": ")", path,
                        R"(", "image_info": {"manufacturer": "GE", "echo_time": 0.004}, "associated_masks": )", masks,
                        "}");
  }
  static std::string Data(const std::string& images) {
    return absl::StrCat(R"({"collection_index": 1, "collection_name": "C", "datasets": {"ds1": {"dataset_index": "ds1",
      "name": null, "dataset_info": {}, "subjects": {"sub-01": {"subject_id": "sub-01", "subject_info": {"age": 30},
      "sessions": {"ses-DEFAULT": {"session_id": "ses-DEFAULT", "session_info": null, "images": [)",
                        images, "]}}}}}}}");
  }
  absl::StatusOr<ScanList> ScanWith(const std::map<std::string, std::string>& environment,
                                    const std::string& below = "") {
    const Environment lookup = [&](const char* name) -> const char* {
      const auto found = environment.find(name);
      return found == environment.end() ? nullptr : found->second.c_str();
    };
    return NnsslLayout(lookup).Scan(below.empty() ? root() : root() / below);
  }
};

TEST_F(NnsslLayoutTest, ImagesMasksAndFacts) {
  Write({"ds1/a.nii.gz", "ds1/a_deface.nii.gz", "ds1/a_fb.nii.gz", "ds1/b.nii.gz", "extra.nii.gz"});
  Write(
      "pretrain_data.json",
      Data(absl::StrCat(Image("$nnssl_raw/ds1/a.nii.gz", R"({"anonymization_mask": "$nnssl_raw/ds1/a_deface.nii.gz",
                                "anatomy_mask": "ds1/a_fb.nii.gz"})"),
                        ",", Image("ds1/b.nii.gz", R"({"anonymization_mask": null, "anatomy_mask": "ds1/no.nii.gz"})"),
                        ",", Image("${nnssl_raw}/ds1/gone.nii.gz"))));
  ASSERT_OK_AND_ASSIGN(const ScanList list, Scan("auto"));
  EXPECT_EQ(list.layout, "nnssl");
  EXPECT_THAT(Sources(list), ElementsAre("ds1/a.nii.gz", "ds1/b.nii.gz"));
  const ScanFile& a = list.files[0];
  EXPECT_EQ(absl::StrCat(a.collection, "|", a.subject, "|", a.session, "|", a.modality), "ds1|ds1/sub-01||T1w");
  EXPECT_THAT(a.info,
              UnorderedElementsAre(Pair("age_years", "30"), Pair("manufacturer", "GE"), Pair("echo_time_ms", "4")));
  ASSERT_EQ(a.companions.size(), 2u);
  EXPECT_EQ(a.companions[0].role, "anonymisation_mask");
  EXPECT_EQ(a.companions[1].role, "anatomy_mask");
  EXPECT_TRUE(list.files[1].companions.empty());
  EXPECT_THAT(Rule(list, "ds1/no.nii.gz"), HasSubstr("no such file: anatomy_mask (datasets.ds1.subjects.sub-01"));
  EXPECT_THAT(Rule(list, "${nnssl_raw}/ds1/gone.nii.gz"), HasSubstr("no such file"));
  EXPECT_THAT(Rule(list, "extra.nii.gz"), HasSubstr("not named by pretrain_data.json"));
  EXPECT_THAT(Rule(list, "ds1/a_fb.nii.gz"), HasSubstr("companion of a scan: anatomy_mask"));
}

TEST_F(NnsslLayoutTest, VariablesComeFromTheEnvironmentOrFromTheFolder) {
  Write({"raw/Dataset1/a.nii.gz", "elsewhere/Dataset1/a.nii.gz"});
  Write("raw/Dataset1/pretrain_data__onlyT1.json", Data(Image("$nnssl_raw/Dataset1/a.nii.gz")));
  ASSERT_OK_AND_ASSIGN(const ScanList above, ScanWith({}, "raw/Dataset1"));
  EXPECT_EQ(above.files[0].path, root() / "raw/Dataset1/a.nii.gz");
  ASSERT_OK_AND_ASSIGN(const ScanList set, ScanWith({{"nnssl_raw", (root() / "elsewhere").string()}}, "raw/Dataset1"));
  EXPECT_EQ(set.files[0].path, root() / "elsewhere/Dataset1/a.nii.gz");
  EXPECT_EQ(set.files[0].source, "$nnssl_raw/Dataset1/a.nii.gz");
  Write("raw/Dataset1/pretrain_data__onlyT1.json", Data(Image("$scratch/x/a.nii.gz")));
  EXPECT_THAT(ScanWith({}, "raw/Dataset1"),
              StatusIs(kInvalid, ::testing::AllOf(HasSubstr("images[0].image_path: the variable $scratch is not set"),
                                                  HasSubstr("export scratch=FOLDER"))));
  EXPECT_THAT(ScanWith({{"scratch", "here"}}, "raw/Dataset1"), StatusIs(kInvalid, HasSubstr("no absolute path")));
}

TEST_F(NnsslLayoutTest, ErrorsNameThePlace) {
  for (const auto& [json, message] : std::map<std::string, std::string>{
           {"nope", "pretrain_data.json: not JSON"},
           {"{}", "no object 'datasets'"},
           {R"({"datasets": {"d": {}}})", "datasets.d: no object 'subjects'"},
           {R"({"datasets": {"d": {"subjects": {"s": 1}}}})", "datasets.d.subjects.s: no object 'sessions'"},
           {R"({"datasets": {"d": {"subjects": {"s": {"sessions": {"v": {"images": 4}}}}}}})",
            "sessions.v.images: is no list"},
           {Data(Image("")), "images[0].image_path is empty"},
           {Data(Image("$/x")), "begins with no variable's name"},
           {Data(Image("${x")), "begins with no variable's name"}}) {
    Write("pretrain_data.json", json);
    EXPECT_THAT(ScanWith({}), StatusIs(kInvalid, HasSubstr(message))) << json;
  }
}

}  // namespace
}  // namespace amaes
