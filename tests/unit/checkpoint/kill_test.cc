// The process dies by SIGKILL at the named fault points of a commit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "libs/base/subprocess.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "tests/unit/checkpoint/small_checkpoint.h"

namespace amaes {
namespace {

ExitStatus Commit(const std::filesystem::path& folder, const std::string& step, const std::string& attempt,
                  const std::string& fault) {
  SubprocessOptions options;
  options.arguments = {AMAES_COMMIT_PROGRAM, folder.string(), step, attempt};
  options.environment = {{"AMAES_FAULT", fault}};
  absl::StatusOr<Subprocess> child = Subprocess::Start(options);
  EXPECT_OK(child);
  if (!child.ok()) return {};
  const absl::StatusOr<ExitStatus> status = child->Wait(absl::Seconds(60));
  EXPECT_OK(status);
  return status.value_or(ExitStatus{});
}

TEST(Kill, AtEitherPointTheOneBeforeIsFound) {
  for (const std::string point : {"checkpoint_write", "commit"}) {
    const TempDir dir;
    ASSERT_TRUE(Commit(dir.path(), "100", "1", "").success());
    const ExitStatus killed =
        Commit(dir.path(), "200", "1", absl::StrCat("point=", point, ",step=200,attempt=1,kill=self"));
    EXPECT_EQ(killed.signal, SIGKILL) << point;
    EXPECT_EQ(Newest(dir.path()), "00000100-001") << point;
    ASSERT_TRUE(Commit(dir.path(), "200", "2", "").success());
    EXPECT_EQ(Newest(dir.path()), "00000200-002") << point;
    EXPECT_EQ(RemoveLeftovers(dir.path(), 2).size(), 1u) << point;
    EXPECT_EQ(FindCheckpoints(dir.path(), false).verified.size(), 2u);
  }
}

TEST(Kill, AnotherStepOrAttemptIsNotMeant) {
  const TempDir dir;
  EXPECT_TRUE(Commit(dir.path(), "200", "1", "point=commit,step=300,kill=self").success());
  EXPECT_TRUE(Commit(dir.path(), "300", "1", "point=commit,attempt=2,kill=self").success());
}

}  // namespace
}  // namespace amaes
