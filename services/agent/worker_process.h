// One worker as its agent sees it: process, socket, log. Effects only; what to do is the agent's business.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "libs/base/subprocess.h"
#include "libs/worker_protocol/channel.h"
#include "libs/worker_protocol/messages.h"

namespace amaes {

// Which worker; equal in every message about it.
struct WorkerKey {
  std::string job;
  AttemptNumber attempt = 0;
  int rank = 0;
  auto operator<=>(const WorkerKey&) const = default;
};

// Called from the worker's own threads.
class WorkerObserver {
 public:
  virtual ~WorkerObserver() = default;
  virtual void OnReport(const WorkerKey& key, WorkerReport report) = 0;
  // Broken frames on the socket: the worker cannot be trusted any more.
  virtual void OnBadMessage(const WorkerKey& key, const absl::Status& status) = 0;
  // The process has ended, its last report was delivered and its last output is in the log. Called once; then Join.
  virtual void OnEnd(const WorkerKey& key) = 0;
};

class WorkerProcess {
 public:
  struct Options {
    WorkerKey key;
    std::vector<std::string> command;
    std::vector<std::pair<std::string, std::string>> environment;
    std::string log_file;  // appended to; its folder exists
    WorkerStart start;
  };
  // Starts the process and sends it `start`. Call from a thread that lives as long as the agent does: the worker dies with
  // it.   - NotFound, PermissionDenied, ResourceExhausted: of the program or the log file.
  static absl::StatusOr<std::unique_ptr<WorkerProcess>> Start(const Options& options, WorkerObserver& observer);
  ~WorkerProcess();  // kills what still runs

  // Non-blocking towards a worker that does not read: the socket's buffer is large enough for what an agent sends.
  void Send(const WorkerCommand& command);
  void Signal(int signal_number) { process_.Signal(signal_number); }
  // After OnEnd.
  ExitStatus Join();

 private:
  WorkerProcess(Subprocess process, std::unique_ptr<FrameSocket> socket, int log_pipe, int log_file);

  Subprocess process_;
  std::unique_ptr<FrameSocket> socket_;
  int log_pipe_, log_file_;
  std::thread reports_, output_, watcher_;
};

}  // namespace amaes
