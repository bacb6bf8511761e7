#include "services/agent/agent.h"

#include <signal.h>

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/log.h"
#include "libs/base/mutex.h"
#include "libs/rpc/convert.h"
#include "services/agent/coordinator_link.h"
#include "services/agent/exit_cause.h"
#include "services/agent/job_events.h"
#include "services/agent/outbox.h"
#include "services/agent/worker_process.h"

namespace amaes {
namespace {

// How far the ending of a worker has come.
enum class Ending { kNone, kAsked, kTerminated, kKilled };

struct Held {
  std::unique_ptr<WorkerProcess> process;
  int slot = 0;
  bool started = false;  // past its rendezvous
  Ending ending = Ending::kNone;
  absl::Duration deadline;  // of the current stage of ending
  WorkerLastWords last_words;
};

// Everything below runs on the main thread, in the order in which other threads posted it.
class Agent final : public WorkerObserver {
 public:
  Agent(const AgentOptions& options, Clock& clock) : options_(options), clock_(clock), events_(clock) {}

  absl::Status Run(const std::atomic<bool>& stop);

  void OnReport(const WorkerKey& key, WorkerReport report) override {
    Post([this, key, report = std::move(report)] { HandleReport(key, report); });
  }
  void OnBadMessage(const WorkerKey& key, const absl::Status& status) override {
    Post([this, key, status] {
      LogError("agent", "a worker's message cannot be read; it is ended",
               {{"job", key.job}, {"error", status.message()}});
      End(key, Ending::kKilled, "its messages cannot be read");
    });
  }
  void OnEnd(const WorkerKey& key) override {
    Post([this, key] { HandleEnd(key); });
  }

 private:
  void Post(std::function<void()> work) {
    MutexLock lock(mutex_);
    work_.push_back(std::move(work));
    posted_.NotifyAll();
  }
  void RunPosted(absl::Duration timeout);

  v1::AgentMessage RegisterMessage();
  void HandleCommand(const v1::AgentCommand& command);
  void HandleRegistered(const v1::Registered& registered);
  void StartWorker(const v1::StartWorker& start);
  void HandleReport(const WorkerKey& key, const WorkerReport& report);
  void HandleEnd(const WorkerKey& key);
  void ReportExit(const WorkerKey& key, const ExitCause& cause);
  void End(const WorkerKey& key, Ending stage, const std::string& reason);
  void EscalateEndings();
  void Heartbeat();
  void SendKept(v1::AgentMessage message) { link_->Send(outbox_.Add(std::move(message))); }

  const AgentOptions& options_;
  Clock& clock_;
  JobEvents events_;
  std::unique_ptr<CoordinatorLink> link_;
  std::map<WorkerKey, Held> workers_;
  Outbox outbox_;
  bool draining_ = false;
  bool replaced_ = false;
  absl::Duration heartbeat_every_ = absl::Seconds(2);
  absl::Duration next_heartbeat_;

