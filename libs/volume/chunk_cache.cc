#include "libs/volume/chunk_cache.h"

namespace amaes {

ChunkCache::Chunk ChunkCache::Find(const std::string& volume, std::int64_t chunk) {
  MutexLock lock(mutex_);
  const auto found = places_.find({volume, chunk});
  if (found == places_.end()) return nullptr;
  order_.splice(order_.begin(), order_, found->second);
  ++hits_;
  return found->second->content;
}

void ChunkCache::Put(const std::string& volume, std::int64_t chunk, Chunk content) {
  const auto size = static_cast<std::int64_t>(content->size());
  if (size > budget_) return;
  std::list<Kept> dropped;  // freed after the lock is released
  MutexLock lock(mutex_);
  Key key{volume, chunk};
  if (places_.contains(key)) return;  // another thread read it too
  while (bytes_ + size > budget_) {
    bytes_ -= static_cast<std::int64_t>(order_.back().content->size());
    places_.erase(order_.back().key);
    dropped.splice(dropped.begin(), order_, std::prev(order_.end()));
  }
  order_.push_front({key, std::move(content)});
  places_.emplace(std::move(key), order_.begin());
  bytes_ += size;
}

std::int64_t ChunkCache::hits() const {
  MutexLock lock(mutex_);
  return hits_;
}

std::int64_t ChunkCache::bytes() const {
  MutexLock lock(mutex_);
  return bytes_;
}

}  // namespace amaes
