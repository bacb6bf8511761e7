// The voxel digests of the scans in a folder, to compare them with a dataset. Nothing is preprocessed or kept.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/dataset/leakage.h"

namespace amaes {

struct FolderDigestOptions {
  std::filesystem::path from;  // absolute
  std::string layout = "auto";
  std::filesystem::path scratch;  // an empty folder for temporary files
  int processes = 2;              // files read at once
  std::uint64_t memory_limit_bytes = std::uint64_t{4} << 30;
  absl::Duration time_limit = absl::Minutes(5);
  std::vector<std::string> child_command;  // as in IngestOptions
};

struct FolderDigests {
  std::string layout;  // by which it was read
  std::vector<ScanIdentity> scans;
  std::vector<IngestReport::Item> unread;  // scans that could not be read, with the reason
};

// Every file is read in a child process. `on_progress` is told how many scans of how many are done; false stops.
//   - Cancelled: stopped.   - else as RunIngest for the folder and for starting processes.
absl::StatusOr<FolderDigests> DigestFolder(const FolderDigestOptions& options, Clock& clock,
                                           const std::function<bool(std::int64_t done, std::int64_t all)>& on_progress);

}  // namespace amaes
