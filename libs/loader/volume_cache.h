// Open stored volumes, the least recently used ones closed.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "absl/status/statusor.h"
#include "libs/base/mutex.h"
#include "libs/dataset/catalogue.h"
#include "libs/volume/stored_volume.h"

namespace amaes {

// Thread-safe.
class VolumeCache {
 public:
  VolumeCache(std::filesystem::path volumes, std::size_t capacity)
      : volumes_(std::move(volumes)),
        capacity_(capacity),
        closed_bytes_(std::make_shared<std::atomic<std::int64_t>>(0)) {}

  // The volume stays usable for as long as it is held, even when it leaves the cache.
  //   - NotFound: not in the store.   - DataLoss: damaged, or another shape than the catalogue's.
  absl::StatusOr<std::shared_ptr<StoredVolume>> Get(const CatalogueEntry& entry);

  // Compressed bytes read through volumes that are closed or in the cache.
  std::int64_t bytes_read();

 private:
  using Handle = std::shared_ptr<StoredVolume>;
  using Order = std::list<std::pair<std::string, Handle>>;  // most recently used first

  absl::StatusOr<Handle> Open(const CatalogueEntry& entry);
  Handle Find(const std::string& volume) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::filesystem::path volumes_;
  const std::size_t capacity_;
  const std::shared_ptr<std::atomic<std::int64_t>> closed_bytes_;
  Mutex mutex_;
  Order order_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, Order::iterator> places_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace amaes
