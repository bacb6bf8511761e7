// EXPECT_THAT(Do(), IsOk());   EXPECT_THAT(Do(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("job-1")));
#pragma once

#include <gmock/gmock.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace amaes {

inline const absl::Status& AsStatus(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& AsStatus(const absl::StatusOr<T>& result) {
  return result.status();
}

MATCHER(IsOk, "is OK") {
  *result_listener << AsStatus(arg).ToString();
  return AsStatus(arg).ok();
}

MATCHER_P(StatusIs, code, "has code " + absl::StatusCodeToString(code)) {
  *result_listener << AsStatus(arg).ToString();
  return AsStatus(arg).code() == code;
}

MATCHER_P2(StatusIs, code, message, "has code " + absl::StatusCodeToString(code) + " and a message that matches") {
  *result_listener << AsStatus(arg).ToString();
  return AsStatus(arg).code() == code &&
         ::testing::ExplainMatchResult(message, std::string(AsStatus(arg).message()), result_listener);
}

}  // namespace amaes

#define ASSERT_OK(expr) ASSERT_THAT(expr, ::amaes::IsOk())
#define EXPECT_OK(expr) EXPECT_THAT(expr, ::amaes::IsOk())
// ASSERT_OK_AND_ASSIGN(auto x, F());
#define ASSERT_OK_AND_ASSIGN(lhs, expr) AMAES_TEST_ASSIGN(AMAES_TEST_CONCAT(amaes_test_result_, __LINE__), lhs, expr)
#define AMAES_TEST_CONCAT2(a, b) a##b
#define AMAES_TEST_CONCAT(a, b) AMAES_TEST_CONCAT2(a, b)
#define AMAES_TEST_ASSIGN(result, lhs, expr) \
  auto result = (expr);                      \
  ASSERT_THAT(result, ::amaes::IsOk());      \
  lhs = *std::move(result)
