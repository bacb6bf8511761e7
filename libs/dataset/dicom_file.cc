#include "libs/dataset/dicom_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "libs/base/files.h"

namespace amaes {

absl::StatusOr<DicomHeader> ReadDicomHeader(const std::filesystem::path& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (descriptor < 0) return files::ErrnoStatus(errno, "cannot open", path);
  std::string bytes(kDicomGlanceBytes, '\0');
  std::size_t size = 0;
  ssize_t got = 0;
  while (size < bytes.size()) {
    got = read(descriptor, bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
    // Nothing more is needed of a file without the mark.
    if (size >= 132 && !IsDicom(absl::string_view(bytes.data(), size))) break;
  }
  const int error = errno;
  close(descriptor);
  if (got < 0) return files::ErrnoStatus(error, "cannot read", path);
  bytes.resize(size);
  if (!IsDicom(bytes)) return absl::InvalidArgumentError("no DICOM file: the mark DICM is missing");
  return ParseDicomHeader(bytes);
}

}  // namespace amaes
