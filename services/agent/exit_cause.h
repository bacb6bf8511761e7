// Why a worker ended, in one word and in words. Pure.
#pragma once

#include <optional>
#include <string>

#include "libs/base/subprocess.h"
#include "libs/worker_protocol/messages.h"

namespace amaes {

// The last things a worker said about its own end.
class WorkerLastWords {
 public:
  void Note(const WorkerReport& report) {
    if (const auto* finished = std::get_if<WorkerFinished>(&report)) finished_ = *finished;
    if (const auto* failed = std::get_if<WorkerFailed>(&report); failed != nullptr && !failed_) failed_ = *failed;
  }
  const std::optional<WorkerFinished>& finished() const { return finished_; }
  const std::optional<WorkerFailed>& failed() const { return failed_; }

 private:
  std::optional<WorkerFinished> finished_;
  std::optional<WorkerFailed> failed_;  // the first: later ones follow from it
};

struct ExitCause {
  std::string
      cause;  // FINISHED, STOPPED, ENDED (by this agent), KILLED (by somebody else), FAILED or the worker's own reason
  std::string message;
  bool retryable = true;
};

// `ended_by_agent`: this agent sent SIGTERM or SIGKILL.
ExitCause ClassifyExit(const ExitStatus& status, const WorkerLastWords& words, bool ended_by_agent);

}  // namespace amaes
