// StoreReader on a connection, and the writing functions. Internal to libs/store.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "libs/base/mutex.h"
#include "libs/store/queries.h"
#include "libs/store/store.h"

namespace amaes::store {

// A connection for one call, and the lock that guards it, if any.
struct Lease {
  Connection& connection;
  std::unique_ptr<MutexLock> lock;
};

// Implements the reading functions of `Base` on what Borrow gives.
template <typename Base>
class ReaderOn : public Base {
 public:
  absl::StatusOr<JobRecord> GetJob(const JobId& id) override { return store::GetJob(Borrow().connection, id); }
  absl::StatusOr<JobRecord> FindJobByName(const std::string& name) override {
    return store::FindJobByName(Borrow().connection, name);
  }
  absl::StatusOr<Page<JobRecord>> ListJobs(const StoreReader::JobFilter& filter, int page_size,
                                           const std::string& cursor) override {
    return store::ListJobs(Borrow().connection, filter, page_size, cursor);
  }
  absl::StatusOr<std::vector<JobRecord>> LiveJobs() override { return store::LiveJobs(Borrow().connection); }
  absl::StatusOr<AttemptRecord> GetAttempt(const JobId& job, AttemptNumber number) override {
    return store::GetAttempt(Borrow().connection, job, number);
  }
  absl::StatusOr<std::vector<AttemptRecord>> ListAttempts(const JobId& job) override {
    return store::ListAttempts(Borrow().connection, job);
  }
  absl::StatusOr<CheckpointRecord> GetCheckpoint(const JobId& job, const std::string& name) override {
    return store::GetCheckpoint(Borrow().connection, job, name);
  }
  absl::StatusOr<Page<CheckpointRecord>> ListCheckpoints(const StoreReader::CheckpointFilter& filter, int page_size,
                                                         const std::string& cursor) override {
    return store::ListCheckpoints(Borrow().connection, filter, page_size, cursor);
  }
  absl::StatusOr<DatasetRecord> GetDataset(const std::string& name, std::int64_t version) override {
    return store::GetDataset(Borrow().connection, name, version);
  }
  absl::StatusOr<Page<DatasetRecord>> ListDatasets(const std::string& name, int page_size,
                                                   const std::string& cursor) override {
    return store::ListDatasets(Borrow().connection, name, page_size, cursor);
  }
  absl::StatusOr<std::int64_t> LastDatasetVersion(const std::string& name) override {
    return store::LastDatasetVersion(Borrow().connection, name);
  }
  absl::StatusOr<DatasetChangeRecord> GetDatasetChange(const std::string& request_id) override {
    return store::GetDatasetChange(Borrow().connection, request_id);
  }
  absl::StatusOr<std::vector<DatasetChangeRecord>> PendingDatasetChanges() override {
    return store::PendingDatasetChanges(Borrow().connection);
  }
  absl::StatusOr<Page<EventRecord>> ListEvents(const JobId& job, int page_size, const std::string& cursor) override {
    return store::ListEvents(Borrow().connection, job, page_size, cursor);
  }
  absl::StatusOr<StoreReader::RequestRecord> GetRequest(const std::string& request_id) override {
    return store::GetRequest(Borrow().connection, request_id);
  }
  absl::StatusOr<std::vector<std::pair<JobState, std::int64_t>>> CountJobs() override {
    return store::CountJobs(Borrow().connection);
  }

 protected:
  virtual Lease Borrow() = 0;
};

// Writes on the connection of the writer thread, inside its transaction.
class Transaction final : public ReaderOn<StoreTransaction> {
 public:
  explicit Transaction(Connection& connection) : connection_(connection) {}
  absl::Status PutJob(const JobRecord& job) override;
  absl::Status PutAttempt(const AttemptRecord& attempt) override;
  absl::Status PutCheckpoint(const CheckpointRecord& checkpoint) override;
  absl::Status PutDataset(const DatasetRecord& dataset) override;
  absl::Status PutDatasetChange(const DatasetChangeRecord& change) override;
  absl::Status DropDatasetChange(const std::string& request_id) override;
  absl::Status PutRequest(const std::string& request_id, const RequestRecord& request) override;
  absl::Status AppendEvent(const JobId& job, absl::Time time, const std::string& kind,
                           const std::string& message) override;

 private:
  Lease Borrow() override { return {.connection = connection_, .lock = nullptr}; }
  absl::Status PutRanks(const AttemptRecord& attempt);

  Connection& connection_;
};

}  // namespace amaes::store
