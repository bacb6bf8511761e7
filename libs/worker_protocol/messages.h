// What agent and worker say to each other, as domain types. The wire form is proto/amaes/v1/worker.proto; only this
// library's sources see it, so a file may include this header together with LibTorch.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/base/ids.h"
#include "libs/base/metric_map.h"

namespace amaes {

// Raise when a message changes its meaning. A peer with a newer one is refused by name.
inline constexpr int kWorkerProtocolVersion = 1;
// A longer message is refused before memory is taken.
inline constexpr std::uint32_t kMaxWorkerMessageBytes = 16u << 20;

struct WorkerStart {
  int protocol_version = kWorkerProtocolVersion;
  std::string job{};
  AttemptNumber attempt = 0;
  int rank = 0, world_size = 1;
  std::string spec_json{};
  std::string job_folder{}, volumes_folder{}, dataset_folder{};
  std::string bind_address{};
  int device_index = -1;  // GPU; -1 = CPU
  std::int64_t first_lane = 0, last_lane = 0;
  std::string staging_folder{}, previous_folder{};
  std::string probe_dataset_folder{};
  bool operator==(const WorkerStart&) const = default;
};
struct KeyValue {
  std::string key{}, value{};
  bool aborted = false;
  bool operator==(const KeyValue&) const = default;
};
struct WorkerStop {
  std::string reason{};
  bool operator==(const WorkerStop&) const = default;
};
using WorkerCommand = std::variant<WorkerStart, KeyValue, WorkerStop>;

struct WorkerHello {
  int protocol_version = kWorkerProtocolVersion;
  std::string software{};
  bool operator==(const WorkerHello&) const = default;
};
struct WorkerPhase {
  std::string phase{};
  std::int64_t step = 0;
  bool operator==(const WorkerPhase&) const = default;
};
struct KeyWait {
  std::string key{};
  bool operator==(const KeyWait&) const = default;
};
struct TrainProgress {
  std::int64_t step = 0;
  MetricMap metrics{};  // of the step: "loss", and what the objective names
  double learning_rate = 0;
  double samples_per_second = 0, data_wait_ratio = 0, step_seconds = 0;
  std::int64_t peak_memory_bytes = 0;
  std::int64_t disk_bytes = 0,
               cache_hits = 0;  // of this rank's loader so far: compressed bytes read; chunks from memory
  bool operator==(const TrainProgress&) const = default;
};
struct ValidationResult {
  std::int64_t step = 0;
  std::string split{};  // held_out, train or probe
  MetricMap metrics{};
  bool operator==(const ValidationResult&) const = default;
};
struct PictureWritten {
  std::int64_t step = 0;
  std::string split{};  // of the validation
  std::string name{};   // of the file in jobs/JOB/pictures
  bool operator==(const PictureWritten&) const = default;
};
struct CheckpointCommitted {
  std::string name{};
  std::int64_t step = 0;
  std::string manifest_sha256{};
  std::int64_t size_bytes = 0;
  std::string parent{};
  MetricMap metrics{};
  double stall_seconds = 0, persist_seconds = 0;
  bool best = false;  // by checkpoint.best_metric, so far
  bool operator==(const CheckpointCommitted&) const = default;
};
struct CheckpointRejected {
  std::string name{}, reason{};
  bool operator==(const CheckpointRejected&) const = default;
};
struct CheckpointDeleted {
  std::string name{};
  bool operator==(const CheckpointDeleted&) const = default;
};
struct IngestCount {
  std::int64_t files = 0, done = 0, volumes = 0, quarantined = 0, duplicates = 0, skipped = 0, voxels = 0;
  std::int64_t unchanged = 0, total_voxels = 0, disk_bytes = 0;
  double voxels_per_second = 0, estimated_seconds = 0;
  bool operator==(const IngestCount&) const = default;
};
struct EvaluationCount {
  std::int64_t cases = 0, done = 0;  // of this rank
  double cases_per_second = 0;
  bool operator==(const EvaluationCount&) const = default;
};
struct EvaluationScore {
  std::string region{}, measure{};
  double mean = 0, standard_deviation = 0;
  std::int64_t cases = 0, undefined = 0, infinite = 0;
  bool operator==(const EvaluationScore&) const = default;
};
struct EvaluationScores {
  std::vector<EvaluationScore> rows{};
  bool operator==(const EvaluationScores&) const = default;
};
struct DatasetStaged {
  std::string digest{};
  bool operator==(const DatasetStaged&) const = default;
};
struct WorkerFinished {
  bool complete = false;
  std::int64_t step = 0;
  bool operator==(const WorkerFinished&) const = default;
};
struct WorkerFailed {
  std::string reason{}, message{};
  bool retryable = true;
  bool operator==(const WorkerFailed&) const = default;
};
using WorkerReport =
    std::variant<WorkerHello, WorkerPhase, KeyValue, KeyWait, TrainProgress, ValidationResult, CheckpointCommitted,
                 CheckpointRejected, CheckpointDeleted, IngestCount, EvaluationCount, EvaluationScores, DatasetStaged,
                 WorkerFinished, WorkerFailed, PictureWritten>;

// Whether a worker in this phase takes part: all ranks have met. Of every kind of job.
bool TakesPart(const std::string& phase);

// Serialised protobuf, without the length. Bytes that are not UTF-8 become '?': a message of failure must arrive
// whatever it quotes.
std::string EncodeCommand(const WorkerCommand& command);
std::string EncodeReport(const WorkerReport& report);
// Unknown fields are tolerated.   - InvalidArgument: not such a message, or empty.
absl::StatusOr<WorkerCommand> DecodeCommand(const std::string& bytes);
absl::StatusOr<WorkerReport> DecodeReport(const std::string& bytes);

}  // namespace amaes
