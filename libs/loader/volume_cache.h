// Open stored volumes, the least recently used ones closed; and compressed chunks of them, closed or not.
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
  // `capacity`: volumes kept open. `chunk_bytes`: budget of the chunks.
  VolumeCache(std::filesystem::path volumes, std::size_t capacity, std::int64_t chunk_bytes = 0)
      : volumes_(std::move(volumes)),
        capacity_(capacity),
        chunks_(chunk_bytes > 0 ? std::make_shared<ChunkCache>(chunk_bytes) : nullptr),
        closed_bytes_(std::make_shared<std::atomic<std::int64_t>>(0)) {}

  // The volume stays usable for as long as it is held, even when it leaves the cache.
  //   - NotFound: not in the store.   - DataLoss: damaged, or another shape than the catalogue's.
  absl::StatusOr<std::shared_ptr<StoredVolume>> Get(const CatalogueEntry& entry);
  // What is stored beside a volume, on its grid.
  absl::StatusOr<std::shared_ptr<StoredVolume>> Get(const CatalogueEntry& owner, const Companion& companion);

  // Compressed bytes read from disk through volumes that are closed or in the cache.
  std::int64_t bytes_read();
  std::int64_t cache_hits() const { return chunks_ == nullptr ? 0 : chunks_->hits(); }

 private:
  using Handle = std::shared_ptr<StoredVolume>;
  using Order = std::list<std::pair<std::string, Handle>>;  // most recently used first

  absl::StatusOr<Handle> Open(const CatalogueEntry& entry);
  Handle Find(const std::string& volume) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::filesystem::path volumes_;
  const std::size_t capacity_;
  const std::shared_ptr<ChunkCache> chunks_;
  const std::shared_ptr<std::atomic<std::int64_t>> closed_bytes_;
  Mutex mutex_;
  Order order_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, Order::iterator> places_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace amaes
