// Calling the coordinator.
//
//   std::shared_ptr<grpc::Channel> channel = MakeChannel("127.0.0.1:7070");
//   v1::JobService::Stub jobs(channel);
//   absl::StatusOr<v1::Job> job = Call(jobs, &v1::JobService::Stub::GetJob, request);
//   if (!job.ok() && ReasonOf(job.status()) == "JOB_NOT_FOUND") …
//
// Thread-safe.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/rpc/errors.h"

namespace amaes {

// No connection is made before the first call. `address`: HOST:PORT.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address);

// A random id for CreateJobRequest.request_id; make it before the first try and use it for every try: 32 hexadecimal digits.
std::string NewRequestId();

struct CallOptions {
  absl::Duration deadline = absl::Seconds(10);  // of all tries together
  // Only for calls that may be repeated: all of this API, since CreateJob has its request id.
  bool retry_unavailable = true;
  absl::Duration first_back_off = absl::Milliseconds(100);  // doubles, to at most 2 s, each with a random half
};

// Runs `attempt` with the time that is left until it succeeds, fails with another code than UNAVAILABLE, or the deadline has
// passed; then the last error is returned. A server's RetryInfo is waited for when it fits.
absl::Status CallWithRetry(const CallOptions& options, const std::function<grpc::Status(absl::Duration)>& attempt);

// A unary call.   - DeadlineExceeded, Unavailable: no answer in time; else what the service says.
template <typename Stub, typename Method, typename Request, typename Response>
absl::StatusOr<Response> Call(Stub& stub,
                              grpc::Status (Method::*method)(grpc::ClientContext*, const Request&, Response*),
                              const Request& request, const CallOptions& options = {}) {
  Response response;
  const absl::Status status = CallWithRetry(options, [&](absl::Duration left) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(SystemClock().Now() + left));
    response.Clear();
    return (stub.*method)(&context, request, &response);
  });
  if (!status.ok()) return status;
  return response;
}

}  // namespace amaes
