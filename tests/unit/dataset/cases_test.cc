#include "libs/dataset/cases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "libs/base/digest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/dataset/grid.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Affine At(double x, double y, double z) { return {1, 0, 0, x, 0, 1, 0, y, 0, 0, 1, z, 0, 0, 0, 1}; }

CatalogueEntry Volume(const std::string& subject, const std::string& modality, Split split = Split::kTrain) {
  CatalogueEntry entry;
  entry.subject = subject;
  entry.modality = modality;
  entry.voxel_digest = Sha256Hex(absl::StrCat(subject, modality));
  entry.volume = Sha256Hex(entry.voxel_digest);
  entry.shape = {40, 50, 60};
  entry.affine = At(-20, -25, -30);
  entry.split = split;
  return entry;
}

Companion Label(std::vector<LabelValue> values) { return {"label", Sha256Hex("label"), 10, {1}, std::move(values)}; }

// Subjects 0 … n-1, every sixth held out, each with FLAIR (which has the label) and T1w.
DatasetVersion Version(int subjects) {
  DatasetVersion version;
  for (int i = 0; i < subjects; ++i) {
    const Split split = i % 6 == 5 ? Split::kHeldOut : Split::kTrain;
    const std::string subject = absl::StrCat("sub-", i / 10, i % 10);
    version.entries.push_back(Volume(subject, "FLAIR", split));
    version.entries.back().companions = {Label({{0, 100}, {1, 5}})};
    version.entries.push_back(Volume(subject, "T1w", split));
    version.entries.back().affine = At(-18, -25, -33);
  }
  version.digest = "digest";
  return version;
}

LabelledCases Found(const DatasetVersion& version, const CaseOptions& options) {
  absl::StatusOr<LabelledCases> cases = FindCases(version, options);
  EXPECT_OK(cases);
  return cases.ok() ? *std::move(cases) : LabelledCases();
}

std::string Problem(const DatasetVersion& version, const CaseOptions& options) {
  return std::string(FindCases(version, options).status().message());
}

std::set<std::string> Keys(const std::vector<LabelledCase>& cases) {
  std::set<std::string> keys;
  for (const LabelledCase& one : cases) keys.insert(one.key);
  return keys;
}

TEST(FindCases, EveryLabelledVolumeIsACaseAndHeldOutSubjectsAreTheTest) {
  const DatasetVersion version = Version(12);
  const LabelledCases cases = Found(version, {});
  EXPECT_THAT(cases.train, SizeIs(8));
  EXPECT_THAT(cases.validation, SizeIs(2));
  EXPECT_THAT(cases.test, SizeIs(2));
  EXPECT_EQ(cases.channels, 1);
  EXPECT_THAT(cases.notes, ElementsAre("12 volumes without a label map are left out"));
  for (const LabelledCase& one : cases.test) {
    EXPECT_EQ(version.entries[static_cast<std::size_t>(one.channels[0].entry)].split, Split::kHeldOut);
  }
  EXPECT_EQ(cases.train[0].key,
            version.entries[static_cast<std::size_t>(cases.train[0].channels[0].entry)].volume.substr(0, 12));
}

TEST(FindCases, ChannelsAreGroupedAndPlacedByTheirGrids) {
  const LabelledCases cases = Found(Version(6), {.channels = {"t1", "flair"}});
  ASSERT_THAT(cases.train, SizeIs(4));
  const LabelledCase& one = cases.train[0];
  ASSERT_THAT(one.channels, SizeIs(2));
  EXPECT_EQ(one.channels[0].entry, one.channels[1].entry + 1);  // T1w comes second in the catalogue
  EXPECT_EQ(one.channels[0].offset, (Shape3{0, 0, 0}));
  EXPECT_EQ(one.channels[1].offset, (Shape3{2, 0, -3}));
  EXPECT_EQ(one.label, one.channels[1]);  // the label map lies on the FLAIR's grid
  EXPECT_EQ(cases.channels, 2);
  EXPECT_THAT(cases.notes, IsEmpty());
}

TEST(FindCases, ACaseIdBindsVolumesOfSeveralSessions) {
  DatasetVersion version = Version(2);
  for (CatalogueEntry& entry : version.entries) {
    entry.case_id = entry.subject;
    entry.session = entry.modality;
  }
  EXPECT_THAT(Found(version, {.channels = {"FLAIR", "T1w"}}).train, SizeIs(1));
  for (CatalogueEntry& entry : version.entries) entry.case_id.clear();
  EXPECT_THAT(Problem(version, {.channels = {"FLAIR", "T1w"}}),
              AllOf(HasSubstr("2 cases have no T1w"), HasSubstr("2 cases have no FLAIR")));
}

TEST(FindCases, AMissingChannelLeavesItsCaseOutAndSaysSo) {
  DatasetVersion version = Version(6);
  version.entries.erase(version.entries.begin() + 3);
  const LabelledCases cases = Found(version, {.channels = {"FLAIR", "T1w"}, .validation_share = 0});
  EXPECT_THAT(cases.train, SizeIs(4));
  EXPECT_THAT(cases.notes, ElementsAre(absl::StrCat("1 case has no T1w and is left out: ",
                                                    version.entries[2].volume.substr(0, 12))));
}

