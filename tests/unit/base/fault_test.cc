#include "libs/base/fault.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/subprocess.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "tests/unit/base/pipe.h"

namespace amaes {
namespace {

constexpr absl::Duration kDeadline = absl::Seconds(60);

// How a child ends that passes the point "backward" at step 5, rank 1, attempt 2.
ExitStatus Pass(const std::string& fault) {
  SubprocessOptions options;
  options.arguments = {AMAES_TEST_CHILD, "fault", "backward", "5", "1", "2"};
  options.environment = {{"AMAES_FAULT", fault}, {"AMAES_LOG", "error"}};
  auto child = Subprocess::Start(options);
  EXPECT_OK(child);
  const auto status = child->Wait(kDeadline);
  EXPECT_OK(status);
  return *status;
}

TEST(FaultTest, FiresWhereEveryNamedFieldMatches) {
  for (const char* fault : {"point=backward,kill=self", "point=backward,step=5,kill=self",
                            "point=backward,step=5,rank=1,attempt=2,kill=self", "kill=self,rank=1,point=backward"}) {
    EXPECT_EQ(Pass(fault).signal, SIGKILL) << fault;
  }
}

TEST(FaultTest, StaysQuietElsewhere) {
  for (const char* fault : {"", "point=forward,kill=self", "point=backward,step=4,kill=self",
                            "point=backward,rank=0,kill=self", "point=backward,step=5,rank=1,attempt=1,kill=self"}) {
    EXPECT_TRUE(Pass(fault).success()) << fault;
  }
}

// A typing error in a kill test must not turn it into a test that kills nobody.
TEST(FaultTest, AFieldThatCannotBeReadEndsTheProcess) {
  for (const char* fault : {"point=backward,stpe=5,kill=self", "point=backward,step=five,kill=self", "backward"}) {
    EXPECT_EQ(Pass(fault).signal, SIGABRT) << fault;
  }
  for (const char* fault : {"point=backward,kill=/nonexistent", "point=backward"}) {
    EXPECT_EQ(Pass(fault).signal, SIGABRT) << fault;
  }
}

TEST(FaultTest, KillsTheProcessNamedInAFile) {
  const TempDir folder;
  SubprocessOptions options;
  options.arguments = {"/bin/sh", "-c", "exec sleep infinity"};
  ASSERT_OK_AND_ASSIGN(Subprocess victim, Subprocess::Start(options));
  const std::string file = folder.path() / "pid";
  ASSERT_OK(files::WriteAtomic(file, absl::StrCat(victim.pid(), "\n")));
  EXPECT_TRUE(Pass(absl::StrCat("point=backward,kill=", file)).success());
  ASSERT_OK_AND_ASSIGN(const ExitStatus status, victim.Wait(kDeadline));
  EXPECT_EQ(status.signal, SIGKILL);
}

TEST(FaultTest, KillsItsParent) {
  Pipe pipe;
  SubprocessOptions options;
  options.arguments = {AMAES_TEST_CHILD, "parent", "7", AMAES_TEST_CHILD, "fault", "backward", "5", "1", "2"};
  options.environment = {{"AMAES_FAULT", "point=backward,kill=parent"}, {"AMAES_LOG", "error"}};
  options.descriptors = {{pipe.writer(), 7}};
  ASSERT_OK_AND_ASSIGN(Subprocess parent, Subprocess::Start(options));
  ASSERT_OK_AND_ASSIGN(const ExitStatus status, parent.Wait(kDeadline));
  EXPECT_EQ(status.signal, SIGKILL);
}

}  // namespace
}  // namespace amaes
