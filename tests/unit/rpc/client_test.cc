#include "libs/rpc/client.h"

#include <set>

#include "libs/base/testing/status_matchers.h"

namespace amaes {
namespace {

CallOptions Quick() {
  CallOptions options;
  options.first_back_off = absl::Microseconds(10);
  return options;
}

TEST(CallWithRetry, OnlyUnavailableIsTriedAgain) {
  int tries = 0;
  EXPECT_OK(CallWithRetry(Quick(), [&](absl::Duration) {
    return ++tries < 4 ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "not yet") : grpc::Status::OK;
  }));
  EXPECT_EQ(tries, 4);
  tries = 0;
  EXPECT_THAT(CallWithRetry(Quick(),
                            [&](absl::Duration) {
                              ++tries;
                              return grpc::Status(grpc::StatusCode::INTERNAL, "broken");
                            }),
              StatusIs(absl::StatusCode::kInternal));
  EXPECT_EQ(tries, 1);
}

TEST(CallWithRetry, TheDeadlineIsForAllTriesTogether) {
  CallOptions options = Quick();
  options.deadline = absl::Milliseconds(20);
  absl::Duration before = options.deadline;
  const absl::Status status = CallWithRetry(options, [&](absl::Duration left) {
    EXPECT_LE(left, before);
    before = left;
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "never");
  });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable));
}

TEST(CallWithRetry, AWaitThatDoesNotFitIsNotWaited) {
  CallOptions options = Quick();
  options.deadline = absl::Seconds(5);
  int tries = 0;
  const absl::Status status = CallWithRetry(options, [&](absl::Duration) {
    ++tries;
    return ToGrpcStatus(WithRetryAfter(absl::UnavailableError("busy"), absl::Hours(1)));
  });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(tries, 1);
}

TEST(CallWithRetry, CanBeSwitchedOff) {
  CallOptions options = Quick();
  options.retry_unavailable = false;
  int tries = 0;
  EXPECT_THAT(CallWithRetry(options,
                            [&](absl::Duration) {
                              ++tries;
                              return grpc::Status(grpc::StatusCode::UNAVAILABLE, "no");
                            }),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(tries, 1);
}

TEST(RequestId, IsNewEveryTime) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(NewRequestId());
  EXPECT_EQ(ids.size(), 1000u);
  EXPECT_EQ(ids.begin()->size(), 32u);
}

}  // namespace
}  // namespace amaes
