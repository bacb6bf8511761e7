#include "libs/dataset/leakage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Leakage, SubjectsAreComparedWithoutCasePrefixAndLeadingZeros) {
  for (const char* same : {"sub-0042", "SUB-42", "42", "sub_042", "Subject-42"}) {
    EXPECT_EQ(NormalisedSubject(same), "42") << same;
  }
  EXPECT_EQ(NormalisedSubject("OAS1_0007_MR1"), "oas1_7_mr1");
  EXPECT_EQ(NormalisedSubject("sub-000"), "0");
  EXPECT_EQ(NormalisedSubject("a0b00c10"), "a0b0c10");
  EXPECT_EQ(NormalisedSubject("subway"), "subway");
  EXPECT_EQ(NormalisedSubject(""), "");
  EXPECT_NE(NormalisedSubject("sub-100"), NormalisedSubject("sub-10"));
}

TEST(Leakage, NamesEqualVoxelsAndEqualSubjects) {
  const std::vector<ScanIdentity> own = {
      {"sub-01", "a/T1w.nii", "x1"}, {"sub-01", "a/T2w.nii", "x2"}, {"sub-02", "b/T1w.nii", "x3"}, {"", "c.nii", "x4"}};
  const std::vector<ScanIdentity> other = {
      {"1", "p/one.nii", "y1"}, {"77", "p/two.nii", "x3"}, {"1", "p/three.nii", "x2"}, {"", "p/four.nii", ""}};
  const LeakageReport report = FindLeakage(own, other);
  EXPECT_TRUE(report.leaks());
  EXPECT_THAT(report.volumes, ElementsAre(LeakageReport::SharedVolume{"a/T2w.nii", "sub-01", "p/three.nii", "1"},
                                          LeakageReport::SharedVolume{"b/T1w.nii", "sub-02", "p/two.nii", "77"}));
  EXPECT_THAT(report.subjects_shared, ElementsAre(LeakageReport::SharedSubject{"sub-01", "1", 2, 2, 1}));
  EXPECT_EQ(report.scans, 4);
  EXPECT_EQ(report.other_scans, 4);
  EXPECT_EQ(report.subjects, 2);
  EXPECT_EQ(report.other_subjects, 2);
}

TEST(Leakage, NothingSharedIsNoLeak) {
  const std::vector<ScanIdentity> own = {{"a", "a.nii", "x1"}, {"", "b.nii", ""}};
  const std::vector<ScanIdentity> other = {{"b", "a.nii", "x2"}, {"", "b.nii", ""}};
  const LeakageReport report = FindLeakage(own, other);
  EXPECT_FALSE(report.leaks());
  EXPECT_THAT(report.volumes, IsEmpty());
  EXPECT_THAT(report.subjects_shared, IsEmpty());
}

}  // namespace
}  // namespace amaes
