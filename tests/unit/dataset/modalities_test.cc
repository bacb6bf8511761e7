#include "libs/dataset/modalities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

DatasetVersion Version(const std::vector<std::string>& modalities) {
  DatasetVersion version;
  for (const std::string& modality : modalities) {
    version.entries.emplace_back();
    version.entries.back().modality = modality;
  }
  return version;
}

TEST(ModalityGroupsTest, TheMostFrequentComesFirst) {
  const auto groups = ModalityGroups(Version({"T2w", "T1w", "FLAIR", "T1w", "T2w", "T1w", ""}));
  EXPECT_THAT(groups, ElementsAre("T1w", "T2w", "FLAIR", "unknown"));
  EXPECT_EQ(GroupOf(groups, "T2w"), 1);
  EXPECT_EQ(GroupOf(groups, ""), 3);
}

TEST(ModalityGroupsTest, OneKindIsNoKinds) {
  EXPECT_THAT(ModalityGroups(Version({"T1w", "T1w"})), IsEmpty());
  EXPECT_THAT(ModalityGroups(Version({})), IsEmpty());
  EXPECT_EQ(GroupOf({}, "T1w"), -1);
}

TEST(ModalityGroupsTest, TheirNumberIsBounded) {
  std::vector<std::string> many = {"T1w", "T1w"};
  for (int i = 0; i < 20; ++i) many.push_back(absl::StrCat("kind", i));
  const auto groups = ModalityGroups(Version(many));
  ASSERT_EQ(groups.size(), kMostModalities + 1);
  EXPECT_EQ(groups.front(), "T1w");
  EXPECT_EQ(groups.back(), "other");
  EXPECT_EQ(GroupOf(groups, "kind19"), static_cast<std::int32_t>(kMostModalities));
}

TEST(ModalityGroupsTest, NamesAreThoseOfMetrics) {
  EXPECT_THAT(ModalityGroups(Version({"T1 w/\"x", "other", "PD"})), ElementsAre("PD", "T1_w__x", "other"));
}

}  // namespace
}  // namespace amaes
