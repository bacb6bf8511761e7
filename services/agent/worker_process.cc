#include "services/agent/worker_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "libs/base/files.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"

namespace amaes {
namespace {

// Copies the worker's output to its log file until the last writer is gone.
void CopyOutput(int from, int to) {
  char buffer[1 << 16];
  while (true) {
    const ssize_t n = read(from, buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    for (ssize_t done = 0; done < n;) {
      const ssize_t written = write(to, buffer + done, static_cast<std::size_t>(n - done));
      if (written < 0 && errno != EINTR) break;  // a full disk loses log lines, never the job
      if (written > 0) done += written;
    }
  }
}

void ReadReports(const WorkerKey& key, FrameSocket& socket, WorkerObserver& observer) {
  while (true) {
    const absl::StatusOr<std::string> frame = socket.Receive();
    if (!frame.ok()) {
      if (absl::IsDataLoss(frame.status())) observer.OnBadMessage(key, frame.status());
      return;
    }
    absl::StatusOr<WorkerReport> report = DecodeReport(*frame);
    if (!report.ok()) {
      observer.OnBadMessage(key, report.status());
      return;
    }
    observer.OnReport(key, *std::move(report));
  }
}

// Pipes and sockets of a worker about to start; closes what is not handed on.
struct Ends {
  int socket[2] = {-1, -1};
  int output[2] = {-1, -1};
  int log = -1;
  ~Ends() {
    for (int fd : {socket[0], socket[1], output[0], output[1], log}) {
      if (fd >= 0) close(fd);
    }
  }
};

absl::Status Open(Ends& ends, const std::string& log_file) {
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.socket) != 0) {
    return files::ErrnoStatus(errno, "cannot make a socket pair for", log_file);
  }
  // A command must never block the agent: room for every command that a worker could leave unread.
  const int room = 8 << 20;
  setsockopt(ends.socket[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
  if (pipe2(ends.output, O_CLOEXEC) != 0) return files::ErrnoStatus(errno, "cannot make a pipe for", log_file);
  ends.log = open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (ends.log < 0) return files::ErrnoStatus(errno, "cannot open the log", log_file);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<WorkerProcess>> WorkerProcess::Start(const Options& options, WorkerObserver& observer) {
  Ends ends;
  AMAES_RETURN_IF_ERROR(Open(ends, options.log_file));
  SubprocessOptions child;
  child.arguments = options.command;
  child.environment = options.environment;
  child.descriptors = {
      {ends.output[1], STDOUT_FILENO}, {ends.output[1], STDERR_FILENO}, {ends.socket[1], kWorkerSocket}};
  AMAES_ASSIGN_OR_RETURN(Subprocess process, Subprocess::Start(child));
  auto worker = std::unique_ptr<WorkerProcess>(
      new WorkerProcess(std::move(process), std::make_unique<FrameSocket>(std::exchange(ends.socket[0], -1)),
                        std::exchange(ends.output[0], -1), std::exchange(ends.log, -1)));
  worker->Send(options.start);
  worker->reports_ = std::thread(
      [key = options.key, socket = worker->socket_.get(), &observer] { ReadReports(key, *socket, observer); });
  worker->output_ = std::thread([from = worker->log_pipe_, to = worker->log_file_] { CopyOutput(from, to); });
  worker->watcher_ = std::thread([key = options.key, w = worker.get(), &observer] {
    pollfd ended{w->process_.exit_descriptor(), POLLIN, 0};
    while (poll(&ended, 1, -1) < 0 && errno == EINTR) {
    }
    w->process_.Signal(SIGKILL);  // whatever it started in its group would keep the log open
    w->reports_.join();
    w->output_.join();
    observer.OnEnd(key);
  });
  return worker;
}

WorkerProcess::WorkerProcess(Subprocess process, std::unique_ptr<FrameSocket> socket, int log_pipe, int log_file)
    : process_(std::move(process)), socket_(std::move(socket)), log_pipe_(log_pipe), log_file_(log_file) {}

WorkerProcess::~WorkerProcess() {
  process_.Signal(SIGKILL);
  if (watcher_.joinable()) watcher_.join();
  close(log_pipe_);
  close(log_file_);
}

void WorkerProcess::Send(const WorkerCommand& command) {
  // A worker that is gone is reported by OnEnd.
  (void)socket_->Send(EncodeCommand(command));
}

ExitStatus WorkerProcess::Join() {
  watcher_.join();
  const absl::StatusOr<ExitStatus> status = process_.Wait(absl::ZeroDuration());
  AMAES_CHECK(status.ok());
  return *status;
}

}  // namespace amaes
