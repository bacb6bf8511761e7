#include "libs/dataset/ingest_readers.h"

#include <errno.h>
#include <poll.h>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/reader_process.h"

namespace amaes {
namespace {

constexpr absl::Duration kWaitInterval = absl::Seconds(1);
// Longest wait before deadlines are looked at again.
constexpr int kPollMilliseconds = 200;

// Address space that a thread may take beside the voxels: its stack, and an arena of the allocator.
constexpr std::uint64_t kMemoryOfThread = std::uint64_t{256} << 20;

class Readers {
 public:
  Readers(const IngestOptions& options, const std::vector<ReadRequest>& requests, Clock& clock,
          const std::function<absl::Status(std::int64_t, ReadAnswer)>& on_answer,
          const std::function<absl::Status()>& on_wait)
      : options_(options),
        requests_(requests),
        clock_(clock),
        on_answer_(on_answer),
        on_wait_(on_wait),
        records_(options.records, options.volumes) {}

  // Returning early destroys the readers, which kills them.
  absl::Status Run() {
    absl::Duration waited = clock_.Monotonic();
    while (next_ < requests_.size() || !readers_.empty()) {
      while (next_ < requests_.size() && readers_.size() < static_cast<std::size_t>(options_.processes)) {
        AMAES_RETURN_IF_ERROR(StartOne());
      }
      AMAES_RETURN_IF_ERROR(WaitForReaders());
      if (clock_.Monotonic() - waited < kWaitInterval) continue;
      AMAES_RETURN_IF_ERROR(on_wait_());
      waited = clock_.Monotonic();
    }
    return absl::OkStatus();
  }

 private:
  struct Running {
    std::unique_ptr<ReaderProcess> process;
    std::size_t place = 0;  // in requests_
    int threads = 1;
  };

  absl::Status StartOne() {
    int used = 0;
    for (const Running& running : readers_) used += running.threads;
    Running& added = readers_.emplace_back();
    added.place = next_++;
    const auto waiting = static_cast<std::int64_t>(requests_.size() - added.place);
    const auto free = options_.processes - static_cast<std::int64_t>(readers_.size()) + 1;
    added.threads = ThreadsForReader(options_.cores, used, std::min(waiting, free));
    if (options_.memory_limit_bytes > 0) {
      const auto room = static_cast<int>(options_.memory_limit_bytes / kMemoryOfThread);
      added.threads = std::clamp(added.threads, 1, std::max(1, room));
    }
    ReadRequest request = requests_[added.place];
    request.threads = added.threads;
    absl::StatusOr<ReaderProcess> reader = ReaderProcess::Start(
        options_.child_command, request, {options_.memory_limit_bytes, options_.time_limit}, clock_.Monotonic());
    if (!reader.ok()) {
      readers_.pop_back();
      return Annotate(reader.status(), "cannot start a reader");
    }
    added.process = std::make_unique<ReaderProcess>(*std::move(reader));
    return absl::OkStatus();
  }

  // Waits until something happens to a reader, and takes care of those that have ended or are late.
  absl::Status WaitForReaders() {
    std::vector<pollfd> descriptors;
    absl::Duration wait = absl::Milliseconds(kPollMilliseconds);
    const absl::Duration before = clock_.Monotonic();
    for (const Running& running : readers_) {
      descriptors.push_back({running.process->output_descriptor(), POLLIN, 0});
      descriptors.push_back({running.process->exit_descriptor(), POLLIN, 0});
      wait = std::min(wait, std::max(running.process->deadline() - before, absl::ZeroDuration()));
    }
    const int timeout = static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(wait, absl::Milliseconds(1))));
    if (poll(descriptors.data(), descriptors.size(), timeout) < 0 && errno != EINTR) {
      return absl::UnavailableError(absl::StrCat("cannot wait for readers: errno ", errno));
    }
    const absl::Duration now = clock_.Monotonic();
    std::vector<Running> running;
    std::vector<std::pair<std::size_t, ReadAnswer>> ended;
    for (std::size_t i = 0; i < readers_.size(); ++i) {
      ReaderProcess& reader = *readers_[i].process;
      if (descriptors[2 * i].revents != 0) reader.Drain();
      if (descriptors[2 * i + 1].revents != 0)
        ended.emplace_back(readers_[i].place, reader.Finish());
      else if (now >= reader.deadline())
        ended.emplace_back(readers_[i].place, reader.FinishLate());
      else
        running.push_back(std::move(readers_[i]));
    }
    readers_ = std::move(running);
    for (auto& [place, answer] : ended) AMAES_RETURN_IF_ERROR(Take(requests_[place], std::move(answer)));
    return absl::OkStatus();
  }

  absl::Status Take(const ReadRequest& request, ReadAnswer answer) {
    if (answer.outcome == ReadAnswer::Outcome::kStore) {
      return absl::Status(answer.code, absl::StrCat("the volume store cannot be used: ", answer.reason));
    }
    if (answer.final()) AMAES_RETURN_IF_ERROR(records_.Keep(request.stamp, answer));
    return on_answer_(request.index, std::move(answer));
  }

  const IngestOptions& options_;
  const std::vector<ReadRequest>& requests_;
  Clock& clock_;
  const std::function<absl::Status(std::int64_t, ReadAnswer)>& on_answer_;
  const std::function<absl::Status()>& on_wait_;
  const IngestRecords records_;
  std::size_t next_ = 0;
  std::vector<Running> readers_;
};

}  // namespace

int ThreadsForReader(int cores, int used, std::int64_t starting) {
  return static_cast<int>(std::max<std::int64_t>(1, (cores - used) / std::max<std::int64_t>(1, starting)));
}

absl::Status ReadRequestsInChildren(const IngestOptions& options, const std::vector<ReadRequest>& requests,
                                    Clock& clock,
                                    const std::function<absl::Status(std::int64_t, ReadAnswer)>& on_answer,
                                    const std::function<absl::Status()>& on_wait) {
  return Readers(options, requests, clock, on_answer, on_wait).Run();
}

}  // namespace amaes
