// Files: whole reads, durable atomic writes. All functions are thread-safe; paths in messages are as given.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace amaes::files {

// The whole file.
//   - NotFound: no such file.   - ResourceExhausted: larger than `max_bytes`.   - Unavailable: any other I/O error.
absl::StatusOr<std::string> Read(const std::filesystem::path& path, std::size_t max_bytes = std::size_t{1} << 31);

// Writes beside `path`, flushes, renames over it, flushes the folder: after a crash there is the old file or the new one.
//   - ResourceExhausted: no space left.   - Unavailable: any other I/O error.
absl::Status WriteAtomic(const std::filesystem::path& path, absl::string_view content);

// fsync of a file or a folder.
absl::Status Sync(const std::filesystem::path& path);

// Renames and flushes the parent folder of `to`.
absl::Status Rename(const std::filesystem::path& from, const std::filesystem::path& to);

// mkdir -p.
absl::Status MakeFolders(const std::filesystem::path& path);

// The Status for errno: ENOENT NotFound, EEXIST AlreadyExists, ENOSPC and EDQUOT ResourceExhausted,
// EACCES, EPERM and EROFS PermissionDenied, else Unavailable. The message is "WHAT PATH: strerror".
absl::Status ErrnoStatus(int error, absl::string_view what, const std::filesystem::path& path);

}  // namespace amaes::files
