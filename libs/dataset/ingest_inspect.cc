#include "libs/dataset/ingest_inspect.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "absl/strings/str_replace.h"
#include "libs/base/mutex.h"
#include "libs/dataset/ingest_source.h"

namespace amaes {
namespace {

constexpr absl::Duration kReportEvery = absl::Seconds(1);
// Members of archives that stand for all of them.
constexpr std::int64_t kSampledMembers = 64;

class Inspection {
 public:
  Inspection(const std::vector<ReadRequest>& requests, bool needed)
      : requests_(requests), headers_(requests.size(), absl::FailedPreconditionError("not inspected")) {
    const std::int64_t packed =
        std::count_if(requests.begin(), requests.end(), [](const ReadRequest& r) { return !r.member.empty(); });
    every_ = needed ? 1 : std::max<std::int64_t>(1, packed / kSampledMembers);
  }

  absl::StatusOr<std::vector<HeaderFacts>> Run(int threads, const InspectProgress& on_progress) {
    const auto count = static_cast<std::int64_t>(requests_.size());
    threads = static_cast<int>(std::clamp<std::int64_t>(threads, 1, std::max<std::int64_t>(1, count)));
    if (on_progress && !on_progress(0, count)) return absl::CancelledError("ingest stopped");
    {
      MutexLock lock(mutex_);
      running_ = threads;
    }
    std::vector<std::thread> pool;
    for (int i = 0; i < threads; ++i) pool.emplace_back([this] { Work(); });
    {
      MutexLock lock(mutex_);
      while (running_ > 0) {
        ended_.WaitFor(mutex_, kReportEvery);
        if (on_progress && !stop_ && !on_progress(std::min<std::int64_t>(next_, count), count)) stop_ = true;
      }
    }
    for (std::thread& thread : pool) thread.join();
    if (stop_) return absl::CancelledError("ingest stopped");
    return std::move(headers_);
  }

 private:
  void Work() {
    for (std::int64_t i = next_++; !stop_ && i < static_cast<std::int64_t>(requests_.size()); i = next_++) {
      const ReadRequest& request = requests_[i];
      if (request.dicom || (!request.member.empty() && i % every_ != 0)) continue;
      HeaderFacts facts = InspectSource(request);
      if (!facts.ok()) {
        facts = absl::Status(facts.status().code(),
                             absl::StrReplaceAll(facts.status().message(), {{request.path.string(), "the file"}}));
      }
      headers_[i] = std::move(facts);
    }
    MutexLock lock(mutex_);
    --running_;
    ended_.NotifyAll();
  }

  const std::vector<ReadRequest>& requests_;
  std::vector<HeaderFacts> headers_;  // each written by one thread
  std::int64_t every_ = 1;
  std::atomic<std::int64_t> next_ = 0;
  std::atomic<bool> stop_ = false;
  Mutex mutex_;
  CondVar ended_;
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace

absl::StatusOr<std::vector<HeaderFacts>> InspectHeaders(const std::vector<ReadRequest>& requests, int threads,
                                                        bool needed, const InspectProgress& on_progress) {
  return Inspection(requests, needed).Run(threads, on_progress);
}

}  // namespace amaes
