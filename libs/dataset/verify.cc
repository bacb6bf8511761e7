#include "libs/dataset/verify.h"

#include <atomic>
#include <set>
#include <system_error>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/mutex.h"
#include "libs/volume/stored_volume.h"

namespace amaes {
namespace {

// One stored file.
struct Item {
  const CatalogueEntry* entry;
  const Companion* companion;  // null: the volume itself

  const std::string& volume() const { return companion == nullptr ? entry->volume : companion->volume; }
  std::int64_t bytes() const { return companion == nullptr ? entry->stored_bytes : companion->stored_bytes; }
  const std::vector<std::uint32_t>& checksums() const {
    return companion == nullptr ? entry->chunk_checksums : companion->chunk_checksums;
  }
};

std::vector<Item> ItemsOf(const DatasetVersion& version) {
  std::vector<Item> items;
  std::set<std::string> seen;
  for (const CatalogueEntry& entry : version.entries) {
    if (seen.insert(entry.volume).second) items.push_back({&entry, nullptr});
    for (const Companion& companion : entry.companions) {
      if (seen.insert(companion.volume).second) items.push_back({&entry, &companion});
    }
  }
  return items;
}

class Verification {
 public:
  Verification(std::vector<Item> items, const std::filesystem::path& volumes, const VerifyCallbacks& callbacks)
      : items_(std::move(items)), volumes_(volumes), callbacks_(callbacks) {
    progress_.files = static_cast<std::int64_t>(items_.size());
    for (const Item& item : items_) progress_.bytes += item.bytes();
  }

  absl::Status Run(int threads) {
    {
      MutexLock lock(mutex_);
      Tell();
    }
    std::vector<std::thread> others;
    for (int i = 1; i < threads; ++i) others.emplace_back([this] { Work(); });
    Work();
    for (std::thread& thread : others) thread.join();
    return stopped_ ? absl::CancelledError("verification stopped") : absl::OkStatus();
  }

 private:
  void Work() {
    while (!stopped_) {
      const std::size_t index = next_.fetch_add(1);
      if (index >= items_.size()) return;
      const bool whole = Check(items_[index]);
      MutexLock lock(mutex_);
      ++progress_.done;
      progress_.bytes_done += items_[index].bytes();
      progress_.damaged += whole ? 0 : 1;
      Tell();
    }
  }

  void Tell() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (callbacks_.on_progress && !callbacks_.on_progress(progress_)) stopped_ = true;
  }

  // Whether the file is whole.
  bool Check(const Item& item) {
    const std::filesystem::path path = VolumePath(volumes_, item.volume());
    std::error_code error;
    const auto size = static_cast<std::int64_t>(std::filesystem::file_size(path, error));
    const auto stored = StoredVolume::Open(path, item.checksums());
    if (absl::IsNotFound(stored.status())) return Damaged(item, -1, "the file is missing");
    if (!stored.ok()) return Damaged(item, -1, stored.status().message());
    bool whole = true;
    if (error || size != item.bytes()) {
      whole = Damaged(item, -1, absl::StrCat("the file has ", size, " bytes, the catalogue says ", item.bytes()));
    }
    if ((*stored)->shape() != item.entry->shape) {
      whole = Damaged(item, -1,
                      absl::StrCat("the file has the shape ", absl::StrJoin((*stored)->shape(), "x"),
                                   ", the catalogue says ", absl::StrJoin(item.entry->shape, "x")));
    }
    if (item.checksums().empty()) whole = Damaged(item, -1, "the catalogue has no chunk checksums for it");
    for (std::int64_t chunk = 0; chunk < (*stored)->chunk_count() && !stopped_; ++chunk) {
      const absl::Status status = (*stored)->VerifyChunk(chunk);
      if (!status.ok()) whole = Damaged(item, chunk, status.message());
    }
    return whole;
  }

  bool Damaged(const Item& item, std::int64_t chunk, absl::string_view problem) {
    MutexLock lock(mutex_);
    if (callbacks_.on_damage) {
      callbacks_.on_damage({item.volume(), item.entry->subject, item.entry->source,
                            item.companion == nullptr ? "volume" : item.companion->role, chunk, std::string(problem)});
    }
    return false;
  }

  const std::vector<Item> items_;
  const std::filesystem::path& volumes_;
  const VerifyCallbacks& callbacks_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<bool> stopped_ = false;
  Mutex mutex_;
  VerifyProgress progress_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::Status VerifyVersion(const DatasetVersion& version, const std::filesystem::path& volumes, int threads,
                           const VerifyCallbacks& callbacks) {
  return Verification(ItemsOf(version), volumes, callbacks).Run(threads);
}

}  // namespace amaes
