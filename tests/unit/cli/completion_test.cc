#include "services/cli/completion.h"

#include <gmock/gmock.h>

namespace amaes {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class CompletionTest : public ::testing::Test {
 protected:
  CompletionTest() : app_("", "amaes") {
    app_.add_option("--output", text_, "");
    CLI::App* job = app_.add_subcommand("job", "");
    job->add_subcommand("watch", "")->add_flag("--follow", flag_, "");
    app_.add_subcommand("ingest-child", "")->group("");
  }
  CLI::App app_;
  std::string text_;
  bool flag_ = false;
};

TEST_F(CompletionTest, BashKnowsCommandsSubcommandsAndOptions) {
  const std::string script = CompletionScript(app_, "bash");
  EXPECT_THAT(script, HasSubstr("\"\") words=\"job --help --output\""));
  EXPECT_THAT(script, HasSubstr("\"job\") words=\"watch --help\""));
  EXPECT_THAT(script, HasSubstr("\"job watch\") words=\"--help --follow\""));
  EXPECT_THAT(script, HasSubstr("complete -o default -F _amaes amaes"));
}

TEST_F(CompletionTest, HiddenCommandsStayHidden) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    EXPECT_THAT(CompletionScript(app_, shell), Not(HasSubstr("ingest-child"))) << shell;
  }
}

TEST_F(CompletionTest, ZshLoadsTheBashScriptAndFishHasItsOwn) {
  EXPECT_THAT(CompletionScript(app_, "zsh"), HasSubstr("bashcompinit"));
  EXPECT_THAT(CompletionScript(app_, "fish"), HasSubstr("__fish_seen_subcommand_from job' -a watch"));
}

}  // namespace
}  // namespace amaes
