// The log files of a job, jobs/JOB/logs/ATTEMPT-RANK.log, as lines with cursors. No gRPC here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "libs/base/ids.h"

namespace amaes {

// Where a reader stands: in which attempt, and how far in the file of each rank. Earlier attempts are read to their end.
struct LogCursor {
  AttemptNumber attempt = 0;
  std::map<int, std::int64_t> offsets;  // bytes; a rank that is missing stands at 0
  bool operator==(const LogCursor&) const = default;
};
// "2.0:1234.1:99": attempt, then rank:offset.
std::string CursorText(const LogCursor& cursor);
// - InvalidArgument, BAD_CURSOR.
absl::StatusOr<LogCursor> ParseCursor(const std::string& text);

struct LogText {
  AttemptNumber attempt = 0;
  int rank = 0;
  std::string text;  // UTF-8; bytes that are none are replaced
};
// False: no more is wanted.
using LogSink = std::function<bool(const LogText&, const LogCursor&)>;

class LogReader {
 public:
  // `ranks` empty: all.
  LogReader(std::filesystem::path folder, std::set<int> ranks) : folder_(std::move(folder)), ranks_(std::move(ranks)) {}

  // The lines of the cursor's attempt that are complete; with `to_end` also a last one without a newline. Lines beyond 64 KiB
  // come in pieces. False once `sink` wants no more.   - Unavailable: I/O error.
  absl::StatusOr<bool> Read(LogCursor& cursor, bool to_end, const LogSink& sink) const;
  // A cursor before the last `lines` lines of each rank of `attempt`.
  LogCursor Tail(AttemptNumber attempt, std::int64_t lines) const;

 private:
  std::filesystem::path PathOf(AttemptNumber attempt, int rank) const;
  std::set<int> RanksOf(AttemptNumber attempt) const;

  std::filesystem::path folder_;
  std::set<int> ranks_;
};

}  // namespace amaes
