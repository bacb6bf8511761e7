#include "libs/metrics/scoring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/base/testing/status_matchers.h"

namespace amaes {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

LabelSet Labels(const char* classes, bool regions = false, const char* background = "") {
  const auto labels = ParseLabels(classes, regions, background);
  EXPECT_OK(labels);
  return *labels;
}

Volume Line(std::vector<float> voxels) {
  Volume out;
  out.shape = {1, 1, static_cast<std::int64_t>(voxels.size())};
  out.voxels = std::move(voxels);
  return out;
}

TEST(Scoring, KeepsValuesThatFitAByte) {
  ASSERT_OK_AND_ASSIGN(const Scoring scoring, PlanScoring(Labels("core=1, oedema=2, rim=4", false, "9"), "", ""));
  EXPECT_FALSE(scoring.regions);
  EXPECT_FALSE(scoring.renumbered);
  EXPECT_THAT(scoring.channels, ElementsAre(0, 1, 2, 4));
  EXPECT_THAT(scoring.scored, ElementsAre(Region{"core", {1}}, Region{"oedema", {2}}, Region{"rim", {4}}));
  ASSERT_OK_AND_ASSIGN(const auto codes, ToCodes(Line({0, 4, 9, 2, 1}), scoring));
  EXPECT_THAT(codes, ElementsAre(0, 4, 0, 2, 1));
}

TEST(Scoring, AClassOfSeveralValuesIsOne) {
  ASSERT_OK_AND_ASSIGN(const Scoring scoring, PlanScoring(Labels("lesion=3+5, other=2"), "", ""));
  EXPECT_THAT(scoring.channels, ElementsAre(0, 3, 2));
  ASSERT_OK_AND_ASSIGN(const auto codes, ToCodes(Line({5, 3, 2, 0}), scoring));
  EXPECT_THAT(codes, ElementsAre(3, 3, 2, 0));
}

TEST(Scoring, NumbersLargeValuesAnew) {
  ASSERT_OK_AND_ASSIGN(const Scoring scoring, PlanScoring(Labels("b=5002, a=17"), "", ""));
  EXPECT_TRUE(scoring.renumbered);
  EXPECT_THAT(scoring.channels, ElementsAre(0, 2, 1));
  ASSERT_OK_AND_ASSIGN(const auto codes, ToCodes(Line({17, 5002}), scoring));
  EXPECT_THAT(codes, ElementsAre(1, 2));
}

// BraTS: what is in no later region shows a region in a prediction.
TEST(Scoring, RegionsGetTheLabelThatNoLaterOneHas) {
  ASSERT_OK_AND_ASSIGN(const Scoring scoring, PlanScoring(Labels("WT=1+2+4, TC=1+4, ET=4", true), "", ""));
  EXPECT_TRUE(scoring.regions);
  EXPECT_THAT(scoring.channels, ElementsAre(2, 1, 4));
  EXPECT_THAT(scoring.scored, ElementsAre(Region{"WT", {1, 2, 4}}, Region{"TC", {1, 4}}, Region{"ET", {4}}));
  ASSERT_OK_AND_ASSIGN(const Scoring turned, PlanScoring(Labels("ET=4, TC=1+4, WT=1+2+4", true), "", ""));
  EXPECT_THAT(turned.order, ElementsAre(2, 1, 0));
  EXPECT_THAT(turned.channels, ElementsAre(2, 1, 4));
  EXPECT_THAT(PlanScoring(Labels("a=1+2, b=1+3, c=2+3", true), "", ""),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("region a: all of its values")));
}

TEST(Scoring, OfClassesMayBeByRegion) {
  const LabelSet labels = Labels("ncr=1, ed=2, et=4");
  ASSERT_OK_AND_ASSIGN(const Scoring scoring, PlanScoring(labels, "WT=1+2+4, TC=1+4", ""));
  EXPECT_FALSE(scoring.regions);
  EXPECT_THAT(scoring.channels, ElementsAre(0, 1, 2, 4));
  EXPECT_THAT(scoring.scored, ElementsAre(Region{"WT", {1, 2, 4}}, Region{"TC", {1, 4}}));
  EXPECT_THAT(
      PlanScoring(labels, "WT=1+2+3", ""),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not trained on value 3; it knows ncr=1,ed=2,et=4")));
  EXPECT_THAT(PlanScoring(labels, "WT", ""), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(Scoring, RefusesValuesThatNobodyDeclared) {
  ASSERT_OK_AND_ASSIGN(const Scoring scoring, PlanScoring(Labels("lesion=1"), "", ""));
  EXPECT_THAT(ToCodes(Line({0, 1, 3, 3, 0.5F, 0}), scoring),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       testing::AllOf(HasSubstr("0.5 (1 voxel), 3 (2 voxels)"), HasSubstr("`background`"))));
  EXPECT_THAT(PlanScoring(Labels("lesion=1"), "", "1+3"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("value 1 is one that the network knows")));
  EXPECT_THAT(PlanScoring(Labels("lesion=6"), "", "1+2+3"), StatusIs(absl::StatusCode::kOk));
  ASSERT_OK_AND_ASSIGN(const Scoring wider, PlanScoring(Labels("lesion=1"), "", "3"));
  ASSERT_OK_AND_ASSIGN(const auto codes, ToCodes(Line({3, 1}), wider));
  EXPECT_THAT(codes, ElementsAre(0, 1));
}

}  // namespace
}  // namespace amaes
