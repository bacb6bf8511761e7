#include "libs/dataset/dicom_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "libs/base/files.h"

namespace amaes {
namespace {

// Holds the fields of nearly every file; a study has hundreds of files a series.
constexpr std::size_t kFirstBytes = std::size_t{8} << 10;

// Appends to `bytes` until it has `size` bytes or the file ends. False on an error, with errno.
bool ReadUpTo(int descriptor, std::size_t size, std::string& bytes) {
  std::size_t at = bytes.size();
  bytes.resize(size);
  while (at < size) {
    const ssize_t got = read(descriptor, bytes.data() + at, size - at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) break;
    at += static_cast<std::size_t>(got);
  }
  bytes.resize(at);
  return true;
}

}  // namespace

absl::StatusOr<DicomHeader> ReadDicomHeader(const std::filesystem::path& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (descriptor < 0) return files::ErrnoStatus(errno, "cannot open", path);
  std::string bytes;
  DicomHeader header;
  bool is_read = ReadUpTo(descriptor, kFirstBytes, bytes);
  if (is_read && IsDicom(bytes)) {
    header = ParseDicomHeader(bytes);
    if (header.series_uid.empty() && bytes.size() == kFirstBytes) {
      is_read = ReadUpTo(descriptor, kDicomGlanceBytes, bytes);
      if (is_read) header = ParseDicomHeader(bytes);
    }
  }
  const int error = errno;
  close(descriptor);
  if (!is_read) return files::ErrnoStatus(error, "cannot read", path);
  if (!IsDicom(bytes)) return absl::InvalidArgumentError("no DICOM file: the mark DICM is missing");
  return header;
}

}  // namespace amaes
