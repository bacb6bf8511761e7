// What goes into the engine and comes out of it. No gRPC here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "libs/base/ids.h"
#include "libs/spec/job_spec.h"
#include "libs/spec/spec_io.h"
#include "libs/store/records.h"
#include "libs/worker_protocol/messages.h"
#include "services/coordinator/progress.h"

namespace amaes {

// One worker, in every message about it.
struct WorkerName {
  JobId job;
  AttemptNumber attempt = 0;
  int rank = 0;
  bool operator==(const WorkerName&) const = default;
};

// To agents.
struct RegisteredCommand {
  std::vector<WorkerName> keep;  // all others that the agent holds are to be killed
  absl::Duration heartbeat;
};
struct StartWorkerCommand {
  WorkerName worker;
  int slot = 0;
  std::string kind, log_file;
  WorkerStart start;
};
struct StopWorkersCommand {
  JobId job;
  AttemptNumber attempt = 0;
  bool now = false;
  std::string reason;
};
struct WorkerCommandTo {
  WorkerName worker;
  WorkerCommand command;
};
struct AcknowledgeCommand {
  std::int64_t sequence = 0;
};
using AgentCommand =
    std::variant<RegisteredCommand, StartWorkerCommand, StopWorkersCommand, WorkerCommandTo, AcknowledgeCommand>;

// One agent's stream. Called with the engine's lock held: must not block and must not call the engine.
class AgentSink {
 public:
  virtual ~AgentSink() = default;
  virtual void Send(const NodeId& node, const AgentCommand& command) = 0;
  // The stream is to end: Aborted when another agent took the node over, Unavailable when it is to dial again.
  virtual void End(const NodeId& node, const absl::Status& status) = 0;
};

// From agents.
struct HeldWorker {
  WorkerName worker;
  int slot = 0;
  bool started = false;
};
struct WorkerExit {
  WorkerName worker;
  std::string cause, message;
  bool retryable = true;
};

// From users.
struct CreateRequest {
  ParsedSpec parsed;
  std::string request_id;
  bool validate_only = false;
};

struct JobView {
  JobRecord record;
  JobSpec spec;
  JobProgress progress;
  std::int64_t change = 0;  // counts up with every change that a watcher sees
};
struct CreateResult {
  JobView job;
  SpecEstimate estimate;
  bool replayed = false;
};

}  // namespace amaes
