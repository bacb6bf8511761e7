// Length-prefixed messages over one end of a socket pair, and the worker's side of the conversation.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/worker_protocol/messages.h"

namespace amaes {

// The descriptor of the socket in a worker.
inline constexpr int kWorkerSocket = 3;

// Frames on a stream socket. Send and Receive may be called from different threads; each from one at a time or, for Send,
// from many (serialised inside). Owns the descriptor.
class FrameSocket {
 public:
  explicit FrameSocket(int descriptor) : descriptor_(descriptor) {}
  virtual ~FrameSocket();
  FrameSocket(const FrameSocket&) = delete;
  FrameSocket& operator=(const FrameSocket&) = delete;

  // Blocks while the peer does not read.   - Unavailable: the peer is gone.   - InvalidArgument: too long.
  absl::Status Send(const std::string& message);
  // Blocks.   - OutOfRange: orderly end.   - DataLoss: a frame too long or cut off.   - Unavailable: I/O error.
  absl::StatusOr<std::string> Receive();
  // Makes Receive return on both ends. Thread-safe.
  void Shutdown();
  int descriptor() const { return descriptor_; }

 private:
  struct SendLock;
  int descriptor_;
  std::unique_ptr<SendLock> send_lock_;
};

// The worker's side. One thread of its own receives. Reports never block the training thread: they go through a bounded
// queue, in which an older TrainProgress gives way to a newer one; everything else is kept.
class AgentLink {
 public:
  // Takes the socket over. When the agent goes away (end of file), `on_agent_gone` is called from the receiving thread: the
  // worker must end, for nobody owns it any more.
  static std::unique_ptr<AgentLink> Create(int descriptor, std::function<void()> on_agent_gone);
  virtual ~AgentLink() = default;  // sends what is queued (for at most 2 s), then closes

  virtual void Report(WorkerReport report) = 0;
  // Blocks until the agent said what to do.   - DeadlineExceeded.   - FailedPrecondition: a newer protocol, named.
  virtual absl::StatusOr<WorkerStart> WaitForStart(absl::Duration timeout) = 0;
  // The reason, once the agent asked for an orderly stop.
  virtual std::optional<std::string> stop_requested() = 0;

  // The attempt's key-value table.
  virtual absl::Status Set(const std::string& key, const std::string& value) = 0;
  // - DeadlineExceeded.   - Aborted: the attempt is over.   - Unavailable: the agent is gone.
  virtual absl::StatusOr<std::string> Wait(const std::string& key, absl::Duration timeout) = 0;
};

}  // namespace amaes
