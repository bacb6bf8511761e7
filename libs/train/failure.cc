#include "libs/train/failure.h"

#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace amaes {
namespace {

constexpr char kPayload[] = "amaes/failure";  // reason, then "!" unless retryable

}  // namespace

absl::Status WithReason(absl::Status status, absl::string_view reason, bool retryable) {
  if (status.ok() || status.GetPayload(kPayload).has_value()) return status;
  status.SetPayload(kPayload, absl::Cord(absl::StrCat(reason, retryable ? "" : "!")));
  return status;
}

absl::Status CollectiveFailure(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return WithReason(status, "PEER_LOST", true);
    case absl::StatusCode::kDeadlineExceeded:
      return WithReason(status, "COLLECTIVE_TIMEOUT", true);
    case absl::StatusCode::kAborted:
      return WithReason(status, "ATTEMPT_OVER", true);
    default:
      return WithReason(status, "COLLECTIVE_FAILED", true);
  }
}

absl::Status DataFailure(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kDataLoss:
      return WithReason(status, "DATA_DAMAGED", false);
    case absl::StatusCode::kNotFound:
      return WithReason(status, "DATA_MISSING", false);
    case absl::StatusCode::kInvalidArgument:
      return WithReason(status, "BAD_SPEC", false);
    default:
      return WithReason(status, "STORAGE", true);
  }
}

absl::Status StorageFailure(const absl::Status& status) {
  return WithReason(status, absl::IsResourceExhausted(status) ? "DISK_FULL" : "STORAGE", true);
}

absl::Status TensorFailure(const absl::Status& status) {
  return WithReason(status, absl::IsResourceExhausted(status) ? "OUT_OF_MEMORY" : "INTERNAL", true);
}

Failure FailureOf(const absl::Status& status) {
  Failure failure{.reason = "INTERNAL", .message = std::string(status.message()), .retryable = true};
  if (const auto payload = status.GetPayload(kPayload); payload.has_value()) {
    failure.reason = std::string(*payload);
    if (failure.reason.ends_with('!')) {
      failure.reason.pop_back();
      failure.retryable = false;
    }
  }
  return failure;
}

}  // namespace amaes
