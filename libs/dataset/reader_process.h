// One child that reads one file, with its limits.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/subprocess.h"
#include "libs/dataset/ingest_answer.h"

namespace amaes {

struct ReaderLimits {
  std::uint64_t memory_bytes = 0;
  absl::Duration time;
};

// Not thread-safe. Dies with the thread that started it; the destructor kills it.
class ReaderProcess {
 public:
  // `now` on the clock that `deadline` is read against.   Errors as Subprocess::Start.
  static absl::StatusOr<ReaderProcess> Start(const std::vector<std::string>& command, const ReadRequest& request,
                                             const ReaderLimits& limits, absl::Duration now);
  ReaderProcess(ReaderProcess&& other) noexcept;
  ReaderProcess& operator=(ReaderProcess&&) = delete;
  ~ReaderProcess();

  std::int64_t index() const { return index_; }
  absl::Duration deadline() const { return deadline_; }
  // Readable when there is output, or when the child has ended.
  int output_descriptor() const { return output_; }
  int exit_descriptor() const { return process_.exit_descriptor(); }

  // Takes in what the child has said so far, so that it never waits for us.
  void Drain();
  // After the child has ended: its answer, or why there is none.
  ReadAnswer Finish();
  // Kills the child for its time.
  ReadAnswer FinishLate();

 private:
  ReaderProcess(Subprocess process, int output, std::int64_t index, const ReaderLimits& limits, absl::Duration now)
      : process_(std::move(process)), output_(output), index_(index), limits_(limits), deadline_(now + limits.time) {}

  Subprocess process_;
  int output_;
  std::int64_t index_;
  ReaderLimits limits_;
  absl::Duration deadline_;
  std::string text_;
};

}  // namespace amaes
