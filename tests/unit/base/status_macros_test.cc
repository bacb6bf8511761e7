#include "libs/base/status_macros.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "libs/base/ids.h"
#include "libs/base/testing/status_matchers.h"

namespace amaes {
namespace {

absl::StatusOr<int> Half(int number) {
  if (number % 2 != 0) return absl::InvalidArgumentError("odd");
  return number / 2;
}

absl::StatusOr<int> Quarter(int number) {
  AMAES_ASSIGN_OR_RETURN(const int half, Half(number));
  AMAES_ASSIGN_OR_RETURN(const int quarter, Half(half));
  return quarter;
}

absl::Status Check(int number, int* reached) {
  AMAES_RETURN_IF_ERROR(Half(number).status());
  ++*reached;
  return absl::OkStatus();
}

TEST(StatusMacrosTest, TheFirstErrorReturns) {
  EXPECT_EQ(Quarter(8).value(), 2);
  EXPECT_THAT(Quarter(6), StatusIs(absl::StatusCode::kInvalidArgument, "odd"));
  int reached = 0;
  EXPECT_OK(Check(2, &reached));
  EXPECT_THAT(Check(3, &reached), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(reached, 1);
}

TEST(AnnotateTest, KeepsCodeAndPayload) {
  absl::Status status = absl::DataLossError("chunk 3");
  status.SetPayload("kind", absl::Cord("value"));
  const absl::Status annotated = Annotate(status, "volume 7");
  EXPECT_THAT(annotated, StatusIs(absl::StatusCode::kDataLoss, "volume 7: chunk 3"));
  EXPECT_EQ(annotated.GetPayload("kind"), absl::Cord("value"));
  EXPECT_OK(Annotate(absl::OkStatus(), "unused"));
}

TEST(IdsTest, CompareByValueAndNeverAcrossKinds) {
  EXPECT_EQ(JobId("a"), JobId("a"));
  EXPECT_LT(JobId("a"), JobId("b"));
  EXPECT_TRUE(NodeId().empty());
  static_assert(!std::is_convertible_v<JobId, NodeId> && !std::is_convertible_v<std::string, JobId>);
}

}  // namespace
}  // namespace amaes
