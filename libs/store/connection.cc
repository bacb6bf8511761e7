#include "libs/store/connection.h"

#include <errno.h>
#include <unistd.h>

#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"

namespace amaes::store {
namespace {

// How long a statement waits for a lock: only for a backup or a person with the sqlite3 program.
constexpr int kBusyMilliseconds = 5000;

// SQLite takes only ENOSPC for a full disk. A quota or a limit of the file's size means the same to whoever has to
// free space.
template <typename Size>
ssize_t SayNoSpace(Size written) {
  if (written < 0 && (errno == EDQUOT || errno == EFBIG)) errno = ENOSPC;
  return written;
}
ssize_t Write(int descriptor, const void* data, std::size_t size) { return SayNoSpace(write(descriptor, data, size)); }
ssize_t Pwrite(int descriptor, const void* data, std::size_t size, off_t at) {
  return SayNoSpace(pwrite(descriptor, data, size, at));
}

// Which of these calls SQLite uses was decided when it was built.
void UseOurWrites() {
  sqlite3_vfs* const vfs = sqlite3_vfs_find(nullptr);
  if (vfs == nullptr || vfs->iVersion < 3 || vfs->xSetSystemCall == nullptr) return;
  static_assert(sizeof(off_t) == sizeof(std::int64_t), "pwrite and pwrite64 are one");
  vfs->xSetSystemCall(vfs, "write", reinterpret_cast<sqlite3_syscall_ptr>(&Write));
  vfs->xSetSystemCall(vfs, "pwrite", reinterpret_cast<sqlite3_syscall_ptr>(&Pwrite));
  vfs->xSetSystemCall(vfs, "pwrite64", reinterpret_cast<sqlite3_syscall_ptr>(&Pwrite));
}

constexpr std::int64_t kInfinitePast = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kInfiniteFuture = std::numeric_limits<std::int64_t>::max();

}  // namespace

absl::Status SqliteStatus(sqlite3* database, absl::string_view what) {
  const int code = sqlite3_extended_errcode(database);
  const std::string message = absl::StrCat("store: ", what, ": ", sqlite3_errmsg(database), " (SQLite ", code, ")");
  switch (code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return absl::ResourceExhaustedError(message);
    case SQLITE_TOOBIG:
      return absl::InvalidArgumentError(message);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(message);
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return absl::UnavailableError(message);
    default:
      return absl::InternalError(message);
  }
}

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_),
      statement_(std::exchange(other.statement_, nullptr)),
      parameter_(other.parameter_),
      column_(other.column_),
      bind_code_(other.bind_code_) {}

Statement::~Statement() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

void Statement::Bound(int code) {
  if (bind_code_ == SQLITE_OK) bind_code_ = code;
}

Statement& Statement::Bind(absl::string_view text) {
  // Copied: the caller's text may be gone when the statement runs. An empty view may have no address, which would be
  // NULL.
  const char* const data = text.empty() ? "" : text.data();
  Bound(sqlite3_bind_text64(statement_, ++parameter_, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
  return *this;
}

Statement& Statement::Bind(std::int64_t value) {
  Bound(sqlite3_bind_int64(statement_, ++parameter_, value));
  return *this;
}

Statement& Statement::Bind(double value) {
  Bound(sqlite3_bind_double(statement_, ++parameter_, value));
  return *this;
}

Statement& Statement::Bind(absl::Time time) {
  if (time == absl::InfinitePast()) return Bind(kInfinitePast);
  if (time == absl::InfiniteFuture()) return Bind(kInfiniteFuture);
  return Bind(absl::ToUnixNanos(time));
}

absl::StatusOr<bool> Statement::Step() {
  column_ = 0;
  if (bind_code_ != SQLITE_OK) return SqliteStatus(database_, sqlite3_sql(statement_));
  switch (sqlite3_step(statement_)) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return SqliteStatus(database_, sqlite3_sql(statement_));
  }
}

std::string Statement::Text() {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column_));
  const int size = sqlite3_column_bytes(statement_, column_++);
  return text == nullptr ? std::string() : std::string(text, static_cast<std::size_t>(size));
}

std::int64_t Statement::Integer() { return sqlite3_column_int64(statement_, column_++); }

double Statement::Real() {
  if (sqlite3_column_type(statement_, column_) == SQLITE_NULL) {
    ++column_;
    return std::nan("");
  }
  return sqlite3_column_double(statement_, column_++);
}

absl::Time Statement::Time() {
  const std::int64_t nanos = Integer();
  if (nanos == kInfinitePast) return absl::InfinitePast();
  if (nanos == kInfiniteFuture) return absl::InfiniteFuture();
  return absl::FromUnixNanos(nanos);
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::filesystem::path& path, bool read_only) {
  static const bool once = (UseOurWrites(), true);
  (void)once;
  sqlite3* database = nullptr;
  // Each connection is used by one thread at a time; its owner sees to that.
  const int flags =
      SQLITE_OPEN_NOMUTEX | (read_only ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  const int code = sqlite3_open_v2(path.c_str(), &database, flags, nullptr);
  if (database == nullptr) return absl::ResourceExhaustedError("store: no memory for a connection");
  std::unique_ptr<Connection> connection(new Connection(database));
  if (code != SQLITE_OK) return SqliteStatus(database, absl::StrCat("cannot open ", path.string()));
  sqlite3_extended_result_codes(database, 1);
  sqlite3_busy_timeout(database, kBusyMilliseconds);
  if (read_only) AMAES_RETURN_IF_ERROR(connection->Execute("PRAGMA query_only = 1"));
  return connection;
}

Connection::~Connection() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(database_);
}

absl::StatusOr<Statement> Connection::Prepare(absl::string_view sql) {
  auto found = statements_.find(sql);
  if (found == statements_.end()) {
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v3(database_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                        &statement, nullptr);
    if (code != SQLITE_OK) return SqliteStatus(database_, sql);
    found = statements_.emplace(sql, statement).first;
  }
  return Statement(database_, found->second);
}

absl::Status Connection::Execute(const std::string& sql) {
  if (sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return absl::OkStatus();
  const absl::Status status = SqliteStatus(database_, sql);
  const int code = sqlite3_extended_errcode(database_);
  if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC) flush_failed_ = true;
  return status;
}

absl::StatusOr<std::string> Connection::Value(const std::string& sql) {
  AMAES_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  AMAES_ASSIGN_OR_RETURN(const bool row, statement.Step());
  if (!row) return absl::NotFoundError(absl::StrCat("store: no row: ", sql));
  return statement.Text();
}

}  // namespace amaes::store