  Mutex mutex_;
  CondVar posted_;
  std::deque<std::function<void()>> work_ ABSL_GUARDED_BY(mutex_);
  // What Register says, for the link's thread.
  v1::Register registration_ ABSL_GUARDED_BY(mutex_);
};

WorkerKey KeyOf(const std::string& job, AttemptNumber attempt, int rank) { return {job, attempt, rank}; }

absl::Status Agent::Run(const std::atomic<bool>& stop) {
  link_ = CoordinatorLink::Create(
      options_.coordinator,
      {.on_connected = [this] { return RegisterMessage(); },
       .on_command =
           [this](v1::AgentCommand command) { Post([this, command = std::move(command)] { HandleCommand(command); }); },
       .on_disconnected =
           [this](const absl::Status& status) {
             Post([this, status] {
               replaced_ = absl::IsAborted(status);
               LogWarning("agent", "no connection to the coordinator", {{"reason", status.message()}});
             });
           }});
  while (!replaced_) {
    RunPosted(absl::Milliseconds(100));
    EscalateEndings();
    Heartbeat();
    if (stop && !draining_) {
      draining_ = true;
      LogInfo("agent", "stopping", {{"workers", workers_.size()}});
      v1::AgentMessage message;
      message.mutable_draining();
      link_->Send(std::move(message));
      for (auto& [key, held] : workers_) End(key, Ending::kAsked, "the agent is stopping");
    }
    if (draining_ && workers_.empty()) break;
  }
  workers_.clear();  // kills what a replaced agent still holds
  link_.reset();     // sends what is queued
  return replaced_ ? absl::AbortedError(absl::StrCat("another agent has taken over node ", options_.node.node.value))
                   : absl::OkStatus();
}

void Agent::RunPosted(absl::Duration timeout) {
  std::deque<std::function<void()>> work;
  {
    MutexLock lock(mutex_);
    if (work_.empty()) posted_.WaitFor(mutex_, timeout);
    work.swap(work_);
  }
  for (const std::function<void()>& item : work) item();
  if (work.empty()) return;
  v1::Register registration;
  *registration.mutable_node() = ToProto(options_.node);
  for (const auto& [key, held] : workers_) {
    v1::HeldWorker& worker = *registration.add_workers();
    worker.set_job(key.job);
    worker.set_attempt(key.attempt);
    worker.set_rank(key.rank);
    worker.set_slot(held.slot);
    worker.set_started(held.started);
  }
  MutexLock lock(mutex_);
  registration_ = std::move(registration);
}

v1::AgentMessage Agent::RegisterMessage() {
  v1::AgentMessage message;
  MutexLock lock(mutex_);
  if (!registration_.has_node()) *registration_.mutable_node() = ToProto(options_.node);
  *message.mutable_register_() = registration_;
  return message;
}

void Agent::HandleCommand(const v1::AgentCommand& command) {
  if (command.has_registered()) {
    HandleRegistered(command.registered());
  } else if (command.has_start()) {
    StartWorker(command.start());
  } else if (command.has_stop()) {
    const v1::StopWorkers& stop = command.stop();
    for (const auto& [key, held] : workers_) {
      if (key.job == stop.job() && key.attempt == stop.attempt()) {
        End(key, stop.now() ? Ending::kKilled : Ending::kAsked, stop.reason());
      }
    }
  } else if (command.has_command()) {
    const v1::WorkerCommandEnvelope& envelope = command.command();
    const auto worker = workers_.find(KeyOf(envelope.job(), envelope.attempt(), envelope.rank()));
    const absl::StatusOr<WorkerCommand> decoded = DecodeCommand(envelope.command());
    if (worker != workers_.end() && decoded.ok()) worker->second.process->Send(*decoded);
  } else if (command.has_acknowledge()) {
    outbox_.Acknowledge(command.acknowledge().sequence());
  }
}

// The coordinator knows us (again): what it does not want any more is ended, what it may have missed is said again.
void Agent::HandleRegistered(const v1::Registered& registered) {
  LogInfo("agent", "registered", {{"coordinator", options_.coordinator}, {"workers", workers_.size()}});
  if (registered.heartbeat_seconds() > 0) heartbeat_every_ = absl::Seconds(registered.heartbeat_seconds());
  for (const auto& [key, held] : workers_) {
    bool keep = false;
    for (const v1::HeldWorker& kept : registered.keep()) {
      keep = keep || KeyOf(kept.job(), kept.attempt(), kept.rank()) == key;
    }
    if (!keep) End(key, Ending::kKilled, "the coordinator has given its place to another attempt");
  }
  link_->Resume();
  for (const auto& [sequence, message] : outbox_.kept()) link_->Send(message);
}

void Agent::StartWorker(const v1::StartWorker& start) {
  const WorkerKey key = KeyOf(start.job(), start.attempt(), start.rank());
  if (workers_.contains(key)) return;  // said twice
  if (draining_) {
    ReportExit(key, {"NEVER_STARTED", "the agent is stopping", true});
    return;
  }
  const absl::StatusOr<WorkerCommand> command = DecodeCommand(start.start());
  if (!command.ok() || !std::holds_alternative<WorkerStart>(*command)) {
    ReportExit(key, {"NEVER_STARTED", "the start message cannot be read", false});
    return;
  }
  WorkerProcess::Options options;
  options.key = key;
  options.command = start.kind() == "ingest" ? options_.ingest_command : options_.pretrain_command;
  options.environment = {{"AMAES_SLOT_CORES", absl::StrCat(options_.cores_per_slot)}};
  options.log_file = start.log_file();
  options.start = std::get<WorkerStart>(*command);
  absl::Status status = files::MakeFolders(std::filesystem::path(start.log_file()).parent_path());
  if (status.ok()) {
    absl::StatusOr<std::unique_ptr<WorkerProcess>> process = WorkerProcess::Start(options, *this);
    status = process.status();
    if (status.ok()) {
      LogInfo("agent", "started a worker", {{"job", key.job}, {"attempt", key.attempt}, {"rank", key.rank}});
      Held& held = workers_[key];
      held.process = *std::move(process);
      held.slot = start.slot();
      if (key.rank == 0 && start.kind() != "ingest") events_.Begin(key, options.start.job_folder);
      return;
    }
  }
  ReportExit(key, {"NEVER_STARTED", std::string(status.message()), !absl::IsNotFound(status)});
}

void Agent::HandleReport(const WorkerKey& key, const WorkerReport& report) {
  const auto worker = workers_.find(key);
  if (worker == workers_.end()) return;
  worker->second.last_words.Note(report);
  events_.Note(key, report);
  if (std::holds_alternative<PictureWritten>(report)) return;  // a matter of this node
  const auto* phase = std::get_if<WorkerPhase>(&report);
  if (phase != nullptr && TakesPart(phase->phase)) worker->second.started = true;
  v1::AgentMessage message;
  v1::WorkerReportEnvelope& envelope = *message.mutable_report();
  envelope.set_job(key.job);
  envelope.set_attempt(key.attempt);
  envelope.set_rank(key.rank);
  envelope.set_report(EncodeReport(report));
  // A lost progress report is followed by the next one; everything else must arrive.
  const bool may_be_lost = std::holds_alternative<TrainProgress>(report) ||
                           std::holds_alternative<IngestCount>(report) ||
                           std::holds_alternative<EvaluationCount>(report);
  if (may_be_lost) {
    link_->Send(std::move(message));
  } else {
    SendKept(std::move(message));
  }
}

void Agent::HandleEnd(const WorkerKey& key) {
  const auto worker = workers_.find(key);
  if (worker == workers_.end()) return;
  const ExitStatus status = worker->second.process->Join();
  const ExitCause cause =
      ClassifyExit(status, worker->second.last_words,
                   worker->second.ending == Ending::kKilled || worker->second.ending == Ending::kTerminated);
  LogInfo("agent", "a worker ended",
          {{"job", key.job},
           {"attempt", key.attempt},
           {"rank", key.rank},
           {"cause", cause.cause},
           {"message", cause.message}});
  workers_.erase(worker);
  events_.End(key);
  ReportExit(key, cause);
}

void Agent::ReportExit(const WorkerKey& key, const ExitCause& cause) {
  v1::AgentMessage message;
  v1::WorkerExit& exit = *message.mutable_exit();
  exit.set_job(key.job);
  exit.set_attempt(key.attempt);
  exit.set_rank(key.rank);
  exit.set_cause(cause.cause);
  exit.set_message(cause.message);
  exit.set_retryable(cause.retryable);
  SendKept(std::move(message));
}

// Moves a worker's ending on to `stage`; never back.
void Agent::End(const WorkerKey& key, Ending stage, const std::string& reason) {
  Held& held = workers_.at(key);
  if (stage <= held.ending) return;
  held.ending = stage;
  switch (stage) {
    case Ending::kNone:
      break;
    case Ending::kAsked:
      held.process->Send(WorkerStop{reason});
      held.deadline = clock_.Monotonic() + options_.orderly_stop;
      break;
    case Ending::kTerminated:
      held.process->Signal(SIGTERM);
      held.deadline = clock_.Monotonic() + options_.term_grace;
      break;
    case Ending::kKilled:
      held.process->Signal(SIGKILL);
      break;
  }
}

void Agent::EscalateEndings() {
  for (const auto& [key, held] : workers_) {
    if (held.ending == Ending::kNone || held.ending == Ending::kKilled || clock_.Monotonic() < held.deadline) continue;
    LogWarning("agent", "a worker does not stop", {{"job", key.job}, {"rank", key.rank}});
    End(key, held.ending == Ending::kAsked ? Ending::kTerminated : Ending::kKilled, "");
  }
}

void Agent::Heartbeat() {
  if (clock_.Monotonic() < next_heartbeat_) return;
  next_heartbeat_ = clock_.Monotonic() + heartbeat_every_;
  v1::AgentMessage message;
  message.mutable_heartbeat();
  link_->Send(std::move(message));
}

}  // namespace

absl::Status RunAgent(const AgentOptions& options, Clock& clock, const std::atomic<bool>& stop) {
  return Agent(options, clock).Run(stop);
}

}  // namespace amaes
