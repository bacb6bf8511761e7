// SQLite behind absl::Status: one connection with its prepared statements. Internal to libs/store; not thread-safe.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace amaes::store {

// A prepared statement while it is in use; the destructor hands it back to the connection. Parameters count from 1
// and are bound in order; columns count from 0 and are read in order.
class Statement {
 public:
  Statement(sqlite3* database, sqlite3_stmt* statement) : database_(database), statement_(statement) {}
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  Statement& Bind(absl::string_view text);
  Statement& Bind(const char* text) { return Bind(absl::string_view(text)); }
  Statement& Bind(const std::string& text) { return Bind(absl::string_view(text)); }
  Statement& Bind(std::int64_t value);
  Statement& Bind(int value) { return Bind(std::int64_t{value}); }
  Statement& Bind(bool value) { return Bind(std::int64_t{value}); }
  Statement& Bind(double value);  // not-a-number becomes NULL
  Statement& Bind(absl::Time time);

  // True: there is a row.
  absl::StatusOr<bool> Step();
  // For statements without rows.
  absl::Status Run() { return Step().status(); }

  std::string Text();
  std::int64_t Integer();
  int Int() { return static_cast<int>(Integer()); }
  double Real();  // NULL becomes not-a-number
  absl::Time Time();

 private:
  void Bound(int code);

  sqlite3* database_;
  sqlite3_stmt* statement_;
  int parameter_ = 0, column_ = 0;
  int bind_code_ = SQLITE_OK;
};

class Connection {
 public:
  // Creates the file unless `read_only`.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::filesystem::path& path, bool read_only);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Prepared once per text.
  absl::StatusOr<Statement> Prepare(absl::string_view sql);
  // One or more statements, whose rows are dropped; not kept.
  absl::Status Execute(const std::string& sql);
  // The first column of the first row, as text.   - NotFound: no row.
  absl::StatusOr<std::string> Value(const std::string& sql);

  // False: a failure of the disk has rolled the transaction back already.
  bool InTransaction() const { return sqlite3_get_autocommit(database_) == 0; }
  // A flush to the disk failed since the connection was opened.
  bool FlushFailed() const { return flush_failed_; }

 private:
  explicit Connection(sqlite3* database) : database_(database) {}

  sqlite3* database_;
  std::map<std::string, sqlite3_stmt*, std::less<>> statements_;
  bool flush_failed_ = false;
};

// The Status for the last error of `database`. The disk is full: ResourceExhausted. Damaged: DataLoss. Other I/O
// errors and locks: Unavailable. The rest: Internal.
absl::Status SqliteStatus(sqlite3* database, absl::string_view what);

}  // namespace amaes::store
