#include "libs/checkpoint/file_ops.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <memory>
#include <system_error>

#include "libs/base/files.h"

namespace amaes {
namespace {

class SystemFileOps final : public FileOps {
 public:
  absl::Status Write(const std::filesystem::path& path, absl::string_view content) override {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return files::ErrnoStatus(errno, "cannot create", path);
    absl::Status status;
    while (!content.empty() && status.ok()) {
      const ssize_t n = write(fd, content.data(), content.size());
      if (n >= 0) {
        content.remove_prefix(static_cast<std::size_t>(n));
      } else if (errno != EINTR) {
        status = files::ErrnoStatus(errno, "cannot write", path);
      }
    }
    if (close(fd) != 0 && status.ok()) status = files::ErrnoStatus(errno, "cannot close", path);
    return status;
  }
  absl::Status Sync(const std::filesystem::path& path) override { return files::Sync(path); }
  absl::Status Rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    if (rename(from.c_str(), to.c_str()) != 0) return files::ErrnoStatus(errno, "cannot rename", from);
    return absl::OkStatus();
  }
  absl::Status Remove(const std::filesystem::path& path) override {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    if (error) return files::ErrnoStatus(error.value(), "cannot remove", path);
    return absl::OkStatus();
  }
};

}  // namespace

FileOps& RealFileOps() {
  static auto* const ops = new SystemFileOps;
  return *ops;
}

absl::Status ReadBlocks(const std::filesystem::path& path, bool from_disk,
                        const std::function<void(absl::string_view)>& sink) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return files::ErrnoStatus(errno, "cannot open", path);
  if (from_disk) (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);  // only a hint: some file systems ignore it
  constexpr auto kBlock = static_cast<std::size_t>(kCheckpointBlockBytes);
  const auto block = std::make_unique_for_overwrite<char[]>(kBlock);  // small files touch little of it
  std::size_t filled = 0;
  absl::Status status;
  while (true) {
    const ssize_t n = read(fd, block.get() + filled, kBlock - filled);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) status = files::ErrnoStatus(errno, "cannot read", path);
    if (n <= 0) break;
    filled += static_cast<std::size_t>(n);
    if (filled < kBlock) continue;
    sink(absl::string_view(block.get(), kBlock));
    filled = 0;
  }
  close(fd);
  if (status.ok() && filled > 0) sink(absl::string_view(block.get(), filled));
  return status;
}

}  // namespace amaes
