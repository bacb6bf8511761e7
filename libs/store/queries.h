// The reading functions of StoreReader on one connection. Internal to libs/store; contracts as there.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "libs/store/connection.h"
#include "libs/store/store.h"

namespace amaes::store {

const char* CheckpointStateName(CheckpointState state);
const char* DatasetChangeStateName(DatasetChangeRecord::State state);

absl::StatusOr<JobRecord> GetJob(Connection& connection, const JobId& id);
absl::StatusOr<JobRecord> FindJobByName(Connection& connection, const std::string& name);
absl::StatusOr<Page<JobRecord>> ListJobs(Connection& connection, const StoreReader::JobFilter& filter, int page_size,
                                         const std::string& cursor);
absl::StatusOr<std::vector<JobRecord>> LiveJobs(Connection& connection);
absl::StatusOr<AttemptRecord> GetAttempt(Connection& connection, const JobId& job, AttemptNumber number);
absl::StatusOr<std::vector<AttemptRecord>> ListAttempts(Connection& connection, const JobId& job);
absl::StatusOr<CheckpointRecord> GetCheckpoint(Connection& connection, const JobId& job, const std::string& name);
absl::StatusOr<Page<CheckpointRecord>> ListCheckpoints(Connection& connection,
                                                       const StoreReader::CheckpointFilter& filter, int page_size,
                                                       const std::string& cursor);
absl::StatusOr<DatasetRecord> GetDataset(Connection& connection, const std::string& name, std::int64_t version);
absl::StatusOr<Page<DatasetRecord>> ListDatasets(Connection& connection, const std::string& name, int page_size,
                                                 const std::string& cursor);
absl::StatusOr<std::int64_t> LastDatasetVersion(Connection& connection, const std::string& name);
absl::StatusOr<DatasetChangeRecord> GetDatasetChange(Connection& connection, const std::string& request_id);
absl::StatusOr<std::vector<DatasetChangeRecord>> PendingDatasetChanges(Connection& connection);
absl::StatusOr<Page<EventRecord>> ListEvents(Connection& connection, const JobId& job, int page_size,
                                             const std::string& cursor);
absl::StatusOr<StoreReader::RequestRecord> GetRequest(Connection& connection, const std::string& request_id);
absl::StatusOr<std::vector<std::pair<JobState, std::int64_t>>> CountJobs(Connection& connection);

}  // namespace amaes::store
