// The folder of stored volumes: finding a volume again, writing one, clearing away what a killed writer left.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/dataset/catalogue.h"

namespace amaes {

// Looks for the volume `entry.volume`, made from `entry.voxel_digest`. True when it is there with its record, and every
// chunk of it is whole; then shape, statistics, stored_bytes and checksums of `entry` are filled.
bool FindStored(const std::filesystem::path& volumes, CatalogueEntry& entry);

// Writes the volume under `entry.volume`, reads it back for its statistics, and writes its record; fills `entry` likewise.
// `resolution` as WriteStoredVolume; `index` addresses the fault point between volume and record.
//   - InvalidArgument: the volume cannot be stored (WriteStoredVolume).   - Internal: the codec failed.
//   - ResourceExhausted, PermissionDenied, Unavailable, DataLoss: the store cannot be used.
absl::Status StoreVolume(const std::filesystem::path& volumes, const Volume& volume, double resolution,
                         std::int64_t index, CatalogueEntry& entry);

// Every value of a stored label map with its number of voxels, ascending; empty when there are more than
// kMostLabelValues.   - NotFound, DataLoss, Unavailable: as StoredVolume.
absl::StatusOr<std::vector<LabelValue>> CountValues(const std::filesystem::path& volumes, const CatalogueEntry& entry);

// Removes temporary files and folders (NAME.tmp-PID-N) that writers left behind. One goes when it was last written more
// than a day before `now`, the longest that a writer may live (spec field time_limit_seconds), and no process with its
// number runs here; a writer on another machine is past its time as well. Returns how many went. Never fails: what
// cannot be looked at stays.
std::int64_t RemoveAbandoned(const std::filesystem::path& volumes, absl::Time now);

}  // namespace amaes