TEST(FindCases, WhatCannotBeOneCaseIsRefused) {
  DatasetVersion version = Version(3);
  version.entries[1].affine = At(-18.5, -25, -33);
  EXPECT_THAT(Problem(version, {.channels = {"FLAIR", "T1w"}}),
              AllOf(HasSubstr(absl::StrCat("case ", version.entries[0].volume.substr(0, 12))),
                    HasSubstr("their grids do not meet: up to 0.50 voxels"), HasSubstr("spacing: native")));
  version.entries[1].affine = {};
  EXPECT_THAT(Problem(version, {.channels = {"FLAIR", "T1w"}}), HasSubstr("ingest the dataset again"));
  version = Version(3);
  version.entries[1].modality = "FLAIR";
  EXPECT_THAT(Problem(version, {.channels = {"FLAIR"}}), HasSubstr("has 2 volumes of modality FLAIR: narrow them"));
  version.entries[0].companions.push_back(Label({}));
  EXPECT_THAT(Problem(version, {}), HasSubstr("more than one label map"));
  EXPECT_THAT(Problem(Version(3), {.channels = {"T2w"}}),
              AllOf(HasSubstr("no labelled case"), HasSubstr("modalities there are FLAIR, T1w")));
  EXPECT_THAT(Problem(Version(3), {.filter = "nonsense"}), HasSubstr("at character"));
}

TEST(FindCases, FewShotCasesAreNestedAndLeaveTheValidationAlone) {
  const DatasetVersion version = Version(60);
  std::set<std::string> before;
  const LabelledCases all = Found(version, {.seed = 7});
  for (const std::int64_t n : {1, 3, 10, 39}) {
    const LabelledCases few = Found(version, {.train_cases = n, .seed = 7});
    const std::set<std::string> keys = Keys(few.train);
    EXPECT_THAT(keys, SizeIs(static_cast<std::size_t>(n)));
    EXPECT_THAT(keys, testing::IsSupersetOf(before));
    EXPECT_EQ(few.validation, all.validation);
    EXPECT_NE(few.digest, all.digest);
    before = keys;
  }
  EXPECT_NE(Keys(Found(version, {.train_cases = 10, .seed = 8}).train),
            Keys(Found(version, {.train_cases = 10, .seed = 7}).train));
  EXPECT_EQ(Found(version, {.train_cases = 10, .seed = 7}).digest,
            Found(version, {.train_cases = 10, .seed = 7}).digest);
  EXPECT_THAT(Problem(version, {.train_cases = 41}),
              AllOf(HasSubstr("41 are asked for, and there are 40"), HasSubstr("10 more are kept for validation")));
}

TEST(FindCases, ASubjectIsOnOneSideOnly) {
  DatasetVersion version = Version(10);
  for (CatalogueEntry& entry : version.entries) entry.companions = {Label({{0, 1}})};
  const LabelledCases cases = Found(version, {});
  std::set<std::string> training, validation;
  for (const LabelledCase& one : cases.train)
    training.insert(version.entries[static_cast<std::size_t>(one.label.entry)].subject);
  for (const LabelledCase& one : cases.validation)
    validation.insert(version.entries[static_cast<std::size_t>(one.label.entry)].subject);
  EXPECT_THAT(training, SizeIs(7));
  EXPECT_THAT(validation, SizeIs(2));
  for (const std::string& subject : validation) EXPECT_FALSE(training.contains(subject));
}

TEST(FindCases, OneSubjectIsTooFewToValidate) {
  const LabelledCases cases = Found(Version(1), {});
  EXPECT_THAT(cases.validation, IsEmpty());
  EXPECT_THAT(cases.notes, ::testing::Contains(HasSubstr("it uses training cases")));
}

TEST(CheckLabelValues, NamesTheCaseAndItsValues) {
  DatasetVersion version = Version(4);
  const LabelSet labels = *ParseLabels("lesion=1", false, "");
  EXPECT_OK(CheckLabelValues(version, Found(version, {}), labels));
  version.entries[2].companions[0].values = {{0, 9}, {1, 1}, {3, 4}, {7.5, 1}};
  const LabelledCases cases = Found(version, {});
  EXPECT_THAT(CheckLabelValues(version, cases, labels).message(),
              AllOf(HasSubstr(absl::StrCat("case ", version.entries[2].volume.substr(0, 12),
                                           " has 3 (4 voxels), 7.5 (1 voxel)")),
                    HasSubstr("declared classes lesion=1")));
  EXPECT_THAT(AbsentClasses(version, cases, *ParseLabels("lesion=1,scar=9", false, "")), ElementsAre("scar"));
  version.entries[2].companions[0].values.clear();
  EXPECT_OK(CheckLabelValues(version, cases, labels));
}

TEST(GridOffset, FollowsTurnedAndScaledGrids) {
  // Half a millimetre, x and y swapped.
  const Affine grid{0, 0.5, 0, 3, 0.5, 0, 0, 4, 0, 0, 0.5, 5, 0, 0, 0, 1};
  Affine other = grid;
  other[3] += 2;     // 4 voxels along the second axis
  other[7] -= 1.52;  // 3 along the first, nearly
  ASSERT_OK_AND_ASSIGN(const Shape3 offset, GridOffset(grid, {10, 10, 10}, other));
  EXPECT_EQ(offset, (Shape3{3, -4, 0}));
  other[0] = 0.02;  // sheared: the far corner is off
  EXPECT_FALSE(GridOffset(grid, {10, 10, 10}, other).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(GridOffset(grid, {1, 1, 1}, Affine{}).status()));
}

}  // namespace
}  // namespace amaes
