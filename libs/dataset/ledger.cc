#include "libs/dataset/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/digest.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"

namespace amaes {
namespace {

static_assert(std::endian::native == std::endian::little, "ledgers are little-endian");

// Header: magic, format version, bytes per record. Record: position, volume, flags (bit 0: skipped), CRC-32C of the
// rest.
constexpr char kMagic[] = "AMAESLDG";
constexpr std::uint32_t kFormatVersion = 1;
constexpr std::int64_t kHeaderBytes = 16;
constexpr std::int64_t kRecordBytes = 24;
constexpr std::size_t kCheckedBytes = 20;
constexpr std::uint32_t kSkippedFlag = 1;

std::string Header() {
  const std::uint32_t numbers[2] = {kFormatVersion, static_cast<std::uint32_t>(kRecordBytes)};
  std::string header(kMagic, 8);
  header.append(reinterpret_cast<const char*>(numbers), sizeof(numbers));
  return header;
}

absl::Status CheckHeader(const std::string& content, const std::filesystem::path& path) {
  if (content.size() < kHeaderBytes || content.compare(0, 8, kMagic) != 0) {
    return absl::DataLossError(absl::StrCat(path.string(), " is not a ledger: no header"));
  }
  std::uint32_t numbers[2];
  std::memcpy(numbers, content.data() + 8, sizeof(numbers));
  if (numbers[0] > kFormatVersion) {
    return absl::DataLossError(absl::StrCat(path.string(), " has ledger format ", numbers[0],
                                            "; this program reads up to ", kFormatVersion, ": use a newer one"));
  }
  if (numbers[0] == 0 || numbers[1] != kRecordBytes) {
    return absl::DataLossError(absl::StrCat(path.string(), ": damaged ledger header"));
  }
  return absl::OkStatus();
}

void Encode(const LedgerRecord& record, std::string& out) {
  char bytes[kRecordBytes];
  const std::uint32_t flags = record.skipped ? kSkippedFlag : 0;
  std::memcpy(bytes, &record.position, 8);
  std::memcpy(bytes + 8, &record.volume, 8);
  std::memcpy(bytes + 16, &flags, 4);
  const std::uint32_t crc = Crc32c(bytes, kCheckedBytes);
  std::memcpy(bytes + kCheckedBytes, &crc, 4);
  out.append(bytes, sizeof(bytes));
}

// False when the record is torn or damaged.
bool Decode(const char* bytes, LedgerRecord& record) {
  std::uint32_t flags = 0, crc = 0;
  std::memcpy(&record.position, bytes, 8);
  std::memcpy(&record.volume, bytes + 8, 8);
  std::memcpy(&flags, bytes + 16, 4);
  std::memcpy(&crc, bytes + kCheckedBytes, 4);
  record.skipped = (flags & kSkippedFlag) != 0;
  return crc == Crc32c(bytes, kCheckedBytes) && (flags & ~kSkippedFlag) == 0;
}

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

// `length` is what a checkpoint states, `bytes` what the file has.
absl::Status CheckLength(const std::filesystem::path& path, std::int64_t bytes, std::int64_t length) {
  if (bytes < length) {
    return absl::DataLossError(absl::StrCat(path.string(), " has ", bytes, " bytes, but the checkpoint says ", length,
                                            ": ledger records are lost"));
  }
  if (length < kHeaderBytes || (length - kHeaderBytes) % kRecordBytes != 0) {
    return absl::DataLossError(
        absl::StrCat(path.string(), ": ", length, " bytes are no whole number of ledger records"));
  }
  return absl::OkStatus();
}

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
