#include "libs/dataset/selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "libs/base/testing/status_matchers.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// Volumes 0 … 9, every fifth held out; modality T1w, T2w, FLAIR in turn; collections A (0 to 4) and B.
DatasetVersion Version() {
  DatasetVersion version;
  for (int i = 0; i < 10; ++i) {
    CatalogueEntry entry;
    entry.subject = absl::StrCat("sub-", i);
    entry.modality = i % 3 == 0 ? "T1w" : i % 3 == 1 ? "T2w" : "FLAIR";
    entry.collection = i < 5 ? "A" : "B";
    entry.split = i % 5 == 4 ? Split::kHeldOut : Split::kTrain;
    entry.volume = absl::StrCat("v", i);
    entry.voxel_digest = absl::StrCat("digest-", i);
    version.entries.push_back(entry);
  }
  version.digest = "version-digest";
  return version;
}

Selection Resolve(const std::string& filter, const std::string& repeats) {
  const absl::StatusOr<Selection> selection = ResolveSelection(Version(), filter, repeats);
  EXPECT_OK(selection);
  return selection.value_or(Selection());
}

std::vector<std::int64_t> List(const Selection& selection) {
  std::vector<std::int64_t> list;
  for (std::int64_t place = 0; place < selection.size(); ++place) list.push_back(selection.VolumeAt(place));
  return list;
}

// Training volumes: catalogue entries 0 1 2 3 5 6 7 8 are indices 0 … 7; held out: entries 4 and 9.
TEST(ResolveSelection, NothingGivenIsEveryTrainingVolumeOnce) {
  for (const char* nothing : {"", " , "}) {
    const Selection selection = Resolve(nothing, "");
    EXPECT_EQ(selection.digest, "");
    EXPECT_THAT(List(selection), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
    EXPECT_THAT(selection.held_out, ElementsAre(0, 1));
    EXPECT_FALSE(selection.filter_left_no_held_out);
    const SelectedStream stream(3, "version-digest", selection);
    const SampleStream before(3, "version-digest", 8);
    EXPECT_EQ(stream.draw_seed(), before.draw_seed());
    for (std::int64_t p = 0; p < 40; ++p) EXPECT_EQ(stream.VolumeAt(p), before.VolumeAt(p));
  }
}

TEST(ResolveSelection, FilterAndRepeats) {
  const Selection selection = Resolve("modality=T1w|FLAIR", "modality=FLAIR collection=B:3, modality=FLAIR:2");
  // T1w: 0 3 6 (indices 0 3 5), FLAIR: 2 5 8 (2 4 7), of which 5 and 8 are of B.
  EXPECT_THAT(List(selection), ElementsAre(0, 2, 2, 3, 4, 4, 4, 5, 7, 7, 7));
  EXPECT_THAT(selection.volumes, ElementsAre(0, 2, 3, 4, 5, 7));
  EXPECT_EQ(selection.Repeats(0), 1);
  EXPECT_EQ(selection.Repeats(5), 3);
  // Of the held-out 4 (T2w) and 9 (T1w).
  EXPECT_THAT(selection.held_out, ElementsAre(1));
}

TEST(ResolveSelection, EveryPassVisitsEachVolumeAsOftenAsItRepeats) {
  const Selection selection = Resolve("collection=B", "modality=T1w:4,modality=FLAIR:2");
  const SelectedStream stream(1, "version-digest", selection);
  ASSERT_EQ(stream.pass_length(), 2 + 4 + 1 + 2);  // entries 5 FLAIR, 6 T1w, 7 T2w, 8 FLAIR
  for (std::int64_t pass = 0; pass < 200; ++pass) {
    std::map<std::int64_t, int> visits;
    for (std::int64_t i = 0; i < 9; ++i) ++visits[stream.VolumeAt(9 * pass + i)];
    EXPECT_EQ(visits, (std::map<std::int64_t, int>{{4, 2}, {5, 4}, {6, 1}, {7, 2}}));
    EXPECT_EQ(stream.PassOf(9 * pass + 8), pass);
  }
}

TEST(ResolveSelection, DigestNamesTheListAndTheVersion) {
  const std::string one = Resolve("modality=T1w", "").digest;
  EXPECT_THAT(one, SizeIs(64));
  EXPECT_EQ(Resolve("modality!=T2w|FLAIR", "").digest, one);  // another way to say the same
  EXPECT_NE(Resolve("modality=T2w", "").digest, one);
  EXPECT_NE(Resolve("modality=T1w", "collection=A:2").digest, one);
  DatasetVersion other = Version();
  other.digest = "another";
  EXPECT_NE(ResolveSelection(other, "modality=T1w", "")->digest, one);
  EXPECT_NE(SelectedStream(1, "d", Resolve("modality=T1w", "")).draw_seed(),
            SelectedStream(1, "d", Resolve("", "")).draw_seed());
}

TEST(ResolveSelection, WhereTheFilterLeavesNoHeldOutVolumeAllAreUsed) {
  const Selection selection = Resolve("modality=FLAIR", "");
  EXPECT_TRUE(selection.filter_left_no_held_out);
  EXPECT_THAT(selection.held_out, ElementsAre(0, 1));
}

TEST(ResolveSelection, NothingLeftSaysWhatEachTermRemoved) {
  EXPECT_THAT(
      ResolveSelection(Version(), "collection=B modality=PD", ""),
      StatusIs(
          absl::StatusCode::kInvalidArgument,
          AllOf(HasSubstr("dataset.filter: leaves none of the 8 training volumes"),
                HasSubstr("collection=B removes 4 of 8; modality=PD removes 4 of 4 (there are FLAIR, T1w, T2w)"))));
  // Values of keys that name people or files are not shown.
  EXPECT_THAT(ResolveSelection(Version(), "subject=nobody", "").status().message(), Not(HasSubstr("sub-1")));
}

TEST(ResolveSelection, AllProblemsAtOnce) {
  Selection unused;
  EXPECT_THAT(ResolveSelection(Version(), "modaliti=T1w", "collection=A:0", unused), SizeIs(2));
  EXPECT_THAT(CheckSelection("modaliti=T1w", "collection=A:0"), SizeIs(2));
  EXPECT_THAT(CheckSelection("modality=T1w", "collection=A:2"), IsEmpty());
  EXPECT_THAT(ResolveSelection(Version(), "info.sex=F", "info.age_years>3:2", unused), SizeIs(2));
}

TEST(ResolveSelection, ARuleThatAppliesToNothingIsRefused) {
  EXPECT_THAT(ResolveSelection(Version(), "collection=A", "collection=B:2"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("dataset.repeats: collection=B:2: applies to none of the 4 volumes")));
  EXPECT_THAT(ResolveSelection(Version(), "", "collection=A:3, modality=T1w collection=A:2"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("rules before it apply to all of its volumes")));
}

TEST(ResolveSelection, AVersionWithoutTrainingVolumesIsAnEmptyList) {
  EXPECT_EQ(ResolveSelection(DatasetVersion(), "", "")->size(), 0);
}

}  // namespace
}  // namespace amaes
