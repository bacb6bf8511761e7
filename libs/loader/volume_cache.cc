#include "libs/loader/volume_cache.h"

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"

namespace amaes {

absl::StatusOr<VolumeCache::Handle> VolumeCache::Open(const CatalogueEntry& entry) {
  const std::filesystem::path path = VolumePath(volumes_, entry.volume);
  AMAES_ASSIGN_OR_RETURN(std::unique_ptr<StoredVolume> opened,
                         StoredVolume::Open(path, entry.chunk_checksums, {chunks_, entry.volume}));
  if (opened->shape() != entry.shape) {
    const auto text = [](const Shape3& s) { return absl::StrCat(s[0], "x", s[1], "x", s[2]); };
    return absl::DataLossError(
        absl::StrCat("its shape is ", text(opened->shape()), ", the catalogue says ", text(entry.shape)));
  }
  return Handle(opened.release(), [total = closed_bytes_](StoredVolume* volume) {
    *total += volume->bytes_read();
    delete volume;
  });
}

VolumeCache::Handle VolumeCache::Find(const std::string& volume) {
  const auto found = places_.find(volume);
  if (found == places_.end()) return nullptr;
  order_.splice(order_.begin(), order_, found->second);
  return found->second->second;
}

absl::StatusOr<std::shared_ptr<StoredVolume>> VolumeCache::Get(const CatalogueEntry& entry) {
  {
    MutexLock lock(mutex_);
    if (Handle handle = Find(entry.volume)) return handle;
  }
  // Opened without the lock: a slow file system must not hold up the other threads.
  AMAES_ASSIGN_OR_RETURN(Handle opened, Open(entry));
  Handle evicted;  // closed after the lock is released
  MutexLock lock(mutex_);
  if (Handle handle = Find(entry.volume)) return handle;
  order_.emplace_front(entry.volume, opened);
  places_[entry.volume] = order_.begin();
  if (order_.size() > capacity_) {
    evicted = std::move(order_.back().second);
    places_.erase(order_.back().first);
    order_.pop_back();
  }
  return opened;
}

absl::StatusOr<std::shared_ptr<StoredVolume>> VolumeCache::Get(const CatalogueEntry& owner,
                                                               const Companion& companion) {
  CatalogueEntry entry;
  entry.volume = companion.volume;
  entry.shape = owner.shape;
  entry.chunk_checksums = companion.chunk_checksums;
  return Get(entry);
}

std::int64_t VolumeCache::bytes_read() {
  MutexLock lock(mutex_);
  std::int64_t bytes = *closed_bytes_;
  for (const auto& [volume, handle] : order_) bytes += handle->bytes_read();
  return bytes;
}

}  // namespace amaes
