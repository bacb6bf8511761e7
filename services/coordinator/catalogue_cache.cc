#include "services/coordinator/catalogue_cache.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/rpc/errors.h"

namespace amaes {

absl::StatusOr<std::shared_ptr<const DatasetVersion>> CatalogueCache::Get(const std::filesystem::path& folder) {
  MutexLock lock(mutex_);
  if (folder == folder_) return version_;
  absl::StatusOr<DatasetVersion> read = ReadVersion(folder);
  if (!read.ok()) {
    return ErrorWithReason(absl::StatusCode::kDataLoss, "CATALOGUE_DAMAGED",
                           absl::StrCat("the catalogue of ", folder.parent_path().filename().string(), "@",
                                        folder.filename().string(), " cannot be read: ", read.status().message()));
  }
  for (CatalogueEntry& entry : read->entries) std::vector<std::uint32_t>().swap(entry.chunk_checksums);
  version_ = std::make_shared<const DatasetVersion>(*std::move(read));
  folder_ = folder;
  return version_;
}

void CatalogueCache::Clear() {
  MutexLock lock(mutex_);
  folder_.clear();
  version_.reset();
}

}  // namespace amaes
