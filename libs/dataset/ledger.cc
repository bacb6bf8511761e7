#include "libs/dataset/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/ledger_format.h"

namespace amaes {
namespace {

using namespace ledger_format;

class FileLedgerWriter final : public LedgerWriter {
 public:
  FileLedgerWriter(std::filesystem::path path, int fd, std::int64_t length)
      : path_(std::move(path)), fd_(fd), length_(length) {
    if (length == 0) buffer_ = Header();
  }
  ~FileLedgerWriter() override { close(fd_); }
  FileLedgerWriter(const FileLedgerWriter&) = delete;
  FileLedgerWriter& operator=(const FileLedgerWriter&) = delete;

  void Append(const LedgerRecord& record) override { Encode(record, buffer_); }

  // What could not be written stays in the buffer, so that a later call tries again at the same place.
  absl::StatusOr<std::int64_t> Flush() override {
    std::size_t done = 0;
    while (done < buffer_.size()) {
      const ssize_t n = pwrite(fd_, buffer_.data() + done, buffer_.size() - done, length_ + static_cast<off_t>(done));
      if (n < 0 && errno != EINTR) return files::ErrnoStatus(errno, "cannot write", path_);
      if (n > 0) done += static_cast<std::size_t>(n);
    }
    if (fdatasync(fd_) != 0) return files::ErrnoStatus(errno, "cannot flush", path_);
    length_ += static_cast<std::int64_t>(buffer_.size());
    buffer_.clear();
    return length_;
  }

 private:
  std::filesystem::path path_;
  int fd_;
  std::int64_t length_;  // on disk
  std::string buffer_;
};

// What must hold before a ledger is continued at `length` bytes.
absl::Status CheckContinuation(int fd, const std::filesystem::path& path, std::int64_t length) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return files::ErrnoStatus(errno, "cannot stat", path);
  AMAES_RETURN_IF_ERROR(CheckLength(path, info.st_size, length));
  std::string header(kHeaderBytes, '\0');
  if (pread(fd, header.data(), header.size(), 0) != kHeaderBytes) {
    return files::ErrnoStatus(errno, "cannot read", path);
  }
  return CheckHeader(header, path);
}

}  // namespace

absl::StatusOr<std::unique_ptr<LedgerWriter>> LedgerWriter::Open(const std::filesystem::path& path,
                                                                 std::int64_t length) {
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC | (length == 0 ? O_CREAT : 0), 0644);
  if (fd < 0 && errno == ENOENT && length != 0) {
    return absl::DataLossError(
        absl::StrCat(path.string(), " is missing, but the checkpoint says that it has ", length, " bytes"));
  }
  if (fd < 0) return files::ErrnoStatus(errno, "cannot open", path);
  auto writer = std::make_unique<FileLedgerWriter>(path, fd, length);
  if (length != 0) AMAES_RETURN_IF_ERROR(CheckContinuation(fd, path, length));
  if (ftruncate(fd, length) != 0) return files::ErrnoStatus(errno, "cannot truncate", path);
  AMAES_RETURN_IF_ERROR(files::Sync(path.has_parent_path() ? path.parent_path() : std::filesystem::path(".")));
  return writer;
}

absl::StatusOr<std::vector<LedgerRecord>> ReadLedger(const std::filesystem::path& path, std::int64_t length) {
  AMAES_ASSIGN_OR_RETURN(std::string content, files::Read(path));
  AMAES_RETURN_IF_ERROR(CheckHeader(content, path));
  if (length >= 0) {
    AMAES_RETURN_IF_ERROR(CheckLength(path, static_cast<std::int64_t>(content.size()), length));
    content.resize(static_cast<std::size_t>(length));
  }
  std::vector<LedgerRecord> records;
  const std::int64_t bytes = static_cast<std::int64_t>(content.size());
  for (std::int64_t at = kHeaderBytes; at + kRecordBytes <= bytes; at += kRecordBytes) {
    LedgerRecord record;
    if (Decode(content.data() + at, record)) {
      records.push_back(record);
      continue;
    }
    if (length < 0 && at + 2 * kRecordBytes > bytes) break;
    return absl::DataLossError(
        absl::StrCat(path.string(), ": record ", records.size(), " at byte ", at, " is damaged"));
  }
  return records;
}

}  // namespace amaes
