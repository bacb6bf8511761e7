#include "libs/dataset/labels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/base/testing/status_matchers.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Problem(const std::string& classes, bool regions = false, const std::string& background = "") {
  return std::string(ParseLabels(classes, regions, background).status().message());
}

TEST(ParseLabels, ClassesAreNumberedInOrder) {
  const absl::StatusOr<LabelSet> labels = ParseLabels(" necrosis=1, oedema = 2+3 ,enhancing=4", false, "9+8");
  ASSERT_OK(labels);
  EXPECT_EQ(labels->outputs(), 4);
  EXPECT_EQ(labels->CodeOf(0), 0);
  EXPECT_EQ(labels->CodeOf(1), 1);
  EXPECT_EQ(labels->CodeOf(3), 2);
  EXPECT_EQ(labels->CodeOf(4), 3);
  EXPECT_EQ(labels->CodeOf(8), 0);
  EXPECT_EQ(labels->CodeOf(5), std::nullopt);
  EXPECT_EQ(labels->CodeOf(1.5), std::nullopt);
  EXPECT_EQ(labels->ClassesText(), "necrosis=1,oedema=2+3,enhancing=4");
  ASSERT_OK_AND_ASSIGN(const LabelSet again, ParseLabels(labels->ClassesText(), false, "8+9"));
  EXPECT_EQ(again, *labels);
}

TEST(ParseLabels, RegionsOverlap) {
  const absl::StatusOr<LabelSet> labels = ParseLabels("WT=1+2+4,TC=1+4,ET=4", true, "");
  ASSERT_OK(labels);
  EXPECT_EQ(labels->outputs(), 3);
  EXPECT_EQ(labels->CodeOf(1), 0b011);
  EXPECT_EQ(labels->CodeOf(2), 0b001);
  EXPECT_EQ(labels->CodeOf(4), 0b111);
  EXPECT_EQ(labels->CodeOf(3), std::nullopt);
}

TEST(ParseLabels, SaysWhatIsWrong) {
  EXPECT_THAT(Problem(""), HasSubstr("is no class: NAME=VALUE"));
  EXPECT_THAT(Problem("lesion"), HasSubstr("\"lesion\" is no class"));
  EXPECT_THAT(Problem("a b=1"), HasSubstr("\"a b=1\" is no class"));
  EXPECT_THAT(Problem("lesion=0"), HasSubstr("\"0\" is no label value"));
  EXPECT_THAT(Problem("lesion=1+x"), HasSubstr("\"x\" is no label value"));
  EXPECT_THAT(Problem("a=1,a=2"), HasSubstr("class a is given twice"));
  EXPECT_THAT(Problem("a=1,b=1+2"), HasSubstr("value 1 means both a and b; only regions may overlap"));
  EXPECT_THAT(Problem("a=1+2,b=2", true, "2"), HasSubstr("value 2 means both background and a"));
  EXPECT_THAT(Problem("mean=1"), HasSubstr("no name for a class"));
  EXPECT_THAT(Problem("a=1,b=2,c=3,d=4,e=5,f=6,g=7,h=8,i=9", true), HasSubstr("9 regions; at most 8"));
}

TEST(LabelsFromValues, EveryValueIsAClass) {
  const Companion first{"label", "v", 1, {}, {{0, 5}, {4, 1}}};
  const Companion second{"label", "v", 1, {}, {{0, 5}, {1, 1}, {9, 2}}};
  const absl::StatusOr<LabelSet> labels = LabelsFromValues({&first, &second}, "9");
  ASSERT_OK(labels);
  EXPECT_EQ(labels->ClassesText(), "label-1=1,label-4=4");
  const Companion unknown{"label", "v", 1, {}, {}};
  EXPECT_THAT(LabelsFromValues({&first, &unknown}, "").status().message(), HasSubstr("name the classes"));
  const Companion empty{"label", "v", 1, {}, {{0, 5}}};
  EXPECT_THAT(LabelsFromValues({&empty}, "").status().message(), HasSubstr("background alone"));
  const Companion soft{"label", "v", 1, {}, {{0, 5}, {0.25, 1}}};
  EXPECT_THAT(LabelsFromValues({&soft}, "").status().message(), HasSubstr("not probabilities"));
}

}  // namespace
}  // namespace amaes
