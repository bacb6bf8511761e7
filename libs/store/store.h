// The coordinator's records: SQLite in WAL mode with synchronous=FULL. The only source of truth; files are named by it.
//
// One writer thread owns the write connection. Concurrent writes are committed together (group commit), each in a
// savepoint of its own; Write returns after the commit is durable. Reads go to a second connection and see committed
// data only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/store/records.h"

namespace amaes {

inline constexpr int kStoreSchemaVersion = 3;

// A page of a list, newest first (events: oldest first). `cursor` is opaque and bound to the filter; empty = the
// first or no further page. page_size: 0 = 50, at most 1000.
template <typename Record>
struct Page {
  std::vector<Record> records{};
  std::string next_cursor{};
};

// Reading functions, valid on the store (committed data) and inside a write (with its own changes).
//   - NotFound where one record is asked for.   - DataLoss: a damaged store.   - Unavailable: I/O error.
//   - InvalidArgument: a cursor that is none, or belongs to another filter; a page_size below 0.
class StoreReader {
 public:
  virtual ~StoreReader() = default;
  virtual absl::StatusOr<JobRecord> GetJob(const JobId& id) = 0;
  // The newest job with this name.
  virtual absl::StatusOr<JobRecord> FindJobByName(const std::string& name) = 0;
  struct JobFilter {
    std::optional<JobState> state{};
    std::string kind{}, name{};
  };
  virtual absl::StatusOr<Page<JobRecord>> ListJobs(const JobFilter& filter, int page_size,
                                                   const std::string& cursor) = 0;
  virtual absl::StatusOr<std::vector<JobRecord>> LiveJobs() = 0;  // not terminal, oldest first
  virtual absl::StatusOr<AttemptRecord> GetAttempt(const JobId& job, AttemptNumber number) = 0;
  virtual absl::StatusOr<std::vector<AttemptRecord>> ListAttempts(const JobId& job) = 0;  // oldest first
  virtual absl::StatusOr<CheckpointRecord> GetCheckpoint(const JobId& job, const std::string& name) = 0;
  struct CheckpointFilter {
    std::string job{};
    std::optional<CheckpointState> state{};
  };
  virtual absl::StatusOr<Page<CheckpointRecord>> ListCheckpoints(const CheckpointFilter& filter, int page_size,
                                                                 const std::string& cursor) = 0;
  // version 0: the newest that is not retired.
  virtual absl::StatusOr<DatasetRecord> GetDataset(const std::string& name, std::int64_t version) = 0;
  virtual absl::StatusOr<Page<DatasetRecord>> ListDatasets(const std::string& name, int page_size,
                                                           const std::string& cursor) = 0;
  // The highest number that a version of this dataset has or had; 0: none.
  virtual absl::StatusOr<std::int64_t> LastDatasetVersion(const std::string& name) = 0;
  virtual absl::StatusOr<DatasetChangeRecord> GetDatasetChange(const std::string& request_id) = 0;
  virtual absl::StatusOr<std::vector<DatasetChangeRecord>> PendingDatasetChanges() = 0;  // not done, oldest first
  virtual absl::StatusOr<Page<EventRecord>> ListEvents(const JobId& job, int page_size, const std::string& cursor) = 0;
  struct RequestRecord {
    std::string body_digest{};
    JobId job{};  // empty: the request changed a dataset (GetDatasetChange)
  };
  virtual absl::StatusOr<RequestRecord> GetRequest(const std::string& request_id) = 0;
  // Every state once, also with 0.
  virtual absl::StatusOr<std::vector<std::pair<JobState, std::int64_t>>> CountJobs() = 0;
};

// Inserts or replaces whole records. Only inside Store::Write.
class StoreTransaction : public StoreReader {
 public:
  // Ignores `revision` and raises the stored one.
  //   - Aborted: the store knows a newer attempt.   - FailedPrecondition: would leave a terminal state.
  virtual absl::Status PutJob(const JobRecord& job) = 0;
  virtual absl::Status PutAttempt(const AttemptRecord& attempt) = 0;
  virtual absl::Status PutCheckpoint(const CheckpointRecord& checkpoint) = 0;
  // - AlreadyExists: this version is there with another digest; versions are immutable.
  virtual absl::Status PutDataset(const DatasetRecord& dataset) = 0;
  virtual absl::Status PutDatasetChange(const DatasetChangeRecord& change) = 0;
  // A planned change that turned out to be impossible, and its request id, which may be used again.
  virtual absl::Status DropDatasetChange(const std::string& request_id) = 0;
  // - AlreadyExists: this id is there with another body or job.
  virtual absl::Status PutRequest(const std::string& request_id, const RequestRecord& request) = 0;
  virtual absl::Status AppendEvent(const JobId& job, absl::Time time, const std::string& kind,
                                   const std::string& message) = 0;
};

// Thread-safe.
class Store : public StoreReader {
 public:
  // Creates the file and its folder, or checks it (quick_check, schema version). Takes an exclusive lock on a file
  // with the extension .lock beside it: one coordinator per store.
  //   - FailedPrecondition: another process has it open, its schema version is newer (named), it is no store, or its
  //     file system has no WAL.   - DataLoss: damaged.   - ResourceExhausted, Unavailable: I/O error.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::filesystem::path& path);

  // Runs `change` on the writer thread and returns after the commit is durable. If `change` fails, nothing of it is
  // kept and its status is returned. `change` must not call Write. It runs once.
  //   - ResourceExhausted: the disk is full; nothing is kept.   - DataLoss: damaged.
  //   - Unavailable: I/O error. After a failed flush it is not known what the disk holds: every later Write fails
  //     too, until the store is opened again.
  virtual absl::Status Write(std::function<absl::Status(StoreTransaction&)> change) = 0;

  // Commits so far and changes in them, for metrics and for the test of group commit.
  struct Statistics {
    std::int64_t commits = 0, changes = 0;
    std::int64_t waiting = 0;        // changes in the queue now
    double last_commit_seconds = 0;  // of the flush to the disk
  };
  virtual Statistics statistics() const = 0;
};

}  // namespace amaes
