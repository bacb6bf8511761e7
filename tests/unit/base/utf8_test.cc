#include "libs/base/utf8.h"

#include <gtest/gtest.h>

namespace amaes {
namespace {

TEST(IsUtf8, JudgesAsRfc3629Says) {
  for (const char* good :
       {"", "a", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
  }
  for (const char* bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82",
                          "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "a\xff"}) {
    EXPECT_FALSE(IsUtf8(bad)) << bad;
  }
}

constexpr char kReplacementCharacter[] = "\xEF\xBF\xBD";

TEST(ReplaceInvalidUtf8, KeepsTextAndReplacesTheRest) {
  const std::string good = "a ä € 😀";
  EXPECT_EQ(ReplaceInvalidUtf8(good, kReplacementCharacter), good);
  EXPECT_EQ(ReplaceInvalidUtf8("a\xFF"
                               "b",
                               kReplacementCharacter),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(ReplaceInvalidUtf8("\xC3", kReplacementCharacter), "\xEF\xBF\xBD");
  EXPECT_EQ(ReplaceInvalidUtf8("\xED\xA0\x80", kReplacementCharacter), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

}  // namespace
}  // namespace amaes
