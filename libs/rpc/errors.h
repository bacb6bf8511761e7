// Errors with a reason. Inside a process an error is an absl::Status whose payloads are google.rpc details; on the wire it
// is a grpc::Status with the same details in grpc-status-details-bin. No gRPC header is needed to make or read one.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/spec/spec_io.h"

namespace grpc {
class Status;
}

namespace amaes {

inline constexpr char kErrorDomain[] = "amaes";

// An error with a google.rpc.ErrorInfo: `reason` is UPPER_SNAKE and stable, `metadata` holds every value that varies.
absl::Status ErrorWithReason(absl::StatusCode code, absl::string_view reason, absl::string_view message,
                             const std::map<std::string, std::string>& metadata = {});
// The same status, with every problem as a field violation of a google.rpc.BadRequest.
absl::Status WithProblems(const absl::Status& status, const std::vector<SpecProblem>& problems);
// The same status, with a google.rpc.RetryInfo.
absl::Status WithRetryAfter(const absl::Status& status, absl::Duration delay);

// "" when the status has no ErrorInfo of ours.
std::string ReasonOf(const absl::Status& status);
std::map<std::string, std::string> MetadataOf(const absl::Status& status);
std::vector<SpecProblem> ProblemsOf(const absl::Status& status);
std::optional<absl::Duration> RetryAfterOf(const absl::Status& status);

// For the wire. A status without a reason gets its code's name as one, so that every error of ours carries an ErrorInfo.
// Messages longer than 2 KiB and problems beyond the first 100 are cut off: headers are bounded by the peer.
grpc::Status ToGrpcStatus(const absl::Status& status);
// From the wire. Details that cannot be read are dropped.
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace amaes
