#include "libs/base/subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/clock.h"
#include "libs/base/files.h"

extern char** environ;

namespace amaes {
namespace {

std::vector<std::string> MergedEnvironment(const SubprocessOptions& options) {
  std::vector<std::string> merged;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string name = std::string(*entry).substr(0, std::string(*entry).find('='));
    const bool replaced = std::any_of(options.environment.begin(), options.environment.end(),
                                      [&](const auto& kv) { return kv.first == name; });
    if (!replaced) merged.emplace_back(*entry);
  }
  for (const auto& [name, value] : options.environment) merged.push_back(absl::StrCat(name, "=", value));
  return merged;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& s : strings) pointers.push_back(s.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Everything after fork() and before exec(): async-signal-safe calls only. Reports errno through `error_fd`.
[[noreturn]] void RunChild(const SubprocessOptions& options, const std::vector<int>& duplicates, pid_t parent,
                           int error_fd, char* const* argv, char* const* envp) {
  if (options.new_process_group) setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // the parent died before the signal was set
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  if (options.memory_limit > 0) {
    const rlimit limit{options.memory_limit, options.memory_limit};
    setrlimit(RLIMIT_AS, &limit);
  }
  // Everything closes at exec, except the standard three and the copies that dup2 makes now.
  close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  for (std::size_t i = 0; i < duplicates.size(); ++i) dup2(duplicates[i], options.descriptors[i].second);
  execve(argv[0], argv, envp);
  const int error = errno;
  [[maybe_unused]] const ssize_t n = write(error_fd, &error, sizeof(error));
  _exit(127);
}

}  // namespace

std::string ExitStatus::ToString() const {
  if (signal != 0) return absl::StrCat("killed by signal ", signal, " (", strsignal(signal), ")");
  return absl::StrCat("exit code ", exit_code);
}

absl::StatusOr<Subprocess> Subprocess::Start(const SubprocessOptions& options) {
  std::vector<std::string> arguments = options.arguments;
  std::vector<std::string> environment = MergedEnvironment(options);
  const std::vector<char*> argv = Pointers(arguments), envp = Pointers(environment);
  int error_pipe[2];
  if (pipe2(error_pipe, O_CLOEXEC) != 0) return files::ErrnoStatus(errno, "cannot make a pipe for", arguments[0]);
  // High copies first, so that no dup2 in the child overwrites a descriptor that is still needed.
  const int error_writer = fcntl(error_pipe[1], F_DUPFD_CLOEXEC, 200);
  close(error_pipe[1]);
  std::vector<int> duplicates;
  for (const auto& [ours, theirs] : options.descriptors) duplicates.push_back(fcntl(ours, F_DUPFD_CLOEXEC, 200));
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) RunChild(options, duplicates, parent, error_writer, argv.data(), envp.data());
  const int fork_error = errno;
  close(error_writer);
  for (int fd : duplicates) close(fd);
  if (pid < 0) {
    close(error_pipe[0]);
    return absl::ResourceExhaustedError(absl::StrCat("cannot start ", arguments[0], ": ", strerror(fork_error)));
  }
  if (options.new_process_group) setpgid(pid, pid);
  int exec_error = 0;
  ssize_t n = 0;
  do n = read(error_pipe[0], &exec_error, sizeof(exec_error));
  while (n < 0 && errno == EINTR);
  close(error_pipe[0]);
  if (n == sizeof(exec_error)) {
    waitpid(pid, nullptr, 0);
    return files::ErrnoStatus(exec_error, "cannot execute", arguments[0]);
  }
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) {
    const int error = errno;
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return files::ErrnoStatus(error, "cannot watch", arguments[0]);
  }
  return Subprocess(pid, pidfd, options.new_process_group);
}

Subprocess::Subprocess(Subprocess&& other) noexcept { *this = std::move(other); }

Subprocess& Subprocess::operator=(Subprocess&& other) noexcept {
  if (this != &other) {
    Reset();
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::exchange(other.pidfd_, -1);
    group_ = other.group_;
    reaped_ = other.reaped_;
    status_ = other.status_;
  }
  return *this;
}

Subprocess::~Subprocess() { Reset(); }

void Subprocess::Reset() {
  if (pid_ > 0 && !reaped_) {
    Signal(SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (pidfd_ >= 0) close(pidfd_);
  pid_ = pidfd_ = -1;
}

void Subprocess::Signal(int signal_number) {
  if (pid_ <= 0 || reaped_) return;
  kill(group_ ? -pid_ : pid_, signal_number);
}

absl::StatusOr<ExitStatus> Subprocess::Wait(absl::Duration timeout) {
  if (reaped_) return status_;
  pollfd descriptor{pidfd_, POLLIN, 0};
  const absl::Duration deadline = SystemClock().Monotonic() + timeout;
  int ready = 0;
  do {  // again after a signal handler ran
    const absl::Duration left = absl::Ceil(deadline - SystemClock().Monotonic(), absl::Milliseconds(1));
    ready =
        poll(&descriptor, 1, static_cast<int>(std::clamp<std::int64_t>(absl::ToInt64Milliseconds(left), 0, INT_MAX)));
  } while (ready < 0 && errno == EINTR);
  if (ready <= 0) return absl::DeadlineExceededError(absl::StrCat("process ", pid_, " still runs"));
  int raw = 0;
  if (waitpid(pid_, &raw, 0) != pid_) return absl::UnavailableError(absl::StrCat("cannot wait for ", pid_));
  reaped_ = true;
  // Whatever the child started in its group ends with it.
  if (group_) kill(-pid_, SIGKILL);
  status_ = WIFSIGNALED(raw) ? ExitStatus{-1, WTERMSIG(raw)} : ExitStatus{WEXITSTATUS(raw), 0};
  return status_;
}

std::string OwnProgram() {
  char path[PATH_MAX];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
  return n > 0 ? std::string(path, static_cast<std::size_t>(n)) : std::string();
}

}  // namespace amaes
