#include <algorithm>
#include <deque>
#include <map>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/clock.h"
#include "libs/base/log.h"
#include "libs/base/utf8.h"
#include "libs/worker_protocol/channel.h"

namespace amaes {
namespace {

// Only the newest of these is of interest: all are running totals.
bool GivesWayToNewer(const WorkerReport& report) {
  return std::holds_alternative<TrainProgress>(report) || std::holds_alternative<IngestCount>(report) ||
         std::holds_alternative<EvaluationCount>(report);
}

class SocketAgentLink final : public AgentLink {
 public:
  SocketAgentLink(int descriptor, std::function<void()> on_agent_gone, absl::Duration flush_timeout)
      : socket_(descriptor),
        on_agent_gone_(std::move(on_agent_gone)),
        flush_timeout_(flush_timeout),
        receiver_([this] { ReceiveAll(); }),
        sender_([this] { SendAll(); }) {}
  ~SocketAgentLink() override;

  void Report(WorkerReport report) override;
  absl::StatusOr<WorkerStart> WaitForStart(absl::Duration timeout) override;
  std::optional<std::string> stop_requested() override {
    MutexLock lock(mutex_);
    return stop_reason_;
  }
  absl::Status Set(const std::string& key, const std::string& value) override;
  absl::StatusOr<std::string> Wait(const std::string& key, absl::Duration timeout) override;

 private:
  // The answer of one waiting call of Wait.
  struct KeyWaiter {
    std::string key;
    std::optional<std::string> value;
  };

