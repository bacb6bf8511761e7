#include "libs/dataset/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

#include "absl/strings/str_format.h"

namespace amaes {
namespace {

using ::testing::IsSubsetOf;

std::set<std::string> Subjects(int first, int last) {
  std::set<std::string> subjects;
  for (int i = first; i <= last; ++i) subjects.insert(absl::StrFormat("sub-%02d", i));
  return subjects;
}

std::set<std::string> Without(const std::set<std::string>& all, const std::set<std::string>& some) {
  std::set<std::string> rest;
  std::set_difference(all.begin(), all.end(), some.begin(), some.end(), std::inserter(rest, rest.end()));
  return rest;
}

TEST(HeldOutSubjects, Golden) {
  EXPECT_EQ(HeldOutSubjects(Subjects(1, 30)),
            (std::set<std::string>{"sub-19", "sub-15", "sub-29", "sub-10", "sub-08"}));
}

TEST(HeldOutSubjects, HowMany) {
  const struct {
    int subjects;
    std::size_t held_out;
  } table[] = {{0, 0},  {1, 0},  {4, 0},  {5, 1},   {9, 1},   {10, 2},
               {24, 4}, {25, 5}, {26, 5}, {599, 5}, {600, 6}, {1000, 10}};
  for (const auto& [subjects, held_out] : table) {
    EXPECT_EQ(HeldOutSubjects(Subjects(1, subjects)).size(), held_out) << subjects;
  }
  EXPECT_EQ(HeldOutSubjects(Subjects(1, 150'000)).size(), 1000u);
  EXPECT_EQ(HeldOutSubjects(Subjects(1, 1251), {}, {}, 0.25).size(), 313u) << "a share is rounded up";
  EXPECT_EQ(HeldOutSubjects(Subjects(1, 3), {}, {}, 0.3).size(), 1u);
}

TEST(HeldOutSubjects, NewSubjectsMoveNobody) {
  const std::set<std::string> before = Subjects(1, 20), after = Subjects(1, 40);
  const std::set<std::string> held_out = HeldOutSubjects(before);
  ASSERT_EQ(held_out.size(), 4u);
  const std::set<std::string> now = HeldOutSubjects(after, held_out, Without(before, held_out));
  EXPECT_EQ(now.size(), 5u);
  EXPECT_THAT(held_out, IsSubsetOf(now));
  EXPECT_THAT(Without(now, held_out), IsSubsetOf(Subjects(21, 40)));
}

TEST(HeldOutSubjects, ToppedUpFromNewSubjectsOnly) {
  const std::set<std::string> before = Subjects(1, 4);
  ASSERT_TRUE(HeldOutSubjects(before).empty());
  EXPECT_EQ(HeldOutSubjects(Subjects(1, 5), {}, before), (std::set<std::string>{"sub-05"}));
  EXPECT_TRUE(HeldOutSubjects(Subjects(1, 30), {}, Subjects(1, 30)).empty());
}

TEST(HeldOutSubjects, RemovedSubjectsFreeNobody) {
  const std::set<std::string> all = Subjects(1, 30);
  const std::set<std::string> held_out = HeldOutSubjects(all);
  const std::set<std::string> fewer = Subjects(1, 9);
  EXPECT_EQ(HeldOutSubjects(fewer, held_out, Without(all, held_out)), (std::set<std::string>{"sub-08"}));
  // Below five subjects nobody is added, but a held-out one never turns into training data.
  EXPECT_EQ(HeldOutSubjects({"sub-08", "sub-01"}, held_out, Without(all, held_out)), (std::set<std::string>{"sub-08"}));
}

}  // namespace
}  // namespace amaes
