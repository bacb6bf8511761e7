// Child processes. A child dies with the thread that started it (parent-death signal), so start children from a thread
// that lives as long as the process does.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace amaes {

struct SubprocessOptions {
  std::vector<std::string> arguments;  // arguments[0] is the program's path; no search in PATH
  // Descriptors the child inherits, as (ours, its number in the child). All others are closed there.
  std::vector<std::pair<int, int>> descriptors;
  // Added to, or replacing, our environment.
  std::vector<std::pair<std::string, std::string>> environment;
  // Address-space limit in bytes (RLIMIT_AS); 0 = none.
  std::uint64_t memory_limit = 0;
  // Core dumps are switched off in every child.
  bool new_process_group = true;
};

// How a child ended: by exit code, or by signal (then exit_code is -1).
struct ExitStatus {
  int exit_code = 0;
  int signal = 0;
  bool success() const { return signal == 0 && exit_code == 0; }
  // "exit code 3", "killed by signal 9 (Killed)".
  std::string ToString() const;
};

// One child. Not thread-safe. The destructor kills (SIGKILL, whole process group) and reaps a child that still runs.
class Subprocess {
 public:
  // - NotFound, PermissionDenied: the program cannot be executed.   - ResourceExhausted: no process can be made.
  static absl::StatusOr<Subprocess> Start(const SubprocessOptions& options);

  Subprocess(Subprocess&& other) noexcept;
  Subprocess& operator=(Subprocess&& other) noexcept;
  ~Subprocess();

  pid_t pid() const { return pid_; }
  // A descriptor that becomes readable when the child ends (pidfd). Owned by this object.
  int exit_descriptor() const { return pidfd_; }
  // To the process group. Does nothing once the child is reaped.
  void Signal(int signal_number);
  // Blocks for at most `timeout`.   - DeadlineExceeded: still running.
  absl::StatusOr<ExitStatus> Wait(absl::Duration timeout);

 private:
  Subprocess(pid_t pid, int pidfd, bool group) : pid_(pid), pidfd_(pidfd), group_(group) {}
  void Reset();

  pid_t pid_ = -1;
  int pidfd_ = -1;
  bool group_ = false;
  bool reaped_ = false;
  ExitStatus status_;
};

// The path of the running program (/proc/self/exe).
std::string OwnProgram();

}  // namespace amaes
