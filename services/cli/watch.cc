#include "services/cli/watch.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "libs/base/clock.h"
#include "proto/amaes/v1/jobs.grpc.pb.h"
#include "services/cli/exit_codes.h"
#include "services/cli/progress_view.h"

namespace amaes {
namespace {

constexpr absl::Duration kComeBack = absl::Seconds(60);
constexpr absl::Duration kRedial = absl::Milliseconds(500);

// Draws over what it drew before.
class Screen {
 public:
  Screen() : live_(isatty(STDOUT_FILENO) == 1) {}

  void Show(const v1::Job& job) {
    const absl::Time now = SystemClock().Now();
    if (!live_) {
      if (const std::string line = PlainLine(job, previous_, now); !line.empty()) std::cout << line << std::endl;
      previous_ = job;
      return;
    }
    winsize size{};
    const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    const std::vector<std::string> lines = RenderJob(job, now, {known ? size.ws_col : 80, true});
    std::string text;
    if (drawn_ > 0) text = "\x1b[" + std::to_string(drawn_) + "A";
    for (const std::string& line : lines) text += "\x1b[2K" + line + "\n";
    text += "\x1b[J";
    std::cout << text << std::flush;
    drawn_ = lines.size();
  }

 private:
  bool live_;
  std::size_t drawn_ = 0;
  v1::Job previous_;
};

// One stream, until it ends; `job` is the last state seen.
absl::Status ReadStream(Context& context, const std::string& id, Screen* screen, v1::Job& job) {
  const auto stub = context.Stub<v1::JobService>();
  grpc::ClientContext call;
  v1::GetJobRequest request;
  request.set_id(id);
  const auto stream = stub->WatchJob(&call, request);
  const Interrupts::Scope cancel(context.interrupts(), [&call] { call.TryCancel(); });
  while (stream->Read(&job)) {
    if (screen != nullptr) screen->Show(job);
  }
  return FromGrpcStatus(stream->Finish());
}

}  // namespace

absl::StatusOr<v1::Job> WatchToEnd(Context& context, const std::string& id) {
  Screen screen;
  v1::Job job;
  Mutex mutex;
  CondVar interrupted;
  const Interrupts::Scope wake(context.interrupts(), [&] { interrupted.NotifyAll(); });
  absl::Duration gone_since = absl::InfiniteDuration();
  while (true) {
    const absl::Status status = ReadStream(context, id, context.json() ? nullptr : &screen, job);
    if (context.interrupts().stop()) return absl::CancelledError("interrupted; the job goes on");
    if (status.ok() && IsTerminalState(job.state())) return job;
    if (!status.ok() && !absl::IsUnavailable(status)) return status;
    const absl::Duration now = SystemClock().Monotonic();
    if (status.ok()) gone_since = absl::InfiniteDuration();
    gone_since = std::min(gone_since, now);
    if (now - gone_since > kComeBack) return status;
    MutexLock lock(mutex);
    interrupted.WaitFor(mutex, kRedial);
  }
}

int ExitCodeOfJob(const v1::Job& job) {
  if (job.state() == v1::JOB_STATE_FAILED) return kExitJobFailed;
  if (job.state() == v1::JOB_STATE_CANCELLED) return kExitJobCancelled;
  return kExitOk;
}

}  // namespace amaes
