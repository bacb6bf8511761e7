#include "libs/metrics/results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_split.h"
#include "libs/base/testing/status_matchers.h"
#include "tests/unit/metrics/results_fixture.h"

namespace amaes {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

bool Same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

TEST(CaseJson, ReadsBack) {
  for (int i = 0; i < 5; ++i) {
    const CaseResult written = MakeCase(i, 5);
    ASSERT_OK_AND_ASSIGN(const CaseResult read, ParseCase(CaseJson(written)));
    EXPECT_EQ(read.key, written.key);
    EXPECT_EQ(read.source, written.source);
    EXPECT_EQ(read.shape, written.shape);
    EXPECT_EQ(read.spacing, written.spacing);
    EXPECT_EQ(read.notes, written.notes);
    ASSERT_EQ(read.regions.size(), written.regions.size());
    for (std::size_t r = 0; r < read.regions.size(); ++r) {
      EXPECT_EQ(read.regions[r].counts, written.regions[r].counts);
      for (const Measure& measure : Measures()) {
        EXPECT_TRUE(Same(measure.of(read.regions[r]), measure.of(written.regions[r]))) << i << r << measure.name;
      }
    }
  }
}

TEST(CaseJson, DamageIsNamed) {
  EXPECT_THAT(ParseCase("{"), StatusIs(absl::StatusCode::kDataLoss));
  std::string text = CaseJson(MakeCase(1, 3));
  text.replace(text.find("\"windows\""), 9, "\"window_\"");
  EXPECT_THAT(ParseCase(text), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("windows")));
}

TEST(ResultsJson, SaysWhatIsMissing) {
  const auto document = nlohmann::json::parse(ResultsJson(MakeResults(4)));
  EXPECT_EQ(document["format"], "amaes-evaluation");
  EXPECT_EQ(document["facts"]["Job"], "job-1");
  ASSERT_EQ(document["summary"].size(), 4u);
  const auto& other = document["summary"][1];
  EXPECT_EQ(other["region"], "other");
  EXPECT_EQ(other["dice"]["cases"], 2);      // missed in cases 1 and 3
  EXPECT_EQ(other["dice"]["undefined"], 2);  // not there in 0 and 2
  EXPECT_EQ(other["dice"]["mean"], 0);
  EXPECT_EQ(other["hausdorff_95_mm"]["infinite"], 2);
  EXPECT_TRUE(other["hausdorff_95_mm"]["mean"].is_null());
  const auto& rows = document["cases"][1]["regions"];
  EXPECT_EQ(rows[0]["empty"], "");
  EXPECT_EQ(rows[1]["empty"], "prediction");
  EXPECT_TRUE(rows[1]["surface_distance_mm"].is_null());
  EXPECT_EQ(document["cases"][0]["regions"][0]["empty"], "prediction");
  EXPECT_EQ(document["cases"][0]["regions"][1]["empty"], "both");
}

TEST(ResultsCsv, IsOneRowPerCaseAndRegion) {
  const std::vector<std::string> lines = absl::StrSplit(ResultsCsv(MakeResults(3)), '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 1u + 3 * 4);
  EXPECT_THAT(lines[0], HasSubstr("case,subject,session,modality,source,prediction,region,truth_ml"));
  EXPECT_THAT(lines[1],
              HasSubstr("\"images, \"\"raw\"\"/sub-0.nii.gz\",sub-0.nii.gz,lesion,0.0015,0,0,0,3,0,0,0,nan,0,inf,inf"));
}

TEST(ResultsCsv, FormulasAreDefused) {
  EvaluationResults results = MakeResults(1);
  results.cases[0].subject = "=HYPERLINK(1)";
  EXPECT_THAT(ResultsCsv(results), HasSubstr("key0,'=HYPERLINK(1),"));
}

TEST(Examples, AreTheEndsAndTheMiddle) {
  const EvaluationResults results = MakeResults(11);
  const Examples examples = ChooseExamples(results.cases, 2);
  // Label 2 is missed in odd cases, so that their mean is halved.
  EXPECT_THAT(examples.worst, ElementsAre(0, 1));
  EXPECT_THAT(examples.best, ElementsAre(10, 8));
  EXPECT_EQ(examples.middle.size(), 2u);
  const Examples of_three = ChooseExamples(absl::MakeConstSpan(results.cases).first(3), 3);
  EXPECT_THAT(of_three.worst, ElementsAre(0));
  EXPECT_THAT(of_three.middle, ElementsAre(1));
  EXPECT_THAT(of_three.best, ElementsAre(2));
  const Examples of_one = ChooseExamples(absl::MakeConstSpan(results.cases).first(1), 3);
  EXPECT_THAT(of_one.middle, ElementsAre(0));
  EXPECT_THAT(of_one.worst, IsEmpty());
}

}  // namespace
}  // namespace amaes
