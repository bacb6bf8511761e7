// The dataset version that was asked for last, so that paging through its volumes does not read it again for every page.
#pragma once

#include <filesystem>
#include <memory>

#include "absl/status/statusor.h"
#include "libs/base/mutex.h"
#include "libs/dataset/catalogue.h"

namespace amaes {

// Thread-safe.
class CatalogueCache {
 public:
  // Without chunk checksums.   - DataLoss, CATALOGUE_DAMAGED: missing or damaged.
  absl::StatusOr<std::shared_ptr<const DatasetVersion>> Get(const std::filesystem::path& folder);

  // Forgets what it holds.
  void Clear();

 private:
  Mutex mutex_;
  std::filesystem::path folder_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const DatasetVersion> version_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace amaes
