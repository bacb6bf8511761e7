#include "libs/rpc/client.h"

#include <algorithm>
#include <random>
#include <thread>

#include "absl/strings/str_format.h"
#include "libs/base/clock.h"
#include "libs/rpc/transport.h"

namespace amaes {
namespace {

constexpr absl::Duration kLongestBackOff = absl::Seconds(2);

std::uint64_t RandomBits() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

// Between a half and the whole of `duration`: clients that failed together do not come back together.
absl::Duration Jittered(absl::Duration duration) {
  return duration * (0.5 + 0.5 * static_cast<double>(RandomBits() >> 11) / static_cast<double>(std::uint64_t{1} << 53));
}

}  // namespace

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMilliseconds);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMilliseconds);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 0);
  // A coordinator that restarts is back within seconds.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // Loopback and cluster addresses are not reached through a web proxy.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

std::string NewRequestId() { return absl::StrFormat("%016x%016x", RandomBits(), RandomBits()); }

absl::Status CallWithRetry(const CallOptions& options, const std::function<grpc::Status(absl::Duration)>& attempt) {
  Clock& clock = SystemClock();
  const absl::Duration end = clock.Monotonic() + options.deadline;
  absl::Duration back_off = options.first_back_off;
  while (true) {
    const absl::Duration left = end - clock.Monotonic();
    const absl::Status status = FromGrpcStatus(attempt(std::max(left, absl::Milliseconds(1))));
    if (!absl::IsUnavailable(status) || !options.retry_unavailable) return status;
    const absl::Duration wait = std::max(Jittered(back_off), RetryAfterOf(status).value_or(absl::ZeroDuration()));
    if (clock.Monotonic() + wait >= end) return status;
    std::this_thread::sleep_for(absl::ToChronoNanoseconds(wait));
    back_off = std::min(back_off * 2, kLongestBackOff);
  }
}

}  // namespace amaes
