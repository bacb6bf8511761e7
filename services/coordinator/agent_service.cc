#include "services/coordinator/agent_service.h"

#include <deque>
#include <memory>
#include <utility>

#include "libs/base/log.h"
#include "libs/rpc/convert.h"
#include "libs/rpc/errors.h"

namespace amaes {
namespace {

// An agent that leaves more commands than this unread has to dial again.
constexpr std::size_t kMaxQueuedCommands = 1 << 16;

template <typename Message>
void SetWorker(const WorkerName& worker, Message* out) {
  out->set_job(worker.job.value);
  out->set_attempt(worker.attempt);
  out->set_rank(worker.rank);
}

template <typename Message>
WorkerName WorkerOf(const Message& message) {
  return {JobId(message.job()), message.attempt(), message.rank()};
}

struct ToWire {
  v1::AgentCommand out;
  void operator()(const RegisteredCommand& command) {
    for (const WorkerName& worker : command.keep) SetWorker(worker, out.mutable_registered()->add_keep());
    out.mutable_registered()->set_heartbeat_seconds(absl::ToDoubleSeconds(command.heartbeat));
  }
  void operator()(const StartWorkerCommand& command) {
    v1::StartWorker* start = out.mutable_start();
    SetWorker(command.worker, start);
    start->set_slot(command.slot);
    start->set_kind(command.kind);
    start->set_log_file(command.log_file);
    start->set_start(EncodeCommand(command.start));
  }
  void operator()(const StopWorkersCommand& command) {
    v1::StopWorkers* stop = out.mutable_stop();
    stop->set_job(command.job.value);
    stop->set_attempt(command.attempt);
    stop->set_now(command.now);
    stop->set_reason(command.reason);
  }
  void operator()(const WorkerCommandTo& command) {
    SetWorker(command.worker, out.mutable_command());
    out.mutable_command()->set_command(EncodeCommand(command.command));
  }
  void operator()(const AcknowledgeCommand& command) { out.mutable_acknowledge()->set_sequence(command.sequence); }
};

std::vector<HeldWorker> HeldWorkers(const v1::Register& registration) {
  std::vector<HeldWorker> held;
  for (const v1::HeldWorker& worker : registration.workers()) {
    held.push_back({WorkerOf(worker), worker.slot(), worker.started()});
  }
  return held;
}

// Lives until gRPC is done with it and the engine has let go of it. Locks: the engine's before this object's.
class AgentStream final : public grpc::ServerBidiReactor<v1::AgentMessage, v1::AgentCommand>,
                          public AgentSink,
                          public std::enable_shared_from_this<AgentStream> {
 public:
  explicit AgentStream(Engine& engine) : engine_(engine) {}

  void Begin() {
    self_ = shared_from_this();
    StartRead(&message_);
  }

  void Send(const NodeId&, const AgentCommand& command) override {
    ToWire wire;
    std::visit(wire, command);
    MutexLock lock(mutex_);
    if (ending_) return;
    if (queue_.size() >= kMaxQueuedCommands) {
      EndLocked(absl::UnavailableError("the agent does not read its commands: register again"));
      return;
    }
    queue_.push_back(std::move(wire.out));
    WriteNext();
  }

  void End(const NodeId&, const absl::Status& status) override {
    MutexLock lock(mutex_);
    EndLocked(status);
  }

  void OnReadDone(bool ok) override {
    absl::Status status = absl::OkStatus();
    if (ok) status = Handle(message_);
    if (ok && status.ok()) {
      StartRead(&message_);
      return;
    }
    MutexLock lock(mutex_);
    EndLocked(status);
  }

  void OnWriteDone(bool ok) override {
    MutexLock lock(mutex_);
    writing_ = false;
    if (!ok) queue_.clear();
    if (!ok) EndLocked(absl::UnavailableError("the agent went away"));
    WriteNext();
  }

  void OnCancel() override {
    MutexLock lock(mutex_);
    EndLocked(absl::CancelledError("the agent went away"));
  }

  void OnDone() override {
    if (!node_.empty()) engine_.Detach(node_, this);
    self_.reset();
  }

 private:
  absl::Status Handle(const v1::AgentMessage& message) {
    if (node_.empty() && !message.has_register_()) {
      return ErrorWithReason(absl::StatusCode::kInvalidArgument, "BAD_REGISTRATION",
                             "the first message of an agent is Register");
    }
    switch (message.content_case()) {
      case v1::AgentMessage::kRegister:
        return Register(message.register_());
      case v1::AgentMessage::kHeartbeat:
        return engine_.Heartbeat(node_, this);
      case v1::AgentMessage::kDraining:
        return engine_.Drain(node_, this);
      case v1::AgentMessage::kReport:
        return Report(message.report());
      case v1::AgentMessage::kExit: {
        const v1::WorkerExit& exit = message.exit();
        return engine_.Exit(node_, this, {WorkerOf(exit), exit.cause(), exit.message(), exit.retryable()},
                            exit.sequence());
      }
      case v1::AgentMessage::CONTENT_NOT_SET:
        break;  // of a newer agent
    }
    return absl::OkStatus();
  }

  absl::Status Register(const v1::Register& registration) {
    const NodeInfo info = ToNodeInfo(registration.node());
    if (!node_.empty() && node_ != info.node) {
      return ErrorWithReason(absl::StatusCode::kInvalidArgument, "BAD_REGISTRATION", "an agent keeps its name",
                             {{"node", info.node.value}});
    }
    node_ = info.node;
    return engine_.Register(info, HeldWorkers(registration), shared_from_this());
  }

  absl::Status Report(const v1::WorkerReportEnvelope& envelope) {
    const absl::StatusOr<WorkerReport> report = DecodeReport(envelope.report());
    if (report.ok()) return engine_.Report(node_, this, WorkerOf(envelope), *report, envelope.sequence());
    // Nothing that sending it again would mend.
    LogWarning("coordinator", "a report cannot be read", {{"node", node_.value}, {"job", envelope.job()}});
    if (envelope.sequence() > 0) Send(node_, AcknowledgeCommand{envelope.sequence()});
    return absl::OkStatus();
  }

  // What is queued is sent first when the end is a good one.
  void EndLocked(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (ending_) return;
    ending_ = true;
    end_ = status;
    if (!status.ok()) queue_.clear();
    WriteNext();
  }

  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || finished_) return;
    if (!queue_.empty()) {
      writing_ = true;
      current_ = std::move(queue_.front());
      queue_.pop_front();
      StartWrite(&current_);
    } else if (ending_) {
      finished_ = true;
      Finish(ToGrpcStatus(end_));
    }
  }

  Engine& engine_;
  v1::AgentMessage message_;
  NodeId node_;                        // set by the reading side, which is one callback at a time
  std::shared_ptr<AgentStream> self_;  // until OnDone

  Mutex mutex_;
  std::deque<v1::AgentCommand> queue_ ABSL_GUARDED_BY(mutex_);
  v1::AgentCommand current_;  // being written
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

grpc::ServerBidiReactor<v1::AgentMessage, v1::AgentCommand>* AgentServiceImpl::Attach(grpc::CallbackServerContext*) {
  const auto stream = std::make_shared<AgentStream>(engine_);
  stream->Begin();
  return stream.get();
}

}  // namespace amaes
