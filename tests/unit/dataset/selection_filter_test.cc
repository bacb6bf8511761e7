#include "libs/dataset/selection_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/base/testing/status_matchers.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

CatalogueEntry Scan() {
  CatalogueEntry entry;
  entry.volume = "ab12";
  entry.subject = "sub-07";
  entry.session = "ses-1";
  entry.modality = "T1w";
  entry.source = "OASIS3/sub-07/anat/sub-07_T1w.nii.gz";
  entry.collection = "OASIS3";
  entry.shape = {180, 33, 200};
  entry.source_spacing = {1, 2.5, 0.9};
  entry.foreground_share = 0.4;
  entry.frames = 4;
  entry.mean = 0.25;
  entry.datatype = "int16";
  entry.flags = {"4d", "anisotropic"};
  entry.info = {{"sex", "F"}, {"field_strength_t", "3.0"}, {"scanner", "Trio, Tim"}, {"age_years", "unknown"}};
  return entry;
}

bool Matches(absl::string_view text) {
  const auto filter = EntryFilter::Parse(text);
  EXPECT_OK(filter) << text;
  return filter.ok() && filter->Matches(Scan());
}

struct Case {
  const char* text;
  bool matches;
};

TEST(EntryFilter, Terms) {
  for (const Case& c : std::initializer_list<Case>{
           {"", true},
           {" , ", true},
           {"modality=T1w", true},
           {"modality=T2w|T1w", true},
           {"modality=T2w|FLAIR", false},
           {"modality=t1w", false},
           {"modality!=T2w|FLAIR", true},
           {"modality!=T2w|T1w", false},
           {"collection=OASIS3 modality=T1w", true},
           {"collection=OASIS3,modality=T2w", false},
           {"subject=sub-07 session=ses-1 datatype=int16 volume=ab12 split=train", true},
           {"split=held-out", false},
           {"case_id=\"\"", true},
           {"source~*/anat/*", true},
           {"source~OASIS?/*.nii.gz", true},
           {"source~*/dwi/*|*_T1w.nii*", true},
           {"source~sub-07", false},
           {"source!~*_T2w*", true},
           {"source!~*_T1w*", false},
           {"modality~*", true},
           {"modality~T?", false},
           {"modality~*1w*", true},
           {"flag=4d", true},
           {"flag=nonfinite", false},
           {"flag=nonfinite|anisotropic", true},
           {"flag!=nonfinite", true},
           {"flag!=4d", false},
           {"flag~aniso*", true},
           {"shape_min>=33", true},
           {"shape_min>33", false},
           {"shape_max<=200", true},
           {"shape_max<200", false},
           {"spacing_max<=2.5 spacing_min<1", true},
           {"spacing_max<2.5", false},
           {"foreground_share>=0.1", true},
           {"frames=1", false},
           {"frames=1|4", true},
           {"frames!=4", false},
           {"mean<0.3,mean>0.2", true},
           {"info.sex=F", true},
           {"info.sex!=M", true},
           {"info.field_strength_t>=3", true},
           {"info.field_strength_t>3", false},
           {"info.field_strength_t=3", true},
           {"info.field_strength_t!=3", false},
           {"info.scanner=\"Trio, Tim\"", true},
           {"info.scanner~Trio*", true},
           {"info.age_years>=0", false},  // no number
           {"info.age_years<1000", false},
           {"info.quality=good", false},
           {"info.quality!=bad", true},
       }) {
    EXPECT_EQ(Matches(c.text), c.matches) << c.text;
  }
}

