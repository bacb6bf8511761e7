#include "libs/dataset/reader_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"

namespace amaes {
namespace {

// The address sanitizer reserves terabytes of address space, so that a limit on it cannot hold.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kLimitMemory = false;
#else
constexpr bool kLimitMemory = true;
#endif

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void Set(int fd) { fd_ = fd; }
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

absl::Status Pipe(Descriptor& read_end, Descriptor& write_end) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return absl::ResourceExhaustedError(absl::StrCat("cannot make a pipe: errno ", errno));
  }
  read_end.Set(ends[0]);
  write_end.Set(ends[1]);
  return absl::OkStatus();
}

// A pipe that holds the whole request: the child finds it and its end, and we never write to a child that is gone.
absl::Status PipeWith(const std::string& text, Descriptor& read_end) {
  Descriptor write_end;
  AMAES_RETURN_IF_ERROR(Pipe(read_end, write_end));
  fcntl(write_end.get(), F_SETFL, O_NONBLOCK);
  const ssize_t n = write(write_end.get(), text.data(), text.size());
  if (n != static_cast<ssize_t>(text.size())) {
    return absl::ResourceExhaustedError(absl::StrCat("a request of ", text.size(), " bytes does not fit into a pipe"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ReaderProcess> ReaderProcess::Start(const std::vector<std::string>& command, const ReadRequest& request,
                                                   const ReaderLimits& limits, absl::Duration now) {
  Descriptor request_end, output, child_output;
  AMAES_RETURN_IF_ERROR(PipeWith(absl::StrCat(RequestJson(request), "\n"), request_end));
  AMAES_RETURN_IF_ERROR(Pipe(output, child_output));
  fcntl(output.get(), F_SETFL, O_NONBLOCK);
  // Libraries name files in their messages; names must not get into a log.
  const Descriptor nowhere(open("/dev/null", O_WRONLY | O_CLOEXEC));
  if (nowhere.get() < 0) return files::ErrnoStatus(errno, "cannot open", "/dev/null");
  SubprocessOptions options;
  options.arguments = command;
  options.descriptors = {
      {request_end.get(), STDIN_FILENO}, {child_output.get(), STDOUT_FILENO}, {nowhere.get(), STDERR_FILENO}};
  options.memory_limit = kLimitMemory ? limits.memory_bytes : 0;
  AMAES_ASSIGN_OR_RETURN(Subprocess process, Subprocess::Start(options));
  return ReaderProcess(std::move(process), output.Release(), request.index, limits, now);
}

ReaderProcess::ReaderProcess(ReaderProcess&& other) noexcept
    : process_(std::move(other.process_)),
      output_(std::exchange(other.output_, -1)),
      index_(other.index_),
      limits_(other.limits_),
      deadline_(other.deadline_),
      text_(std::move(other.text_)) {}

ReaderProcess::~ReaderProcess() {
  if (output_ >= 0) close(output_);
}

void ReaderProcess::Drain() {
  char buffer[1 << 14];
  while (output_ >= 0) {
    const ssize_t n = read(output_, buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n > 0) {
      text_.append(buffer, static_cast<std::size_t>(n));
      continue;
    }
    close(output_);
    output_ = -1;
  }
}

ReadAnswer ReaderProcess::Finish() {
  Drain();
  ReadAnswer failed;
  const absl::StatusOr<ExitStatus> exit = process_.Wait(absl::Minutes(1));
  if (!exit.ok() || !exit->success()) {
    failed.reason =
        absl::StrCat("reader crashed: ", exit.ok() ? exit->ToString() : std::string(exit.status().message()));
    return failed;
  }
  absl::StatusOr<ReadAnswer> answer = ParseAnswer(text_);
  if (!answer.ok()) {
    failed.reason = absl::StrCat("reader gave no answer that can be understood: ", answer.status().message());
    return failed;
  }
  if (answer->outcome == ReadAnswer::Outcome::kMemory) {
    answer->reason = absl::StrCat("reader used more than ", limits_.memory_bytes >> 20, " MiB");
  }
  return *std::move(answer);
}

ReadAnswer ReaderProcess::FinishLate() {
  process_.Signal(SIGKILL);
  (void)process_.Wait(absl::Minutes(1));
  ReadAnswer late;
  late.reason = absl::StrCat("reader took longer than ", absl::ToInt64Seconds(limits_.time), " s");
  return late;
}

}  // namespace amaes