  void ReceiveAll();
  void SendAll();
  void Handle(WorkerCommand command);
  void HandleValue(const KeyValue& value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Enqueue(WorkerReport report) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status WaitUntil(absl::Duration timeout, absl::string_view what, const std::function<bool()>& done)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  FrameSocket socket_;
  const std::function<void()> on_agent_gone_;
  const absl::Duration flush_timeout_;

  Mutex mutex_;
  CondVar changed_;
  std::deque<WorkerReport> queue_ ABSL_GUARDED_BY(mutex_);
  bool sending_ ABSL_GUARDED_BY(mutex_) = false;  // one report is out of the queue and not sent yet
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  bool gone_ ABSL_GUARDED_BY(mutex_) = false;
  std::string gone_because_ ABSL_GUARDED_BY(mutex_);
  bool aborted_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<WorkerStart> start_ ABSL_GUARDED_BY(mutex_);
  std::optional<std::string> stop_reason_ ABSL_GUARDED_BY(mutex_);
  std::vector<KeyWaiter*> waiters_ ABSL_GUARDED_BY(mutex_);

  // Last: they use all of the above.
  std::thread receiver_, sender_;
};

SocketAgentLink::~SocketAgentLink() {
  {
    MutexLock lock(mutex_);
    closing_ = true;
    changed_.NotifyAll();
    const absl::Duration deadline = SystemClock().Monotonic() + flush_timeout_;
    while (!gone_ && (sending_ || !queue_.empty())) {
      const absl::Duration left = deadline - SystemClock().Monotonic();
      if (left <= absl::ZeroDuration()) break;
      changed_.WaitFor(mutex_, left);
    }
    queue_.clear();
  }
  // Ends a Send that the peer blocks, and the receiving thread.
  socket_.Shutdown();
  sender_.join();
  receiver_.join();
}

void SocketAgentLink::Report(WorkerReport report) {
  MutexLock lock(mutex_);
  Enqueue(std::move(report));
}

void SocketAgentLink::Enqueue(WorkerReport report) {
  if (gone_ || closing_) return;
  if (GivesWayToNewer(report)) {
    const auto older = std::find_if(queue_.begin(), queue_.end(),
                                    [&](const WorkerReport& queued) { return queued.index() == report.index(); });
    if (older != queue_.end()) queue_.erase(older);
  }
  if (queue_.size() >= kMaxQueuedReports) {
    gone_ = true;
    gone_because_ = absl::StrCat("it did not take ", queue_.size(), " reports");
    queue_.clear();
    socket_.Shutdown();
  } else {
    queue_.push_back(std::move(report));
  }
  changed_.NotifyAll();
}

void SocketAgentLink::SendAll() {
  while (true) {
    std::optional<WorkerReport> report;
    {
      MutexLock lock(mutex_);
      sending_ = false;
      changed_.NotifyAll();
      while (queue_.empty() && !closing_ && !gone_) changed_.Wait(mutex_);
      if (queue_.empty()) return;
      report = std::move(queue_.front());
      queue_.pop_front();
      sending_ = true;
    }
    const absl::Status sent = socket_.Send(EncodeReport(*report));
    if (sent.ok()) continue;
    if (absl::IsInvalidArgument(sent)) {
      LogError("worker_protocol", "report dropped", {{"reason", sent.message()}});
      continue;
    }
    MutexLock lock(mutex_);
    if (!gone_) gone_because_ = std::string(sent.message());
    gone_ = true;
    sending_ = false;
    queue_.clear();
    changed_.NotifyAll();
    socket_.Shutdown();
    return;
  }
}

void SocketAgentLink::ReceiveAll() {
  bool refused_one = false;
  while (true) {
    const absl::StatusOr<std::string> bytes = socket_.Receive();
    if (!bytes.ok()) {
      bool ours;
      {
        MutexLock lock(mutex_);
        ours = closing_;
        if (!gone_) gone_because_ = std::string(bytes.status().message());
        gone_ = true;
        queue_.clear();
        changed_.NotifyAll();
      }
      if (!ours && on_agent_gone_) on_agent_gone_();
      return;
    }
    absl::StatusOr<WorkerCommand> command = DecodeCommand(*bytes);
    if (command.ok()) {
      Handle(*std::move(command));
    } else if (!refused_one) {
      // Once: an agent that talks nonsense may do so without end.
      LogWarning("worker_protocol", "command ignored", {{"reason", command.status().message()}});
      refused_one = true;
    }
  }
}

void SocketAgentLink::Handle(WorkerCommand command) {
  MutexLock lock(mutex_);
  if (auto* start = std::get_if<WorkerStart>(&command)) {
    if (!start_) start_ = std::move(*start);
  } else if (auto* stop = std::get_if<WorkerStop>(&command)) {
    if (!stop_reason_) stop_reason_ = std::move(stop->reason);
  } else if (const auto* value = std::get_if<KeyValue>(&command)) {
    HandleValue(*value);
  }
  changed_.NotifyAll();
}

void SocketAgentLink::HandleValue(const KeyValue& value) {
  if (value.aborted) {
    aborted_ = true;
    return;
  }
  for (KeyWaiter* waiter : waiters_) {
    if (waiter->key == value.key) waiter->value = value.value;
  }
}

absl::Status SocketAgentLink::WaitUntil(absl::Duration timeout, absl::string_view what,
                                        const std::function<bool()>& done) {
  const absl::Duration deadline = SystemClock().Monotonic() + timeout;
  while (!done()) {
    if (gone_) return absl::UnavailableError(absl::StrCat("the agent is gone: ", gone_because_));
    const absl::Duration left = deadline - SystemClock().Monotonic();
    if (left <= absl::ZeroDuration()) {
      return absl::DeadlineExceededError(
          absl::StrCat("waited ", absl::FormatDuration(timeout), " for ", what, " in vain"));
    }
    changed_.WaitFor(mutex_, left);
  }
  return absl::OkStatus();
}

absl::StatusOr<WorkerStart> SocketAgentLink::WaitForStart(absl::Duration timeout) {
  MutexLock lock(mutex_);
  const absl::Status status = WaitUntil(timeout, "the agent's order to start",
                                        [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return start_.has_value(); });
  if (!status.ok()) return status;
  if (start_->protocol_version > kWorkerProtocolVersion) {
    return absl::FailedPreconditionError(absl::StrCat("the agent speaks worker protocol ", start_->protocol_version,
                                                      ", this worker only up to ", kWorkerProtocolVersion,
                                                      ": install the same version of both"));
  }
  return *start_;
}

absl::Status SocketAgentLink::Set(const std::string& key, const std::string& value) {
  if (!IsUtf8(key)) return absl::InvalidArgumentError("a key must be UTF-8 text");
  constexpr std::size_t kFraming = 64;
  if (key.size() + value.size() + kFraming > kMaxWorkerMessageBytes) {
    return absl::InvalidArgumentError(absl::StrCat("key and value of ", key.size() + value.size(),
                                                   " bytes exceed a message of ", kMaxWorkerMessageBytes));
  }
  MutexLock lock(mutex_);
  Enqueue(KeyValue{.key = key, .value = value});
  if (gone_) return absl::UnavailableError(absl::StrCat("the agent is gone: ", gone_because_));
  return absl::OkStatus();
}

absl::StatusOr<std::string> SocketAgentLink::Wait(const std::string& key, absl::Duration timeout) {
  KeyWaiter waiter{.key = key, .value = std::nullopt};
  MutexLock lock(mutex_);
  waiters_.push_back(&waiter);
  Enqueue(KeyWait{.key = key});
  const absl::Status status = WaitUntil(timeout, absl::StrCat("key ", key), [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return waiter.value.has_value() || aborted_;
  });
  waiters_.erase(std::find(waiters_.begin(), waiters_.end(), &waiter));
  if (!status.ok()) return status;
  if (!waiter.value) return absl::AbortedError(absl::StrCat("the attempt is over; key ", key, " will not come"));
  return *std::move(waiter.value);
}

}  // namespace

std::unique_ptr<AgentLink> AgentLink::Create(int descriptor, std::function<void()> on_agent_gone,
                                             absl::Duration flush_timeout) {
  return std::make_unique<SocketAgentLink>(descriptor, std::move(on_agent_gone), flush_timeout);
}

}  // namespace amaes