TEST(EntryFilter, SaysWhereWhatAndWhatWasMeant) {
  const auto error = [](absl::string_view text) { return std::string(EntryFilter::Parse(text).status().message()); };
  EXPECT_THAT(error("modality=T1w modaliti=T2w"),
              AllOf(HasSubstr("at character 14"), HasSubstr("did you mean modality?")));
  EXPECT_THAT(error("Sequence=T2w"), HasSubstr("did you mean modality?"));
  EXPECT_THAT(error("spacing<2"), HasSubstr("did you mean spacing_"));
  EXPECT_THAT(error("field_strength_t>1"), HasSubstr("did you mean info.field_strength_t?"));
  EXPECT_THAT(error("zzzzzzzzz=1"), AllOf(HasSubstr("there are subject, session"), Not(HasSubstr("did you mean"))));
  EXPECT_THAT(error("modality"),
              AllOf(HasSubstr("at character 9"), HasSubstr("expected = != ~ or !~ after modality, not the end")));
  EXPECT_THAT(error("modality = T1w"), HasSubstr("at character 9"));
  EXPECT_THAT(error("modality= T1w"), AllOf(HasSubstr("at character 10"), HasSubstr("a value of modality")));
  EXPECT_THAT(error("modality=T1w|"), HasSubstr("at character 14"));
  EXPECT_THAT(error("modality>T1w"), HasSubstr("> does not go with modality, which is a text: use = != ~ or !~"));
  EXPECT_THAT(error("frames~4"), HasSubstr("~ does not go with frames, which is a number"));
  EXPECT_THAT(error("frames>=four"), AllOf(HasSubstr("at character 9"), HasSubstr("a number for frames, not 'four'")));
  EXPECT_THAT(error("frames>=nan"), HasSubstr("a number for frames"));
  EXPECT_THAT(error("frames>=1|2"), HasSubstr("one number"));
  EXPECT_THAT(error("source=\"a b"), AllOf(HasSubstr("at character 8"), HasSubstr("quote is not closed")));
  EXPECT_THAT(error("source=\"a\"b"), AllOf(HasSubstr("at character 11"), HasSubstr("after a value, not 'b'")));
  EXPECT_THAT(error("split=test"), HasSubstr("train or held-out, not 'test'"));
  EXPECT_THAT(error("=T1w"), AllOf(HasSubstr("at character 1:"), HasSubstr("a key")));
  EXPECT_THAT(error(std::string(10001, 'a')), HasSubstr("10001 characters"));
  EXPECT_THAT(EntryFilter::Parse("info.=1"), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(EntryFilter, AnInfoKeyThatNoEntryHasIsNamed) {
  const auto check = [](absl::string_view text, const CatalogueEntry& entry) {
    return std::string(EntryFilter::Parse(text)->CheckKeys({entry}).message());
  };
  EXPECT_EQ(check("info.sex=F modality=T1w", Scan()), "");
  EXPECT_THAT(check("info.sexx!=F", Scan()), HasSubstr("no volume has info.sexx; did you mean info.sex?"));
  EXPECT_THAT(check("info.quality>1", Scan()),
              HasSubstr("there are info.age_years, info.field_strength_t, info.scanner"));
  EXPECT_THAT(check("info.quality>1", CatalogueEntry()), HasSubstr("no sidecar told anything"));
}

// A glob with many stars takes no exponential time.
TEST(EntryFilter, HostileGlob) {
  std::string glob;
  for (int i = 0; i < 2000; ++i) glob += "*a";
  const auto filter = EntryFilter::Parse("source~" + glob + "b");
  ASSERT_OK(filter);
  CatalogueEntry entry;
  entry.source = std::string(5000, 'a');
  EXPECT_FALSE(filter->Matches(entry));
}

TEST(ParseRepeats, RulesWithTermsAndCounts) {
  ASSERT_OK_AND_ASSIGN(const auto rules,
                       ParseRepeats(" collection=OASIS3:2, modality=FLAIR flag!=4d : 1000 ,source~\"a:b*\":1"));
  ASSERT_THAT(rules, SizeIs(3));
  EXPECT_EQ(rules[0].times, 2);
  EXPECT_EQ(rules[0].text, "collection=OASIS3:2");
  EXPECT_EQ(rules[1].times, 1000);
  EXPECT_THAT(rules[1].filter.terms(), SizeIs(2));
  EXPECT_EQ(rules[2].filter.terms()[0].values[0], "a:b*");
  EXPECT_TRUE(rules[0].filter.Matches(Scan()));
  EXPECT_THAT(*ParseRepeats(""), SizeIs(0));
}

TEST(ParseRepeats, Refuses) {
  const auto error = [](absl::string_view text) { return std::string(ParseRepeats(text).status().message()); };
  EXPECT_THAT(
      error("collection=A:0"),
      AllOf(HasSubstr("at character 14"), HasSubstr("1 to 1000, not '0'; to leave volumes out, use dataset.filter")));
  EXPECT_THAT(error("collection=A:1001"), HasSubstr("not '1001'"));
  EXPECT_THAT(error("collection=A:2.5"), HasSubstr("whole number"));
  EXPECT_THAT(error("collection=A:"), HasSubstr("not ''"));
  EXPECT_THAT(error("collection=A"), HasSubstr("how often, not the end"));
  EXPECT_THAT(error("collection=A, modality=T1w:2"), HasSubstr("how often, not ','"));
  EXPECT_THAT(error(":2"), HasSubstr("a term before ':'"));
  EXPECT_THAT(error("collection=A:2 modality=B:3"), HasSubstr("',' before the next rule, not 'modality=B:3'"));
  EXPECT_THAT(error("colection=A:2"), HasSubstr("did you mean collection?"));
}

}  // namespace
}  // namespace amaes
