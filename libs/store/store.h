// The coordinator's records: SQLite in WAL mode with synchronous=FULL. The only source of truth; files are named by it.
//
// One writer thread owns the write connection. Concurrent writes are committed together (group commit), each in a savepoint
// of its own; Write returns after the commit is durable. Reads go to a second connection and see committed data only.
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

inline constexpr int kStoreSchemaVersion = 1;

// A page of a list, newest first (events: oldest first). `cursor` is opaque; empty = the first or no further page.
template <typename Record>
struct Page {
  std::vector<Record> records{};
  std::string next_cursor{};
};

// Reading functions, valid on the store (committed data) and inside a write (with its own changes).
//   - NotFound where one record is asked for.   - InvalidArgument: a cursor that is none.   - DataLoss: a damaged store.
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
  virtual absl::StatusOr<Page<JobRecord>> ListJobs(const JobFilter& filter, int page_size, const std::string& cursor) = 0;
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
  // version 0: the newest.
  virtual absl::StatusOr<DatasetRecord> GetDataset(const std::string& name, std::int64_t version) = 0;
  virtual absl::StatusOr<Page<DatasetRecord>> ListDatasets(const std::string& name, int page_size,
                                                           const std::string& cursor) = 0;
  virtual absl::StatusOr<Page<EventRecord>> ListEvents(const JobId& job, int page_size, const std::string& cursor) = 0;
  struct RequestRecord {
    std::string body_digest{};
    JobId job{};
  };
  virtual absl::StatusOr<RequestRecord> GetRequest(const std::string& request_id) = 0;
  virtual absl::StatusOr<std::vector<std::pair<JobState, std::int64_t>>> CountJobs() = 0;
};

// Inserts or replaces whole records. Only inside Store::Write.
class StoreTransaction : public StoreReader {
 public:
  virtual absl::Status PutJob(const JobRecord& job) = 0;
  virtual absl::Status PutAttempt(const AttemptRecord& attempt) = 0;
  virtual absl::Status PutCheckpoint(const CheckpointRecord& checkpoint) = 0;
  virtual absl::Status PutDataset(const DatasetRecord& dataset) = 0;
  virtual absl::Status PutRequest(const std::string& request_id, const RequestRecord& request) = 0;
  virtual absl::Status AppendEvent(const JobId& job, absl::Time time, const std::string& kind,
                                   const std::string& message) = 0;
};

// Thread-safe.
class Store : public StoreReader {
 public:
  // Creates the file, or checks it (quick_check, schema version). Takes an exclusive lock: one coordinator per store.
  //   - FailedPrecondition: another process has it open, or its schema version is newer (named).   - DataLoss: damaged.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::filesystem::path& path);

  // Runs `change` on the writer thread and returns after the commit is durable. If `change` fails, nothing of it is kept and
  // its status is returned.   - ResourceExhausted: the disk is full; nothing is kept.   - DataLoss, Unavailable: I/O error.
  virtual absl::Status Write(std::function<absl::Status(StoreTransaction&)> change) = 0;

  // Commits so far and changes in them, for metrics and for the test of group commit.
  struct Statistics {
    std::int64_t commits = 0, changes = 0;
    double last_commit_seconds = 0;
  };
  virtual Statistics statistics() const = 0;
};

}  // namespace amaes
