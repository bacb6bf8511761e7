#include "libs/store/schema.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/store/store.h"

namespace amaes::store {
namespace {

// Says in the file's header whose it is ("amae").
constexpr int kApplicationId = 0x616d6165;

// `seq` is the order of creation: clocks may jump. Times are nanoseconds since 1970, or the smallest and largest
// integer for "never yet" and "never". States are the names of their enums.
constexpr char kVersion1[] = R"sql(
CREATE TABLE jobs (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL, kind TEXT NOT NULL, spec_json TEXT NOT NULL,
  state TEXT NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL,
  priority INTEGER NOT NULL, attempt INTEGER NOT NULL,
  restarts INTEGER NOT NULL, without_progress INTEGER NOT NULL,
  max_restarts INTEGER NOT NULL, no_progress_limit INTEGER NOT NULL,
  not_before INTEGER NOT NULL, cancel_requested INTEGER NOT NULL,
  created INTEGER NOT NULL, started INTEGER NOT NULL, ended INTEGER NOT NULL,
  dataset TEXT NOT NULL, progress_json TEXT NOT NULL,
  revision INTEGER NOT NULL
) STRICT;
CREATE INDEX jobs_by_state ON jobs (state, seq);
CREATE INDEX jobs_by_name ON jobs (name, seq);

CREATE TABLE attempts (
  job TEXT NOT NULL, number INTEGER NOT NULL,
  started INTEGER NOT NULL, ended INTEGER NOT NULL,
  cause TEXT NOT NULL, message TEXT NOT NULL, first_failed_rank INTEGER NOT NULL,
  PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempt_ranks (
  job TEXT NOT NULL, attempt INTEGER NOT NULL, rank INTEGER NOT NULL,
  node TEXT NOT NULL, slot INTEGER NOT NULL, gpu INTEGER NOT NULL,
  PRIMARY KEY (job, attempt, rank)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoints (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  job TEXT NOT NULL, name TEXT NOT NULL,
  step INTEGER NOT NULL, attempt INTEGER NOT NULL,
  state TEXT NOT NULL, message TEXT NOT NULL,
  size_bytes INTEGER NOT NULL, manifest_sha256 TEXT NOT NULL, parent TEXT NOT NULL,
  dataset TEXT NOT NULL, dataset_digest TEXT NOT NULL,
  loss_masked REAL,
  created INTEGER NOT NULL,
  UNIQUE (job, name)
) STRICT;
CREATE INDEX checkpoints_by_job ON checkpoints (job, seq);

CREATE TABLE datasets (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL, version INTEGER NOT NULL,
  digest TEXT NOT NULL, contract_json TEXT NOT NULL,
  volumes INTEGER NOT NULL, training_volumes INTEGER NOT NULL, held_out_volumes INTEGER NOT NULL,
  subjects INTEGER NOT NULL, held_out_subjects INTEGER NOT NULL,
  quarantined INTEGER NOT NULL, duplicates INTEGER NOT NULL, skipped INTEGER NOT NULL,
  stored_bytes INTEGER NOT NULL,
  job TEXT NOT NULL, created INTEGER NOT NULL,
  UNIQUE (name, version)
) STRICT;

CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  job TEXT NOT NULL, time INTEGER NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_job ON events (job, seq);

CREATE TABLE requests (
  id TEXT PRIMARY KEY, body_digest TEXT NOT NULL, job TEXT NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

// Versions that are retired, and changes of datasets.
constexpr char kVersion2[] = R"sql(
ALTER TABLE datasets ADD COLUMN made_by TEXT NOT NULL DEFAULT 'ingest';
ALTER TABLE datasets ADD COLUMN retired INTEGER NOT NULL DEFAULT -9223372036854775808;
CREATE TABLE dataset_changes (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  request_id TEXT NOT NULL UNIQUE,
  dataset TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,
  plan_json TEXT NOT NULL, result_json TEXT NOT NULL,
  created INTEGER NOT NULL
) STRICT;
CREATE INDEX dataset_changes_by_state ON dataset_changes (state, seq);
)sql";

// Checkpoints carry whatever their job measured.
constexpr char kVersion3[] = R"sql(
ALTER TABLE checkpoints ADD COLUMN metrics_json TEXT NOT NULL DEFAULT '{}';
UPDATE checkpoints SET metrics_json = json_object('loss_masked', loss_masked);
ALTER TABLE checkpoints DROP COLUMN loss_masked;
)sql";

// kMigrations[v] makes version v + 1 of version v. Append only.
constexpr const char* kMigrations[] = {kVersion1, kVersion2, kVersion3};
static_assert(std::size(kMigrations) == kStoreSchemaVersion);

absl::StatusOr<int> Number(Connection& connection, const std::string& sql) {
  AMAES_ASSIGN_OR_RETURN(const std::string text, connection.Value(sql));
  int number = 0;
  if (!absl::SimpleAtoi(text, &number)) return absl::InternalError(absl::StrCat("store: '", text, "' for ", sql));
  return number;
}

absl::Status CheckOwner(Connection& connection, const std::filesystem::path& path, int version) {
  AMAES_ASSIGN_OR_RETURN(const int application, Number(connection, "PRAGMA application_id"));
  AMAES_ASSIGN_OR_RETURN(const int tables, Number(connection, "SELECT count(*) FROM sqlite_schema"));
  const bool is_new = version == 0 && application == 0 && tables == 0;
  if (is_new || application == kApplicationId) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(path.string(), " is a SQLite file of another program, no store"));
}

absl::Status CheckContent(Connection& connection, const std::filesystem::path& path) {
  AMAES_ASSIGN_OR_RETURN(const std::string finding, connection.Value("PRAGMA quick_check(1)"));
  if (finding == "ok") return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(path.string(), " is damaged: ", finding, "; restore a backup"));
}

}  // namespace

absl::Status CheckAndMigrate(Connection& connection, const std::filesystem::path& path) {
  AMAES_ASSIGN_OR_RETURN(const int version, Number(connection, "PRAGMA user_version"));
  AMAES_RETURN_IF_ERROR(CheckOwner(connection, path, version));
  if (version > kStoreSchemaVersion) {
    return absl::FailedPreconditionError(absl::StrCat(path.string(), " has schema version ", version,
                                                      ", this program knows versions up to ", kStoreSchemaVersion,
                                                      ": start the newer program that wrote it"));
  }
  AMAES_RETURN_IF_ERROR(CheckContent(connection, path));
  for (int from = version; from < kStoreSchemaVersion; ++from) {
    const absl::Status migrated =
        connection.Execute(absl::StrCat("BEGIN IMMEDIATE; PRAGMA application_id = ", kApplicationId, ";",
                                        kMigrations[from], "PRAGMA user_version = ", from + 1, "; COMMIT"));
    if (!migrated.ok()) {
      if (connection.InTransaction()) connection.Execute("ROLLBACK").IgnoreError();
      return Annotate(migrated, absl::StrCat("cannot bring ", path.string(), " to schema version ", from + 1));
    }
  }
  return absl::OkStatus();
}

}  // namespace amaes::store
