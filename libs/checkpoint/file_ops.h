// Every change that committing or removing a checkpoint makes on disk, one call each, in the order the protocol asks
// for: a test stops after any of them. And the one way files of a checkpoint are read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/checkpoint/checkpoint.h"

namespace amaes {

class FileOps {
 public:
  virtual ~FileOps() = default;
  // Creates or replaces; not flushed.
  virtual absl::Status Write(const std::filesystem::path& path, absl::string_view content) = 0;
  // Flushes a file or a folder.
  virtual absl::Status Sync(const std::filesystem::path& path) = 0;
  // Does not flush the parent folder.
  virtual absl::Status Rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  // A file or a whole folder; missing is no error.
  virtual absl::Status Remove(const std::filesystem::path& path) = 0;
};

// The file system. Never destroyed, thread-safe.
FileOps& RealFileOps();

// The steps behind the functions of the same name in checkpoint.h.
absl::Status CommitCheckpoint(const std::filesystem::path& folder, const CheckpointManifest& manifest, FileOps& ops);
absl::Status RemoveCheckpoint(const std::filesystem::path& folder, FileOps& ops);

inline constexpr char kManifestName[] = "manifest.json";
inline constexpr char kMarkerName[] = "COMMITTED";

// Hands the file to `sink` in blocks of kCheckpointBlockBytes, the last one shorter. `from_disk` asks the kernel to
// drop what it holds of the file first, so that what is read is what was stored.   - NotFound, Unavailable.
absl::Status ReadBlocks(const std::filesystem::path& path, bool from_disk,
                        const std::function<void(absl::string_view)>& sink);
absl::StatusOr<CheckpointFile> DescribeFile(const std::filesystem::path& path, bool from_disk);

// A name that stays in its folder and is neither the manifest's nor the marker's.
bool IsPlainFileName(absl::string_view name);

// Compares the files of the manifest with what lies in `folder`.   - DataLoss.
absl::Status CheckSizes(const std::filesystem::path& folder, const CheckpointManifest& manifest);
absl::Status CheckContents(const std::filesystem::path& folder, const CheckpointManifest& manifest, bool from_disk);

}  // namespace amaes
