#include "libs/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "libs/base/subprocess.h"
#include "libs/base/testing/status_matchers.h"
#include "tests/unit/base/pipe.h"

namespace amaes {
namespace {

using ::testing::Each;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

// The lines that a child writes with this field, at debug, info, warning and error.
std::vector<std::string> Lines(const std::string& key, const std::string& value, const std::string& threshold) {
  Pipe pipe;
  SubprocessOptions options;
  options.arguments = {AMAES_TEST_CHILD, "log", key, value};
  options.environment = {{"AMAES_LOG", threshold}};
  options.descriptors = {{pipe.writer(), 2}};
  auto child = Subprocess::Start(options);
  EXPECT_OK(child);
  pipe.CloseWriter();
  return absl::StrSplit(pipe.ReadAll(), '\n', absl::SkipEmpty());
}

TEST(LogTest, ALineHasTimeSeverityComponentMessageAndFields) {
  const std::vector<std::string> lines = Lines("job", "job-1", "debug");
  ASSERT_THAT(lines, SizeIs(4));
  EXPECT_THAT(lines, Each(MatchesRegex("[0-9-]{10}T[0-9:]{8}\\.[0-9]{3}Z [A-Z]+ test message job=job-1 number=7")));
  EXPECT_THAT(lines[0], HasSubstr(" DEBUG "));
  EXPECT_THAT(lines[3], HasSubstr(" ERROR "));
}

TEST(LogTest, TheThresholdComesFromTheEnvironment) {
  EXPECT_THAT(Lines("k", "v", ""), SizeIs(3));
  EXPECT_THAT(Lines("k", "v", "info"), SizeIs(3));
  EXPECT_THAT(Lines("k", "v", "warning"), SizeIs(2));
  EXPECT_THAT(Lines("k", "v", "error"), SizeIs(1));
  EXPECT_THAT(Lines("k", "v", "nonsense"), SizeIs(3));
}

TEST(LogTest, AValueNeverBreaksItsLine) {
  struct Case {
    std::string value, written;
  };
  const Case cases[] = {
      {"plain/value-1.5", "k=plain/value-1.5"},         {"two words", "k=\"two words\""}, {"", "k=\"\""},
      {"say \"hi\"", "k=\"say \\\"hi\\\"\""},           {"a\nb", "k=\"a\\nb\""},          {"a=b", "k=\"a=b\""},
      {"back\\slash \\n", "k=\"back\\\\slash \\\\n\""},
  };
  for (const Case& c : cases) {
    const std::vector<std::string> lines = Lines("k", c.value, "error");
    ASSERT_THAT(lines, SizeIs(1)) << c.value;
    EXPECT_THAT(lines[0], EndsWith(c.written + " number=7"));
  }
}

// A carriage return or an escape sequence in a value would rewrite a terminal.
TEST(LogTest, ControlCharactersAreQuoted) {
  const std::vector<std::string> lines = Lines("k", "a\rb\x1b[2Jc\t", "error");
  ASSERT_THAT(lines, SizeIs(1));
  for (const char c : lines[0]) EXPECT_GE(static_cast<unsigned char>(c), 0x20) << lines[0];
}

TEST(CheckDeathTest, NamesTheConditionAndThePlace) {
  EXPECT_DEATH(AMAES_CHECK(1 + 1 == 3), "this is a bug.*1 \\+ 1 == 3.*log_test.cc");
}

}  // namespace
}  // namespace amaes
