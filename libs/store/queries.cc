#include "libs/store/queries.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/status_macros.h"
#include "libs/store/cursor.h"
#include "libs/store/metrics_json.h"

namespace amaes::store {
namespace {

constexpr char kJobColumns[] =
    "seq, id, name, kind, spec_json, state, reason, message, priority, attempt, restarts, without_progress, "
    "max_restarts, "
    "no_progress_limit, not_before, cancel_requested, created, started, ended, dataset, progress_json, revision";
constexpr char kAttemptColumns[] = "job, number, started, ended, cause, message, first_failed_rank";
constexpr char kCheckpointColumns[] =
    "seq, job, name, step, attempt, state, message, size_bytes, manifest_sha256, parent, dataset, dataset_digest, "
    "metrics_json, created";
constexpr char kDatasetColumns[] =
    "seq, name, version, digest, contract_json, volumes, training_volumes, held_out_volumes, subjects, "
    "held_out_subjects, "
    "quarantined, duplicates, skipped, stored_bytes, job, created, made_by, retired";
constexpr char kChangeColumns[] = "seq, request_id, dataset, kind, state, plan_json, result_json, created";
constexpr char kEventColumns[] = "seq, job, time, kind, message";

// A record with the key that a cursor names.
template <typename Record>
struct Row {
  std::int64_t seq = 0;
  Record record;
};

absl::StatusOr<Row<JobRecord>> ReadJob(Statement& row) {
  Row<JobRecord> out;
  out.seq = row.Integer();
  JobRecord& job = out.record;
  job.id = JobId(row.Text());
  job.name = row.Text();
  job.kind = row.Text();
  job.spec_json = row.Text();
  const absl::StatusOr<JobState> state = ParseJobState(row.Text());
  if (!state.ok())
    return absl::DataLossError(absl::StrCat("store: job ", job.id.value, ": ", state.status().message()));
  job.state = *state;
  job.reason = row.Text();
  job.message = row.Text();
  job.priority = row.Int();
  job.attempt = row.Int();
  job.budget.restarts = row.Integer();
  job.budget.without_progress = row.Integer();
  job.budget.max_restarts = row.Integer();
  job.budget.no_progress_limit = row.Integer();
  job.not_before = row.Time();
  job.cancel_requested = row.Integer() != 0;
  job.created = row.Time();
  job.started = row.Time();
  job.ended = row.Time();
  job.dataset = row.Text();
  job.progress_json = row.Text();
  job.revision = row.Integer();
  return out;
}

// Without the ranks.
AttemptRecord ReadAttempt(Statement& row) {
  AttemptRecord attempt;
  attempt.job = JobId(row.Text());
  attempt.number = row.Int();
  attempt.started = row.Time();
  attempt.ended = row.Time();
  attempt.cause = row.Text();
  attempt.message = row.Text();
  attempt.first_failed_rank = row.Int();
  return attempt;
}

absl::Status ReadRanks(Connection& connection, AttemptRecord& attempt) {
  AMAES_ASSIGN_OR_RETURN(Statement row, connection.Prepare("SELECT node, slot, gpu FROM attempt_ranks "
                                                           "WHERE job = ? AND attempt = ? ORDER BY rank"));
  row.Bind(attempt.job.value).Bind(attempt.number);
  while (true) {
    AMAES_ASSIGN_OR_RETURN(const bool more, row.Step());
    if (!more) return absl::OkStatus();
    SlotRef rank;
    rank.node = NodeId(row.Text());
    rank.slot = row.Int();
    rank.gpu = row.Integer() != 0;
    attempt.ranks.push_back(std::move(rank));
  }
}

absl::StatusOr<Row<CheckpointRecord>> ReadCheckpoint(Statement& row) {
  Row<CheckpointRecord> out;
  out.seq = row.Integer();
  CheckpointRecord& checkpoint = out.record;
  checkpoint.job = JobId(row.Text());
  checkpoint.name = row.Text();
  checkpoint.step = row.Integer();
  checkpoint.attempt = row.Int();
  const std::string state = row.Text();
  bool known = false;
  for (CheckpointState each : {CheckpointState::kCommitted, CheckpointState::kCorrupt, CheckpointState::kDeleted}) {
    if (state != CheckpointStateName(each)) continue;
    checkpoint.state = each;
    known = true;
  }
  if (!known) {
    return absl::DataLossError(absl::StrCat("store: checkpoint ", checkpoint.name, " has the state '", state, "'"));
  }
  checkpoint.message = row.Text();
  checkpoint.size_bytes = row.Integer();
  checkpoint.manifest_sha256 = row.Text();
  checkpoint.parent = row.Text();
  checkpoint.dataset = row.Text();
  checkpoint.dataset_digest = row.Text();
  AMAES_ASSIGN_OR_RETURN(checkpoint.metrics, MetricsFromJson(row.Text()));
  checkpoint.created = row.Time();
  return out;
}

absl::StatusOr<Row<DatasetRecord>> ReadDataset(Statement& row) {
  Row<DatasetRecord> out;
  out.seq = row.Integer();
  DatasetRecord& dataset = out.record;
  dataset.name = row.Text();
  dataset.version = row.Integer();
  dataset.digest = row.Text();
  dataset.contract_json = row.Text();
  dataset.volumes = row.Integer();
  dataset.training_volumes = row.Integer();
  dataset.held_out_volumes = row.Integer();
  dataset.subjects = row.Integer();
  dataset.held_out_subjects = row.Integer();
  dataset.quarantined = row.Integer();
  dataset.duplicates = row.Integer();
  dataset.skipped = row.Integer();
  dataset.stored_bytes = row.Integer();
  dataset.job = JobId(row.Text());
  dataset.created = row.Time();
  dataset.made_by = row.Text();
  dataset.retired = row.Time();
  return out;
}

absl::StatusOr<Row<DatasetChangeRecord>> ReadChange(Statement& row) {
  using State = DatasetChangeRecord::State;
  Row<DatasetChangeRecord> out;
  out.seq = row.Integer();
  DatasetChangeRecord& change = out.record;
  change.request_id = row.Text();
  change.dataset = row.Text();
  change.kind = row.Text();
  const std::string state = row.Text();
  bool known = false;
  for (State each : {State::kPlanned, State::kPublished, State::kDone}) {
    if (state != DatasetChangeStateName(each)) continue;
    change.state = each;
    known = true;
  }
  if (!known) {
    return absl::DataLossError(absl::StrCat("store: a change of ", change.dataset, " has the state '", state, "'"));
  }
  change.plan_json = row.Text();
  change.result_json = row.Text();
  change.created = row.Time();
  return out;
}

absl::StatusOr<Row<EventRecord>> ReadEvent(Statement& row) {
  Row<EventRecord> out;
  out.seq = out.record.sequence = row.Integer();
  out.record.job = JobId(row.Text());
  out.record.time = row.Time();
  out.record.kind = row.Text();
  out.record.message = row.Text();
  return out;
}

// Conditions of a WHERE, with their values.
struct Conditions {
  std::vector<std::pair<std::string, std::string>> equal;  // column and value
  // Names the list for its cursors. Sizes come first: no value can look like another condition.
  std::string Name(absl::string_view table) const {
    std::string name(table);
    for (const auto& [column, value] : equal) absl::StrAppend(&name, "|", column, "=", value.size(), ":", value);
    return name;
  }
};

// One page of `table`, ordered by seq.
template <typename Record>
absl::StatusOr<Page<Record>> List(Connection& connection, absl::string_view table, absl::string_view columns,
                                  const Conditions& conditions, bool newest_first, int asked, const std::string& cursor,
                                  absl::StatusOr<Row<Record>> (*read)(Statement&)) {
  const std::string name = conditions.Name(table);
  AMAES_ASSIGN_OR_RETURN(const int page_size, PageSize(asked));
  AMAES_ASSIGN_OR_RETURN(const std::optional<std::int64_t> after, DecodeCursor(name, cursor));
  std::vector<std::string> where;
  for (const auto& [column, value] : conditions.equal) where.push_back(absl::StrCat(column, " = ?"));
  if (after) where.push_back(newest_first ? "seq < ?" : "seq > ?");
  AMAES_ASSIGN_OR_RETURN(Statement row,
                         connection.Prepare(absl::StrCat("SELECT ", columns, " FROM ", table,
                                                         where.empty() ? "" : " WHERE ", absl::StrJoin(where, " AND "),
                                                         " ORDER BY seq ", newest_first ? "DESC" : "ASC", " LIMIT ?")));
  for (const auto& [column, value] : conditions.equal) row.Bind(value);
  if (after) row.Bind(*after);
  row.Bind(page_size + 1);
  Page<Record> page;
  std::int64_t last = 0;
  while (true) {
    AMAES_ASSIGN_OR_RETURN(const bool more, row.Step());
    if (!more) return page;
    if (page.records.size() == static_cast<std::size_t>(page_size)) {
      page.next_cursor = EncodeCursor(name, last);
      return page;
    }
    AMAES_ASSIGN_OR_RETURN(Row<Record> next, read(row));
    last = next.seq;
    page.records.push_back(std::move(next.record));
  }
}

// The one row of a bound statement.
template <typename Record>
absl::StatusOr<Record> One(Statement row, absl::StatusOr<Row<Record>> (*read)(Statement&), const std::string& missing) {
  AMAES_ASSIGN_OR_RETURN(const bool found, row.Step());
  if (!found) return absl::NotFoundError(missing);
  AMAES_ASSIGN_OR_RETURN(Row<Record> out, read(row));
  return std::move(out.record);
}

}  // namespace

const char* CheckpointStateName(CheckpointState state) {
  switch (state) {
    case CheckpointState::kCommitted:
      return "COMMITTED";
    case CheckpointState::kCorrupt:
      return "CORRUPT";
    case CheckpointState::kDeleted:
      return "DELETED";
  }
  return "UNKNOWN";
}

const char* DatasetChangeStateName(DatasetChangeRecord::State state) {
  switch (state) {
    case DatasetChangeRecord::State::kPlanned:
      return "PLANNED";
    case DatasetChangeRecord::State::kPublished:
      return "PUBLISHED";
    case DatasetChangeRecord::State::kDone:
      return "DONE";
  }
  return "UNKNOWN";
}

absl::StatusOr<JobRecord> GetJob(Connection& connection, const JobId& id) {
  AMAES_ASSIGN_OR_RETURN(Statement row,
                         connection.Prepare(absl::StrCat("SELECT ", kJobColumns, " FROM jobs WHERE id = ?")));
  row.Bind(id.value);
  return One(std::move(row), &ReadJob, absl::StrCat("no job ", id.value));
}

absl::StatusOr<JobRecord> FindJobByName(Connection& connection, const std::string& name) {
  AMAES_ASSIGN_OR_RETURN(
      Statement row,
      connection.Prepare(absl::StrCat("SELECT ", kJobColumns, " FROM jobs WHERE name = ? ORDER BY seq DESC LIMIT 1")));
  row.Bind(name);
  return One(std::move(row), &ReadJob, absl::StrCat("no job with the name ", name));
}

absl::StatusOr<Page<JobRecord>> ListJobs(Connection& connection, const StoreReader::JobFilter& filter, int page_size,
                                         const std::string& cursor) {
  Conditions conditions;
  if (filter.state) conditions.equal.emplace_back("state", JobStateName(*filter.state));
  if (!filter.kind.empty()) conditions.equal.emplace_back("kind", filter.kind);
  if (!filter.name.empty()) conditions.equal.emplace_back("name", filter.name);
  return List(connection, "jobs", kJobColumns, conditions, /*newest_first=*/true, page_size, cursor, &ReadJob);
}

absl::StatusOr<std::vector<JobRecord>> LiveJobs(Connection& connection) {
  AMAES_ASSIGN_OR_RETURN(
      Statement row, connection.Prepare(absl::StrCat("SELECT ", kJobColumns,
                                                     " FROM jobs WHERE state IN "
                                                     "('QUEUED', 'STARTING', 'RUNNING', 'STOPPING') ORDER BY seq")));
  std::vector<JobRecord> jobs;
  while (true) {
    AMAES_ASSIGN_OR_RETURN(const bool more, row.Step());
    if (!more) return jobs;
    AMAES_ASSIGN_OR_RETURN(Row<JobRecord> job, ReadJob(row));
    jobs.push_back(std::move(job.record));
  }
}

absl::StatusOr<AttemptRecord> GetAttempt(Connection& connection, const JobId& job, AttemptNumber number) {
  AMAES_ASSIGN_OR_RETURN(
      Statement row,
      connection.Prepare(absl::StrCat("SELECT ", kAttemptColumns, " FROM attempts WHERE job = ? AND number = ?")));
  row.Bind(job.value).Bind(number);
  AMAES_ASSIGN_OR_RETURN(const bool found, row.Step());
  if (!found) return absl::NotFoundError(absl::StrCat("no attempt ", number, " of job ", job.value));
  AttemptRecord attempt = ReadAttempt(row);
  AMAES_RETURN_IF_ERROR(ReadRanks(connection, attempt));
  return attempt;
}

absl::StatusOr<std::vector<AttemptRecord>> ListAttempts(Connection& connection, const JobId& job) {
  AMAES_ASSIGN_OR_RETURN(
      Statement row,
      connection.Prepare(absl::StrCat("SELECT ", kAttemptColumns, " FROM attempts WHERE job = ? ORDER BY number")));
  row.Bind(job.value);
  std::vector<AttemptRecord> attempts;
  while (true) {
    AMAES_ASSIGN_OR_RETURN(const bool more, row.Step());
    if (!more) return attempts;
    attempts.push_back(ReadAttempt(row));
    AMAES_RETURN_IF_ERROR(ReadRanks(connection, attempts.back()));
  }
}

absl::StatusOr<CheckpointRecord> GetCheckpoint(Connection& connection, const JobId& job, const std::string& name) {
  AMAES_ASSIGN_OR_RETURN(
      Statement row,
      connection.Prepare(absl::StrCat("SELECT ", kCheckpointColumns, " FROM checkpoints WHERE job = ? AND name = ?")));
  row.Bind(job.value).Bind(name);
  return One(std::move(row), &ReadCheckpoint, absl::StrCat("no checkpoint ", name, " of job ", job.value));
}

absl::StatusOr<Page<CheckpointRecord>> ListCheckpoints(Connection& connection,
                                                       const StoreReader::CheckpointFilter& filter, int page_size,
                                                       const std::string& cursor) {
  Conditions conditions;
  if (!filter.job.empty()) conditions.equal.emplace_back("job", filter.job);
  if (filter.state) conditions.equal.emplace_back("state", CheckpointStateName(*filter.state));
  return List(connection, "checkpoints", kCheckpointColumns, conditions, /*newest_first=*/true, page_size, cursor,
              &ReadCheckpoint);
}

absl::StatusOr<DatasetRecord> GetDataset(Connection& connection, const std::string& name, std::int64_t version) {
  AMAES_ASSIGN_OR_RETURN(Statement row, connection.Prepare(absl::StrCat("SELECT ", kDatasetColumns,
                                                                        " FROM datasets WHERE name = ? AND "
                                                                        "(version = ? OR (? = 0 AND retired = ?)) "
                                                                        "ORDER BY version DESC LIMIT 1")));
  row.Bind(name).Bind(version).Bind(version).Bind(absl::InfinitePast());
  return One(std::move(row), &ReadDataset,
             version == 0 ? absl::StrCat("no dataset ", name) : absl::StrCat("no dataset ", name, "@", version));
}

absl::StatusOr<Page<DatasetRecord>> ListDatasets(Connection& connection, const std::string& name, int page_size,
                                                 const std::string& cursor) {
  Conditions conditions;
  if (!name.empty()) conditions.equal.emplace_back("name", name);
  return List(connection, "datasets", kDatasetColumns, conditions, /*newest_first=*/true, page_size, cursor,
              &ReadDataset);
}

absl::StatusOr<std::int64_t> LastDatasetVersion(Connection& connection, const std::string& name) {
  AMAES_ASSIGN_OR_RETURN(Statement row,
                         connection.Prepare("SELECT coalesce(max(version), 0) FROM datasets WHERE name = ?"));
  row.Bind(name);
  AMAES_RETURN_IF_ERROR(row.Step().status());
  return row.Integer();
}

absl::StatusOr<DatasetChangeRecord> GetDatasetChange(Connection& connection, const std::string& request_id) {
  AMAES_ASSIGN_OR_RETURN(Statement row, connection.Prepare(absl::StrCat("SELECT ", kChangeColumns,
                                                                        " FROM dataset_changes WHERE request_id = ?")));
  row.Bind(request_id);
  return One(std::move(row), &ReadChange, absl::StrCat("no change of a dataset by request ", request_id));
}

absl::StatusOr<std::vector<DatasetChangeRecord>> PendingDatasetChanges(Connection& connection) {
  AMAES_ASSIGN_OR_RETURN(Statement row,
                         connection.Prepare(absl::StrCat("SELECT ", kChangeColumns,
                                                         " FROM dataset_changes WHERE state <> 'DONE' ORDER BY seq")));
  std::vector<DatasetChangeRecord> changes;
  while (true) {
    AMAES_ASSIGN_OR_RETURN(const bool more, row.Step());
    if (!more) return changes;
    AMAES_ASSIGN_OR_RETURN(Row<DatasetChangeRecord> change, ReadChange(row));
    changes.push_back(std::move(change.record));
  }
}

absl::StatusOr<Page<EventRecord>> ListEvents(Connection& connection, const JobId& job, int page_size,
                                             const std::string& cursor) {
  Conditions conditions;
  conditions.equal.emplace_back("job", job.value);
  return List(connection, "events", kEventColumns, conditions, /*newest_first=*/false, page_size, cursor, &ReadEvent);
}

absl::StatusOr<StoreReader::RequestRecord> GetRequest(Connection& connection, const std::string& request_id) {
  AMAES_ASSIGN_OR_RETURN(Statement row, connection.Prepare("SELECT body_digest, job FROM requests WHERE id = ?"));
  row.Bind(request_id);
  AMAES_ASSIGN_OR_RETURN(const bool found, row.Step());
  if (!found) return absl::NotFoundError(absl::StrCat("no request ", request_id));
  StoreReader::RequestRecord request;
  request.body_digest = row.Text();
  request.job = JobId(row.Text());
  return request;
}

absl::StatusOr<std::vector<std::pair<JobState, std::int64_t>>> CountJobs(Connection& connection) {
  AMAES_ASSIGN_OR_RETURN(Statement row, connection.Prepare("SELECT state, count(*) FROM jobs GROUP BY state"));
  std::map<std::string, std::int64_t> found;
  while (true) {
    AMAES_ASSIGN_OR_RETURN(const bool more, row.Step());
    if (!more) break;
    const std::string state = row.Text();
    found[state] = row.Integer();
  }
  std::vector<std::pair<JobState, std::int64_t>> counts;
  for (JobState state : {JobState::kQueued, JobState::kStarting, JobState::kRunning, JobState::kStopping,
                         JobState::kSucceeded, JobState::kFailed, JobState::kCancelled}) {
    counts.emplace_back(state, found[JobStateName(state)]);
  }
  return counts;
}

}  // namespace amaes::store
