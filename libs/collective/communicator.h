// Collectives between the workers of one attempt. One interface; Gloo (CPU), NCCL (GPU) and local (threads of one
// process, for tests) behind it.
//
// No torch type here: buffers are pointers and counts, so that the Gloo translation unit never sees LibTorch.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace amaes {

enum class DataType { kFloat32, kFloat64, kBFloat16 };

// Memory on the communicator's device (host for Gloo and local). Must stay valid until Wait returns.
struct Buffer {
  void* data = nullptr;
  std::int64_t count = 0;
  DataType type = DataType::kFloat32;
};

// The key-value table that the coordinator keeps per attempt, for rendezvous only. Thread-safe.
class RendezvousStore {
 public:
  virtual ~RendezvousStore() = default;
  // A value is any bytes.
  virtual absl::Status Set(const std::string& key, const std::string& value) = 0;
  // Blocks until the key is set.   - DeadlineExceeded: not within `timeout`.   - Aborted: the attempt is over.
  virtual absl::StatusOr<std::string> Wait(const std::string& key, absl::Duration timeout) = 0;
};

struct CommunicatorOptions {
  int rank = 0;
  int world_size = 1;
  int attempt = 1;           // part of every rendezvous key: attempts never meet
  std::string bind_address;  // where this worker listens and its peers dial (Gloo), e.g. "127.0.0.1"
  int device_index = -1;     // GPU (NCCL); -1 = none
  absl::Duration start_timeout = absl::Seconds(60);
  absl::Duration collective_timeout = absl::Seconds(30);
};

// One thread calls; Abort may be called from any thread. All ranks must make the same calls in the same order.
// After any error but InvalidArgument the communicator is broken: every later call fails with the first error.
// A buffer is not touched any more once Wait, Synchronize or Broadcast has returned, with an error or without.
class Communicator {
 public:
  using Ticket = std::int64_t;
  virtual ~Communicator() = default;
  virtual int rank() const = 0;
  virtual int world_size() const = 0;

  // Starts summing `buffer` over all ranks, in place. Collectives run in the order they were started.
  // GPU: ordered after the work that is on the compute stream now.
  //   - InvalidArgument: negative count, or null data with a count; breaks nothing.   - The first error: broken.
  virtual absl::StatusOr<Ticket> StartAllReduceSum(Buffer buffer) = 0;

  // After it returns, the result may be used: on the CPU by this thread, on the GPU by the compute stream. There the
  // host does not wait and an error may only show later: trust results once Synchronize has returned Ok.
  //   - DeadlineExceeded: not within collective_timeout.
  //   - Unavailable: a peer is gone; the message says what is known.
  //   - Aborted: Abort was called.
  virtual absl::Status Wait(Ticket ticket) = 0;

  // Waits on the host for everything started so far. Errors as Wait.
  virtual absl::Status Synchronize() = 0;

  // Copies rank `root`'s buffer to all ranks; blocks. Errors as StartAllReduceSum and Wait.
  virtual absl::Status Broadcast(Buffer buffer, int root) = 0;

  // Makes every pending and later call fail soon, on this rank. Idempotent, thread-safe.
  virtual void Abort(absl::string_view reason) = 0;

  // StartAllReduceSum, Wait and Synchronize in one.
  absl::Status AllReduceSum(Buffer buffer) {
    auto ticket = StartAllReduceSum(buffer);
    if (!ticket.ok()) return ticket.status();
    if (absl::Status status = Wait(*ticket); !status.ok()) return status;
    return Synchronize();
  }
};

}  // namespace amaes
