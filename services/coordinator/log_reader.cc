#include "services/coordinator/log_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "libs/base/files.h"
#include "libs/base/utf8.h"
#include "libs/rpc/errors.h"

namespace amaes {
namespace {

constexpr std::size_t kLongestLine = 64 << 10;
constexpr std::size_t kReadBytes = 256 << 10;
constexpr char kReplacementCharacter[] = "\xEF\xBF\xBD";

// What stands at `offset`, at most `size` bytes. A missing file is an empty one.
absl::StatusOr<std::string> ReadAt(const std::filesystem::path& path, std::int64_t offset, std::size_t size) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0)
    return errno == ENOENT ? absl::StatusOr<std::string>("") : files::ErrnoStatus(errno, "open", path);
  const absl::Cleanup close_file = [descriptor] { close(descriptor); };
  std::string out(size, '\0');
  ssize_t got = 0;
  do {
    got = pread(descriptor, out.data(), size, offset);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return files::ErrnoStatus(errno, "read", path);
  out.resize(static_cast<std::size_t>(got));
  return out;
}

}  // namespace

std::string CursorText(const LogCursor& cursor) {
  std::string text = absl::StrCat(cursor.attempt);
  for (const auto& [rank, offset] : cursor.offsets) absl::StrAppend(&text, ".", rank, ":", offset);
  return text;
}

absl::StatusOr<LogCursor> ParseCursor(const std::string& text) {
  const absl::Status bad = ErrorWithReason(absl::StatusCode::kInvalidArgument, "BAD_CURSOR",
                                           absl::StrCat("'", text, "' is no cursor of a log line"), {{"cursor", text}});
  const std::vector<std::string> parts = absl::StrSplit(text, '.');
  LogCursor cursor;
  if (!absl::SimpleAtoi(parts[0], &cursor.attempt) || cursor.attempt < 1) return bad;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::vector<std::string> halves = absl::StrSplit(parts[i], ':');
    int rank = 0;
    std::int64_t offset = 0;
    if (halves.size() != 2 || !absl::SimpleAtoi(halves[0], &rank) || !absl::SimpleAtoi(halves[1], &offset) ||
        rank < 0 || offset < 0) {
      return bad;
    }
    cursor.offsets[rank] = offset;
  }
  return cursor;
}

std::filesystem::path LogReader::PathOf(AttemptNumber attempt, int rank) const {
  return folder_ / absl::StrFormat("%03d-%03d.log", attempt, rank);
}

std::set<int> LogReader::RanksOf(AttemptNumber attempt) const {
  std::set<int> ranks;
  std::error_code ignored;
  const std::string prefix = absl::StrFormat("%03d-", attempt);
  for (const auto& entry : std::filesystem::directory_iterator(folder_, ignored)) {
    const std::string name = entry.path().filename().string();
    int rank = 0;
    if (name.rfind(prefix, 0) != 0 || entry.path().extension() != ".log") continue;
    if (!absl::SimpleAtoi(name.substr(prefix.size(), name.size() - prefix.size() - 4), &rank)) continue;
    if (ranks_.empty() || ranks_.contains(rank)) ranks.insert(rank);
  }
  return ranks;
}

absl::StatusOr<bool> LogReader::Read(LogCursor& cursor, bool to_end, const LogSink& sink) const {
  for (const int rank : RanksOf(cursor.attempt)) {
    std::int64_t& offset = cursor.offsets[rank];
    while (true) {
      const absl::StatusOr<std::string> read = ReadAt(PathOf(cursor.attempt, rank), offset, kReadBytes);
      if (!read.ok()) return read.status();
      absl::string_view rest = *read;
      const bool last = read->size() < kReadBytes;
      while (!rest.empty()) {
        const std::size_t newline = rest.find('\n');
        std::size_t length = std::min(newline, kLongestLine);
        if (length > rest.size()) {  // no newline yet
          if (!last || !to_end) break;
          length = rest.size();
        }
        const std::size_t taken = length + (length == newline ? 1 : 0);
        offset += static_cast<std::int64_t>(taken);
        if (!sink({cursor.attempt, rank, ReplaceInvalidUtf8(rest.substr(0, length), kReplacementCharacter)}, cursor))
          return false;
        rest.remove_prefix(taken);
      }
      if (last) break;
    }
  }
  return true;
}

LogCursor LogReader::Tail(AttemptNumber attempt, std::int64_t lines) const {
  LogCursor cursor{attempt, {}};
  for (const int rank : RanksOf(attempt)) {
    const std::filesystem::path path = PathOf(attempt, rank);
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(path, error);
    std::int64_t begin = error ? 0 : static_cast<std::int64_t>(size);
    // The newline that ends the last line is not one between two lines.
    std::int64_t left = lines;
    bool at_end = true;
    while (begin > 0 && left >= 0) {
      const std::int64_t from = std::max<std::int64_t>(0, begin - static_cast<std::int64_t>(kReadBytes));
      const absl::StatusOr<std::string> block = ReadAt(path, from, static_cast<std::size_t>(begin - from));
      if (!block.ok() || block->empty()) break;
      std::size_t place = block->size();
      if (at_end && block->back() == '\n') --place;
      at_end = false;
      while (place > 0 && left > 0) {
        const std::size_t newline = block->rfind('\n', place - 1);
        place = newline == std::string::npos ? 0 : newline;
        if (newline != std::string::npos) --left;
      }
      begin = from + static_cast<std::int64_t>(place);
      if (left == 0) {
        ++begin;  // after that newline
        break;
      }
    }
    cursor.offsets[rank] = begin;
  }
  return cursor;
}

}  // namespace amaes
