#include "libs/base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <atomic>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"

namespace amaes::files {
namespace {

// Closes on scope exit; a failed close of a read-only descriptor loses nothing.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

absl::Status WriteAll(int fd, absl::string_view content, const std::filesystem::path& path) {
  while (!content.empty()) {
    const ssize_t n = write(fd, content.data(), content.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, "cannot write", path);
    }
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ErrnoStatus(int error, absl::string_view what, const std::filesystem::path& path) {
  const std::string message = absl::StrCat(what, " ", path.string(), ": ", strerror(error));
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(message);
    case EEXIST:
      return absl::AlreadyExistsError(message);
    case ENOSPC:
    case EDQUOT:
      return absl::ResourceExhaustedError(message);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(message);
    default:
      return absl::UnavailableError(message);
  }
}

absl::StatusOr<std::string> Read(const std::filesystem::path& path, std::size_t max_bytes) {
  const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return ErrnoStatus(errno, "cannot open", path);
  std::string content;
  char buffer[1 << 16];
  while (true) {
    const ssize_t n = read(fd.get(), buffer, sizeof(buffer));
    if (n == 0) return content;
    if (n < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, "cannot read", path);
    }
    if (content.size() + static_cast<std::size_t>(n) > max_bytes) {
      return absl::ResourceExhaustedError(absl::StrCat(path.string(), " is larger than ", max_bytes, " bytes"));
    }
    content.append(buffer, static_cast<std::size_t>(n));
  }
}

absl::Status WriteAtomic(const std::filesystem::path& path, absl::string_view content) {
  static std::atomic<unsigned> counter{0};
  const std::filesystem::path temporary = absl::StrCat(path.string(), ".tmp-", getpid(), "-", counter.fetch_add(1));
  {
    const Descriptor fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (fd.get() < 0) return ErrnoStatus(errno, "cannot create", temporary);
    absl::Status status = WriteAll(fd.get(), content, temporary);
    if (status.ok() && fsync(fd.get()) != 0) status = ErrnoStatus(errno, "cannot flush", temporary);
    if (!status.ok()) {
      unlink(temporary.c_str());
      return status;
    }
  }
  const absl::Status renamed = Rename(temporary, path);
  if (!renamed.ok()) unlink(temporary.c_str());
  return renamed;
}

absl::Status Sync(const std::filesystem::path& path) {
  const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return ErrnoStatus(errno, "cannot open", path);
  if (fsync(fd.get()) != 0) return ErrnoStatus(errno, "cannot flush", path);
  return absl::OkStatus();
}

absl::Status Rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (rename(from.c_str(), to.c_str()) != 0)
    return ErrnoStatus(errno, absl::StrCat("cannot rename to ", to.string()), from);
  return Sync(to.has_parent_path() ? to.parent_path() : std::filesystem::path("."));
}

absl::Status MakeFolders(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return ErrnoStatus(error.value(), "cannot create folder", path);
  return absl::OkStatus();
}

}  // namespace amaes::files
