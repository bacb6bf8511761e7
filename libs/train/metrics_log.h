// metrics.jsonl of a job: one JSON object per line, steps and validations in the order in which they came.
//
//   {"step":12,"lr":…,"loss":…,"loss_masked":…}              and whatever else the objective names
//   {"step":0,"split":"held_out","loss":…,"loss_masked":…}
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/worker_protocol/messages.h"

namespace amaes {

// Written by rank 0. Not thread-safe.
class MetricsLog {
 public:
  // Creates the file, or cuts it to `length` bytes: what follows belongs to steps that are run again.
  //   - DataLoss: shorter than `length`.   - ResourceExhausted, Unavailable: I/O error.
  static absl::StatusOr<MetricsLog> Open(const std::filesystem::path& path, std::int64_t length);
  MetricsLog(MetricsLog&& other) noexcept;
  MetricsLog& operator=(MetricsLog&&) = delete;
  ~MetricsLog();

  void Append(const TrainProgress& progress);   // buffered
  void Append(const ValidationResult& result);  // buffered
  // Hands what is buffered to the system, for readers; flushes to the disk when `durable`. Returns the length in bytes.
  //   - ResourceExhausted, Unavailable: I/O error.
  absl::StatusOr<std::int64_t> Flush(bool durable);

 private:
  MetricsLog(std::filesystem::path path, int descriptor, std::int64_t length);

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::int64_t length_ = 0;
  std::string buffer_;
};

struct MetricsHistory {
  std::vector<TrainProgress> steps;
  std::vector<ValidationResult> validations;
};

// Lines that cannot be read are left out (the last one may be torn). Errors as files::Read.
absl::StatusOr<MetricsHistory> ReadMetrics(const std::filesystem::path& path);

}  // namespace amaes
