#include "libs/rpc/errors.h"

#include <gmock/gmock.h>
#include <grpcpp/support/status.h>

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::SizeIs;

TEST(Errors, ReasonAndMetadataSurviveTheWire) {
  const absl::Status status =
      ErrorWithReason(absl::StatusCode::kNotFound, "JOB_NOT_FOUND", "no job 'x'", {{"job", "x"}});
  const grpc::Status wire = ToGrpcStatus(status);
  EXPECT_EQ(wire.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(wire.error_message(), "no job 'x'");
  const absl::Status back = FromGrpcStatus(wire);
  EXPECT_EQ(back.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(back.message(), "no job 'x'");
  EXPECT_EQ(ReasonOf(back), "JOB_NOT_FOUND");
  EXPECT_THAT(MetadataOf(back), ElementsAre(Pair("job", "x")));
}

TEST(Errors, EveryCodeSurvivesTheWire) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "words");
    EXPECT_EQ(FromGrpcStatus(ToGrpcStatus(status)).code(), status.code()) << code;
  }
  EXPECT_TRUE(FromGrpcStatus(ToGrpcStatus(absl::OkStatus())).ok());
}

TEST(Errors, ProblemsAndRetrySurviveTheWire) {
  absl::Status status = ErrorWithReason(absl::StatusCode::kInvalidArgument, "INVALID_SPEC", "two problems");
  status = WithProblems(status, {{"patch", "is 3"}, {"optimizer.beta1", "is 2"}});
  status = WithRetryAfter(status, absl::Milliseconds(1500));
  const absl::Status back = FromGrpcStatus(ToGrpcStatus(status));
  EXPECT_THAT(ProblemsOf(back), ElementsAre(SpecProblem{"patch", "is 3"}, SpecProblem{"optimizer.beta1", "is 2"}));
  EXPECT_EQ(RetryAfterOf(back), absl::Milliseconds(1500));
  EXPECT_EQ(ReasonOf(back), "INVALID_SPEC");
}

TEST(Errors, AnErrorWithoutAReasonGetsItsCode) {
  EXPECT_EQ(ReasonOf(absl::InternalError("x")), "");
  EXPECT_EQ(ReasonOf(FromGrpcStatus(ToGrpcStatus(absl::InternalError("x")))), "INTERNAL");
}

TEST(Errors, LongMessagesAndManyProblemsAreCutOff) {
  std::vector<SpecProblem> problems(500, SpecProblem{"field", "is wrong"});
  const absl::Status status = WithProblems(
      ErrorWithReason(absl::StatusCode::kInvalidArgument, "INVALID_SPEC", std::string(100'000, 'x')), problems);
  const grpc::Status wire = ToGrpcStatus(status);
  EXPECT_LT(wire.error_message().size(), 3000u);
  EXPECT_THAT(ProblemsOf(FromGrpcStatus(wire)), SizeIs(100));
}

TEST(Errors, ACutMessageIsStillUtf8) {
  std::string message;
  while (message.size() < 5000) message += "a\xC3\xA4";
  const std::string cut = ToGrpcStatus(absl::InternalError(message)).error_message();
  for (std::size_t i = 0; i + 1 < cut.size(); ++i) {
    EXPECT_TRUE(cut[i] != '\xC3' || cut[i + 1] == '\xA4') << i;
  }
}

TEST(Errors, ForeignDetailsAreIgnored) {
  EXPECT_EQ(ReasonOf(FromGrpcStatus(grpc::Status(grpc::StatusCode::UNKNOWN, "x", "not a protobuf \xFF\xFF"))), "");
}

}  // namespace
}  // namespace amaes
