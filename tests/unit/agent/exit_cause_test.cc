#include "services/agent/exit_cause.h"

#include <gmock/gmock.h>
#include <signal.h>

namespace amaes {
namespace {

using ::testing::HasSubstr;

WorkerLastWords Words(std::initializer_list<WorkerReport> reports) {
  WorkerLastWords words;
  for (const WorkerReport& report : reports) words.Note(report);
  return words;
}

TEST(ExitCauseTest, AWorkerThatFinishedItsWork) {
  const ExitCause cause = ClassifyExit({0, 0}, Words({WorkerFinished{true, 200}}), false);
  EXPECT_EQ(cause.cause, "FINISHED");
}

TEST(ExitCauseTest, AWorkerThatStoppedOnCommandNamesItsStep) {
  const ExitCause cause = ClassifyExit({0, 0}, Words({WorkerFinished{false, 17}}), false);
  EXPECT_EQ(cause.cause, "STOPPED");
  EXPECT_THAT(cause.message, HasSubstr("17"));
  EXPECT_TRUE(cause.retryable);
}

TEST(ExitCauseTest, ItsFirstFailureIsTheCauseAndDecidesWhetherToTryAgain) {
  const ExitCause cause = ClassifyExit(
      {3, 0},
      Words({WorkerFailed{"DATA_DAMAGED", "volume ab chunk 3", false}, WorkerFailed{"PEER_LOST", "rank 1", true}}),
      false);
  EXPECT_EQ(cause.cause, "DATA_DAMAGED");
  EXPECT_EQ(cause.message, "volume ab chunk 3");
  EXPECT_FALSE(cause.retryable);
}

TEST(ExitCauseTest, ASignalFromOutsideIsToldFromOneOfItsAgent) {
  const ExitCause outside = ClassifyExit({-1, SIGKILL}, Words({}), false);
  EXPECT_EQ(outside.cause, "KILLED");
  EXPECT_THAT(outside.message, HasSubstr("memory"));
  EXPECT_EQ(ClassifyExit({-1, SIGKILL}, Words({}), true).cause, "ENDED");
  EXPECT_THAT(ClassifyExit({-1, SIGSEGV}, Words({}), false).message, HasSubstr("Segmentation"));
}

TEST(ExitCauseTest, AnExitWithoutAWordPointsToTheLog) {
  const ExitCause cause = ClassifyExit({127, 0}, Words({}), false);
  EXPECT_EQ(cause.cause, "FAILED");
  EXPECT_THAT(cause.message, HasSubstr("exit code 127"));
  EXPECT_THAT(cause.message, HasSubstr("log"));
}

TEST(ExitCauseTest, SuccessWithoutAReportIsNoSuccess) {
  EXPECT_EQ(ClassifyExit({0, 0}, Words({}), false).cause, "FAILED");
}

}  // namespace
}  // namespace amaes
