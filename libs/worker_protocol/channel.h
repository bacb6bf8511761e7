// Length-prefixed messages over one end of a socket pair, and the worker's side of the conversation.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/mutex.h"
#include "libs/worker_protocol/messages.h"

namespace amaes {

// The descriptor of the socket in a worker.
inline constexpr int kWorkerSocket = 3;

// A connected pair of stream sockets, closed on exec: one end for FrameSocket in the agent, the other to be inherited
// as kWorkerSocket (SubprocessOptions::descriptors). The caller owns both.   - ResourceExhausted: no descriptor left.
absl::StatusOr<std::pair<int, int>> MakeSocketPair();

// Frames on a stream socket. Send and Receive may be called from different threads; each from one at a time or, for
// Send, from many (serialised inside). Owns the descriptor. The agent's side is this class with DecodeReport and
// EncodeCommand.
class FrameSocket {
 public:
  explicit FrameSocket(int descriptor) : descriptor_(descriptor) {}
  virtual ~FrameSocket();
  FrameSocket(const FrameSocket&) = delete;
  FrameSocket& operator=(const FrameSocket&) = delete;

  // Blocks while the peer does not read.   - Unavailable: the peer is gone.   - InvalidArgument: too long.
  absl::Status Send(const std::string& message);
  // Blocks. Memory grows with the bytes that arrive, not with the length that the peer claims. After an error other
  // than InvalidArgument the stream is of no further use.
  //   - OutOfRange: orderly end.   - DataLoss: a frame too long or cut off.   - Unavailable: I/O error.
  absl::StatusOr<std::string> Receive();
  // Makes Receive return on both ends. Thread-safe.
  void Shutdown();
  int descriptor() const { return descriptor_; }

 private:
  const int descriptor_;
  Mutex send_mutex_;
};

// More reports than this that the agent did not take: it counts as gone.
inline constexpr std::size_t kMaxQueuedReports = 1 << 16;

// The worker's side, with one thread that receives and one that sends. Thread-safe. Reports never block the training
// thread: they go through a bounded queue, in which an older running total (TrainProgress, IngestCount, EvaluationCount) gives way to a newer one;
// everything else is kept, in order.
class AgentLink {
 public:
  // Takes the socket over. When the agent goes away (end of file, or it no longer takes reports), `on_agent_gone` is
  // called once from the receiving thread: the worker must end, for nobody owns it any more. The callback must not
  // destroy the link. The destructor sends what is queued, for at most `flush_timeout`, and closes; after it began
  // the callback is not called.
  static std::unique_ptr<AgentLink> Create(int descriptor, std::function<void()> on_agent_gone,
                                           absl::Duration flush_timeout = absl::Seconds(2));
  virtual ~AgentLink() = default;

  // Never blocks. Once the agent is gone, does nothing.
  virtual void Report(WorkerReport report) = 0;
  // Blocks until the agent said what to do.
  //   - DeadlineExceeded.   - FailedPrecondition: a newer protocol, named.   - Unavailable: the agent is gone.
  virtual absl::StatusOr<WorkerStart> WaitForStart(absl::Duration timeout) = 0;
  // The reason, once the agent asked for an orderly stop.
  virtual std::optional<std::string> stop_requested() = 0;

  // The attempt's key-value table. Keys are UTF-8 text, values any bytes.
  //   - InvalidArgument: a key that is not UTF-8, or too long.   - Unavailable: the agent is gone.
  virtual absl::Status Set(const std::string& key, const std::string& value) = 0;
  // - DeadlineExceeded.   - Aborted: the attempt is over.   - Unavailable: the agent is gone.
  virtual absl::StatusOr<std::string> Wait(const std::string& key, absl::Duration timeout) = 0;
};

}  // namespace amaes
