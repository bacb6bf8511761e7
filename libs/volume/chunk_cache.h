// Compressed chunks of stored volumes kept in memory, the least recently used ones dropped. Decoded voxels are never kept.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "libs/base/mutex.h"

namespace amaes {

// Thread-safe.
class ChunkCache {
 public:
  using Chunk = std::shared_ptr<const std::vector<char>>;

  // At no time more than `budget` bytes of chunks (their places take about 150 bytes each on top).
  explicit ChunkCache(std::int64_t budget) : budget_(budget) {}

  // Null when it is not there. A chunk stays usable for as long as it is held.
  Chunk Find(const std::string& volume, std::int64_t chunk);
  // Does nothing with a chunk that is larger than the budget.
  void Put(const std::string& volume, std::int64_t chunk, Chunk content);

  std::int64_t hits() const;   // calls of Find that found something
  std::int64_t bytes() const;  // kept now

 private:
  using Key = std::pair<std::string, std::int64_t>;
  struct Kept {
    Key key;
    Chunk content;
  };

  const std::int64_t budget_;
  mutable Mutex mutex_;
  std::list<Kept> order_ ABSL_GUARDED_BY(mutex_);  // most recently used first
  std::map<Key, std::list<Kept>::iterator> places_ ABSL_GUARDED_BY(mutex_);
  std::int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::int64_t hits_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace amaes
