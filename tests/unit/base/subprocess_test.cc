#include "libs/base/subprocess.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "tests/unit/base/pipe.h"

namespace amaes {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kDeadline = absl::Seconds(60);

SubprocessOptions Shell(const std::string& script) {
  SubprocessOptions options;
  options.arguments = {"/bin/sh", "-c", script};
  return options;
}

ExitStatus EndOf(const SubprocessOptions& options) {
  auto child = Subprocess::Start(options);
  EXPECT_OK(child);
  const auto status = child->Wait(kDeadline);
  EXPECT_OK(status);
  return *status;
}

// What a script writes to its descriptor 7.
std::string Output(SubprocessOptions options) {
  Pipe pipe;
  options.descriptors.emplace_back(pipe.writer(), 7);
  auto child = Subprocess::Start(options);
  EXPECT_OK(child);
  pipe.CloseWriter();
  return pipe.ReadAll();
}

TEST(SubprocessTest, ReportsTheExitCode) {
  EXPECT_TRUE(EndOf(Shell("exit 0")).success());
  const ExitStatus status = EndOf(Shell("exit 3"));
  EXPECT_FALSE(status.success());
  EXPECT_EQ(status.exit_code, 3);
  EXPECT_EQ(status.ToString(), "exit code 3");
}

TEST(SubprocessTest, ReportsTheSignal) {
  const ExitStatus status = EndOf(Shell("kill -KILL $$"));
  EXPECT_FALSE(status.success());
  EXPECT_EQ(status.signal, SIGKILL);
  EXPECT_EQ(status.exit_code, -1);
  EXPECT_EQ(status.ToString(), "killed by signal 9 (Killed)");
}

TEST(SubprocessTest, AProgramThatCannotBeExecutedIsAnErrorOfStart) {
  const TempDir folder;
  SubprocessOptions options;
  options.arguments = {folder.path() / "none"};
  EXPECT_THAT(Subprocess::Start(options), StatusIs(absl::StatusCode::kNotFound, HasSubstr("none")));
  ASSERT_OK(files::WriteAtomic(folder.path() / "text", "x"));
  options.arguments = {folder.path() / "text"};
  EXPECT_THAT(Subprocess::Start(options), StatusIs(absl::StatusCode::kPermissionDenied));
}

// The error of exec must reach the parent whatever numbers the child's descriptors get.
TEST(SubprocessTest, AnErrorOfStartIsSeenBesideEveryDescriptorNumber) {
  const Pipe pipe;
  SubprocessOptions options;
  options.arguments = {"/nonexistent/program"};
  for (int number = 3; number < 40; ++number) options.descriptors.emplace_back(pipe.writer(), number);
  EXPECT_THAT(Subprocess::Start(options), StatusIs(absl::StatusCode::kNotFound));
}

TEST(SubprocessTest, WaitGivesUpAtItsDeadlineAndMayBeRepeated) {
  ASSERT_OK_AND_ASSIGN(Subprocess child, Subprocess::Start(Shell("exec sleep infinity")));
  EXPECT_THAT(child.Wait(absl::ZeroDuration()), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(child.Wait(absl::Milliseconds(1)), StatusIs(absl::StatusCode::kDeadlineExceeded));
  child.Signal(SIGTERM);
  ASSERT_OK_AND_ASSIGN(const ExitStatus status, child.Wait(kDeadline));
  EXPECT_EQ(status.signal, SIGTERM);
  EXPECT_EQ(child.Wait(absl::ZeroDuration())->signal, SIGTERM);
  child.Signal(SIGTERM);  // nobody there any more: does nothing
}

TEST(SubprocessTest, TheExitDescriptorTurnsReadableAtTheEnd) {
  ASSERT_OK_AND_ASSIGN(Subprocess child, Subprocess::Start(Shell("exec sleep infinity")));
  pollfd ready{child.exit_descriptor(), POLLIN, 0};
  EXPECT_EQ(poll(&ready, 1, 0), 0);
  child.Signal(SIGKILL);
  EXPECT_EQ(poll(&ready, 1, 60'000), 1);
}

// Every holder of the pipe's writing end has to be gone before ReadAll returns.
TEST(SubprocessTest, TheDestructorKillsTheWholeGroup) {
  Pipe pipe;
  SubprocessOptions options = Shell("sleep infinity & echo started >&7; exec sleep infinity");
  options.descriptors = {{pipe.writer(), 7}};
  {
    ASSERT_OK_AND_ASSIGN(const Subprocess child, Subprocess::Start(options));
    pipe.CloseWriter();
    ASSERT_EQ(pipe.ReadLine(), "started\n");
  }
  EXPECT_EQ(pipe.ReadAll(), "");
}

TEST(SubprocessTest, WhatTheChildLeftRunningEndsWithIt) {
  Pipe pipe;
  SubprocessOptions options = Shell("sleep infinity & exit 0");
  options.descriptors = {{pipe.writer(), 7}};
  ASSERT_OK_AND_ASSIGN(Subprocess child, Subprocess::Start(options));
  pipe.CloseWriter();
  EXPECT_OK(child.Wait(kDeadline));
  EXPECT_EQ(pipe.ReadAll(), "");
}

// The accident: an agent is killed, and its workers would go on alone.
TEST(SubprocessTest, AChildDiesWithItsParent) {
  Pipe pipe;
  SubprocessOptions options;
  options.arguments = {AMAES_TEST_CHILD, "parent", "7", "/bin/sh", "-c", "exec sleep infinity"};
  options.descriptors = {{pipe.writer(), 7}};
  ASSERT_OK_AND_ASSIGN(Subprocess parent, Subprocess::Start(options));
  pipe.CloseWriter();
  ASSERT_EQ(pipe.ReadLine(), "started\n");
  ASSERT_EQ(kill(parent.pid(), SIGKILL), 0);  // the parent alone: its child has a group of its own
  ASSERT_OK_AND_ASSIGN(const ExitStatus status, parent.Wait(kDeadline));
  EXPECT_EQ(status.signal, SIGKILL);
  EXPECT_EQ(pipe.ReadAll(), "");
}

TEST(SubprocessTest, EnvironmentIsAddedAndReplaced) {
  SubprocessOptions options = Shell("echo \"$AMAES_NEW,$HOME,$PATH\" >&7");
  options.environment = {{"AMAES_NEW", "a b"}, {"HOME", "/elsewhere"}};
  const std::string path = getenv("PATH") == nullptr ? "" : getenv("PATH");
  EXPECT_EQ(Output(options), absl::StrCat("a b,/elsewhere,", path, "\n"));
}

TEST(SubprocessTest, MemoryIsLimitedAndNoCoreIsDumped) {
  SubprocessOptions options = Shell("ulimit -v >&7; ulimit -c >&7");
  options.memory_limit = std::uint64_t{256} << 20;
  EXPECT_EQ(Output(options), "262144\n0\n");
}

TEST(SubprocessTest, MoreMemoryThanAllowedCannotBeTaken) {
  SubprocessOptions options = Shell("exec dd if=/dev/zero of=/dev/null bs=1G count=1 2>&7");
  options.memory_limit = std::uint64_t{256} << 20;
  EXPECT_THAT(Output(options), HasSubstr("exhausted"));
}

TEST(SubprocessTest, DescriptorsMayChangePlaces) {
  Pipe a, b;
  SubprocessOptions options = Shell(absl::StrCat("echo a >&", b.writer(), "; echo b >&", a.writer()));
  options.descriptors = {{a.writer(), b.writer()}, {b.writer(), a.writer()}};
  EXPECT_TRUE(EndOf(options).success());
  EXPECT_EQ(a.ReadLine(), "a\n");
  EXPECT_EQ(b.ReadLine(), "b\n");
}

// A descriptor that some library opened without O_CLOEXEC must not keep a socket or a lock alive in a child.
TEST(SubprocessTest, OtherDescriptorsAreClosed) {
  const int leaked = open("/dev/null", O_RDONLY);
  ASSERT_GE(leaked, 0);
  EXPECT_EQ(Output(Shell(absl::StrCat("if [ -e /proc/self/fd/", leaked, " ]; then echo leaked >&7; fi"))), "");
  close(leaked);
}

TEST(SubprocessTest, SignalsThatWeBlockReachTheChild) {
  sigset_t term, before;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  ASSERT_EQ(pthread_sigmask(SIG_BLOCK, &term, &before), 0);
  EXPECT_EQ(EndOf(Shell("kill -TERM $$; exit 0")).signal, SIGTERM);
  ASSERT_EQ(pthread_sigmask(SIG_SETMASK, &before, nullptr), 0);
}

TEST(SubprocessTest, MovesWithItsChild) {
  ASSERT_OK_AND_ASSIGN(Subprocess first, Subprocess::Start(Shell("exec sleep infinity")));
  std::optional<Subprocess> second = std::move(first);
  second->Signal(SIGKILL);
  ASSERT_OK_AND_ASSIGN(const ExitStatus status, second->Wait(kDeadline));
  EXPECT_EQ(status.signal, SIGKILL);
}

TEST(OwnProgramTest, NamesThisTest) { EXPECT_THAT(OwnProgram(), HasSubstr("base_test")); }

}  // namespace
}  // namespace amaes
