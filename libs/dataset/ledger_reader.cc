#include "libs/dataset/ledger_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/ledger_format.h"

namespace amaes {
namespace {

using namespace ledger_format;

constexpr char kSuffix[] = ".ledger";
constexpr std::int64_t kRecordsAtOnce = 4096;

class FileLedgerReader final : public LedgerReader {
 public:
  FileLedgerReader(std::filesystem::path path, int fd) : path_(std::move(path)), fd_(fd) {}
  ~FileLedgerReader() override { close(fd_); }
  FileLedgerReader(const FileLedgerReader&) = delete;
  FileLedgerReader& operator=(const FileLedgerReader&) = delete;

  absl::Status Begin(std::int64_t first, std::int64_t length) {
    struct stat info {};
    if (fstat(fd_, &info) != 0) return files::ErrnoStatus(errno, "cannot stat", path_);
    std::string header(kHeaderBytes, '\0');
    AMAES_ASSIGN_OR_RETURN(const std::int64_t got, ReadAt(0, header.data(), kHeaderBytes));
    header.resize(static_cast<std::size_t>(got));
    AMAES_RETURN_IF_ERROR(CheckHeader(header, path_));
    if (length >= 0) AMAES_RETURN_IF_ERROR(CheckLength(path_, info.st_size, length));
    at_ = LedgerLength(first);
    end_ = length >= 0 ? length : info.st_size;
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<LedgerRecord>> Next() override {
    if (at_ + kRecordBytes > end_) return std::nullopt;
    if (used_ + kRecordBytes > static_cast<std::int64_t>(buffer_.size())) AMAES_RETURN_IF_ERROR(Fill());
    LedgerRecord record;
    if (!Decode(buffer_.data() + used_, record)) {
      return absl::DataLossError(absl::StrCat(path_.filename().string(), ": the record at byte ", at_, " is damaged"));
    }
    used_ += kRecordBytes;
    at_ += kRecordBytes;
    return record;
  }

 private:
  absl::Status Fill() {
    const std::int64_t whole = (end_ - at_) / kRecordBytes;
    buffer_.resize(static_cast<std::size_t>(std::min(whole, kRecordsAtOnce) * kRecordBytes));
    used_ = 0;
    AMAES_ASSIGN_OR_RETURN(const std::int64_t got,
                           ReadAt(at_, buffer_.data(), static_cast<std::int64_t>(buffer_.size())));
    if (got == static_cast<std::int64_t>(buffer_.size())) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat(path_.filename().string(), " became shorter while it was read"));
  }

  absl::StatusOr<std::int64_t> ReadAt(std::int64_t position, char* out, std::int64_t size) const {
    std::int64_t done = 0;
    while (done < size) {
      const ssize_t n = pread(fd_, out + done, static_cast<std::size_t>(size - done), position + done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return files::ErrnoStatus(errno, "cannot read", path_);
      if (n == 0) break;
      done += n;
    }
    return done;
  }

  const std::filesystem::path path_;
  const int fd_;
  std::int64_t at_ = 0, end_ = 0;  // of the next record; of all
  std::string buffer_;
  std::int64_t used_ = 0;
};

// Adds what one file skipped; stops at a damaged record.
absl::Status AddSkips(LedgerReader& reader, const std::string& name, std::int64_t first,
                      std::vector<std::int64_t>& out) {
  while (true) {
    const absl::StatusOr<std::optional<LedgerRecord>> record = reader.Next();
    if (absl::IsDataLoss(record.status())) {
      LogWarning("ledger", "the end of an earlier attempt's ledger is damaged", {{"file", name}});
      return absl::OkStatus();
    }
    if (!record.ok()) return record.status();
    if (!record->has_value()) return absl::OkStatus();
    if ((*record)->skipped && (*record)->position >= first) out.push_back((*record)->position);
  }
}

}  // namespace

std::string LedgerName(const LedgerId& id) { return absl::StrCat(id.attempt, "-", id.rank, kSuffix); }

std::optional<LedgerId> ParseLedgerName(const std::string& name) {
  LedgerId id;
  const char* end = name.data() + name.size();
  const auto attempt = std::from_chars(name.data(), end, id.attempt);
  if (attempt.ec != std::errc() || attempt.ptr == end || *attempt.ptr != '-') return std::nullopt;
  const auto rank = std::from_chars(attempt.ptr + 1, end, id.rank);
  if (rank.ec != std::errc() || LedgerName(id) != name || id.attempt < 0 || id.rank < 0) return std::nullopt;
  return id;
}

std::int64_t LedgerLength(std::int64_t records) { return kHeaderBytes + records * kRecordBytes; }

std::optional<std::int64_t> LedgerRecords(std::int64_t length) {
  if (length < kHeaderBytes || (length - kHeaderBytes) % kRecordBytes != 0) return std::nullopt;
  return (length - kHeaderBytes) / kRecordBytes;
}

absl::StatusOr<std::unique_ptr<LedgerReader>> LedgerReader::Open(const std::filesystem::path& path, std::int64_t first,
                                                                 std::int64_t length) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return files::ErrnoStatus(errno, "cannot open", path);
  auto reader = std::make_unique<FileLedgerReader>(path, fd);
  AMAES_RETURN_IF_ERROR(reader->Begin(first, length));
  return reader;
}

absl::StatusOr<std::vector<std::int64_t>> SkippedBeyond(const std::filesystem::path& folder,
                                                        const std::map<std::string, std::int64_t>& kept,
                                                        AttemptNumber before, std::int64_t first) {
  std::vector<std::int64_t> skipped;
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  if (error == std::errc::no_such_file_or_directory) return skipped;
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const std::optional<LedgerId> id = ParseLedgerName(name);
    if (!id || id->attempt >= before) continue;
    const auto found = kept.find(name);
    const std::int64_t records = found == kept.end() ? 0 : LedgerRecords(found->second).value_or(0);
    absl::StatusOr<std::unique_ptr<LedgerReader>> reader = LedgerReader::Open(entry->path(), records);
    if (absl::IsDataLoss(reader.status())) continue;  // killed before the header was written
    if (!reader.ok()) return reader.status();
    AMAES_RETURN_IF_ERROR(AddSkips(**reader, name, first, skipped));
  }
  if (error) return files::ErrnoStatus(error.value(), "cannot list", folder);
  std::sort(skipped.begin(), skipped.end());
  skipped.erase(std::unique(skipped.begin(), skipped.end()), skipped.end());
  return skipped;
}

}  // namespace amaes
