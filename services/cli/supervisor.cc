#include "services/cli/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/base/files.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "services/cli/exit_codes.h"

namespace amaes {
namespace {

constexpr absl::Duration kStartTimeout = absl::Seconds(30);
constexpr absl::Duration kQuick = absl::Seconds(10);
constexpr absl::Duration kAgentStop = absl::Seconds(25);  // its own 15 s + 5 s, and a margin
constexpr absl::Duration kCoordinatorStop = absl::Seconds(10);

void StopChild(Subprocess* process, absl::Duration grace) {
  if (process == nullptr) return;
  process->Signal(SIGTERM);
  if (process->Wait(grace).ok()) return;
  process->Signal(SIGKILL);
  (void)process->Wait(absl::Seconds(5));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Supervisor>> Supervisor::Start(const SupervisorOptions& options, Clock& clock) {
  AMAES_RETURN_IF_ERROR(files::MakeFolders(options.home / "run"));
  auto supervisor = std::unique_ptr<Supervisor>(new Supervisor(options, clock));
  AMAES_RETURN_IF_ERROR(supervisor->StartCoordinator());
  AMAES_RETURN_IF_ERROR(supervisor->StartAgent());
  return supervisor;
}

Supervisor::~Supervisor() { Stop(); }

void Supervisor::Stop() {
  StopChild(agent_.process.get(), kAgentStop);
  agent_.process.reset();
  StopChild(coordinator_.process.get(), kCoordinatorStop);
  coordinator_.process.reset();
}

absl::Status Supervisor::Launch(Child& child, const std::vector<std::string>& arguments) {
  const std::filesystem::path log = options_.home / "run" / absl::StrCat(child.name, ".log");
  const int descriptor = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor < 0) return files::ErrnoStatus(errno, "cannot open the log", log);
  SubprocessOptions options;
  options.arguments = {OwnProgram(), child.name};
  options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
  options.descriptors = {{descriptor, STDOUT_FILENO}, {descriptor, STDERR_FILENO}};
  absl::StatusOr<Subprocess> process = Subprocess::Start(options);
  close(descriptor);
  AMAES_RETURN_IF_ERROR(process.status());
  child.process = std::make_unique<Subprocess>(*std::move(process));
  child.started = clock_.Monotonic();
  return absl::OkStatus();
}

absl::Status Supervisor::StartCoordinator() {
  // A restart serves at the addresses of the first start, also when those were chosen by the system.
  const bool again = running_.pid != 0;
  std::vector<std::string> arguments = {"--home",   options_.home.string(),
                                        "--listen", again ? running_.grpc : options_.listen,
                                        "--http",   again ? running_.http : options_.http};
  if (options_.insecure) arguments.push_back("--insecure");
  AMAES_RETURN_IF_ERROR(Launch(coordinator_, arguments));
  const absl::Duration deadline = clock_.Monotonic() + kStartTimeout;
  while (true) {
    if (const auto ended = coordinator_.process->Wait(absl::Milliseconds(20)); ended.ok()) {
      const std::string message =
          absl::StrCat("the coordinator did not start (", ended->ToString(), ")\n", LastLines("coordinator"));
      return ended->exit_code == kExitConflict ? absl::FailedPreconditionError(message)
                                               : absl::UnavailableError(message);
    }
    const auto running = ReadCoordinatorAddresses(options_.home);
    if (running.ok() && running->pid == coordinator_.process->pid()) {
      running_ = *running;
      return absl::OkStatus();
    }
    if (clock_.Monotonic() > deadline) {
      return absl::DeadlineExceededError(absl::StrCat("the coordinator does not serve\n", LastLines("coordinator")));
    }
  }
}

absl::Status Supervisor::StartAgent() {
  return Launch(agent_, {"--home", options_.home.string(), "--coordinator", running_.grpc, "--slots", options_.slots});
}

absl::Status Supervisor::Revive(Child& child) {
  const absl::StatusOr<ExitStatus> ended = child.process->Wait(absl::ZeroDuration());
  if (!ended.ok()) return absl::OkStatus();  // lives
  child.quick_deaths = clock_.Monotonic() - child.started < kQuick ? child.quick_deaths + 1 : 1;
  LogWarning("up", "starting again", {{"process", child.name}, {"ended", ended->ToString()}});
  if (child.quick_deaths > options_.max_quick_deaths) {
    return absl::UnavailableError(
        absl::StrCat("the ", child.name, " dies again and again (", ended->ToString(), ")\n", LastLines(child.name)));
  }
  return &child == &coordinator_ ? StartCoordinator() : StartAgent();
}

absl::Status Supervisor::Watch(absl::Duration timeout) {
  pollfd ended[2] = {{coordinator_.process->exit_descriptor(), POLLIN, 0},
                     {agent_.process->exit_descriptor(), POLLIN, 0}};
  poll(ended, 2, static_cast<int>(absl::ToInt64Milliseconds(timeout)));
  AMAES_RETURN_IF_ERROR(Revive(coordinator_));
  return Revive(agent_);
}

std::string Supervisor::LastLines(const std::string& name) const {
  const auto text = files::Read(options_.home / "run" / absl::StrCat(name, ".log"));
  if (!text.ok()) return "";
  const std::vector<std::string> lines = absl::StrSplit(*text, '\n', absl::SkipEmpty());
  return absl::StrJoin(lines.begin() + std::max<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(lines.size()) - 5),
                       lines.end(), "\n");
}

}  // namespace amaes
