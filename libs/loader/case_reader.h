// Reads crops of labelled cases: every channel and the label map, placed on the case's grid.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "libs/base/mutex.h"
#include "libs/dataset/cases.h"
#include "libs/dataset/labels.h"
#include "libs/loader/sample_source.h"
#include "libs/loader/volume_cache.h"

namespace amaes {

struct CaseReaderOptions {
  std::filesystem::path volumes;  // the volume store
  std::int64_t cache_bytes = 0;   // of compressed chunks kept in memory
  bool skip_damaged = false;
};

// Thread-safe.
class CaseReader {
 public:
  // Version and labels must outlive the reader.
  CaseReader(const DatasetVersion& version, const LabelSet& labels, const CaseReaderOptions& options);

  // Fills channels, input and labels of `sample` from its crop, which is of the case's grid: what lies outside the grid, or
  // outside a channel's own stored box, is that channel's minimum, and background. Under policy skip, damage sets `skipped`
  // instead.
  //   - FailedPrecondition: an undeclared label value; names case and value.
  //   - DataLoss: a damaged chunk, named.   - NotFound: a stored volume is missing.
  absl::Status Fill(const LabelledCase& labelled, Sample& sample);

  // ForegroundVoxels of the whole case, kept for the next time. Errors as Fill.
  absl::StatusOr<std::shared_ptr<const std::vector<std::uint32_t>>> Foreground(const LabelledCase& labelled);

  bool skip_damaged() const { return skip_damaged_; }
  std::int64_t bytes_read() { return cache_.bytes_read(); }
  std::int64_t cache_hits() const { return cache_.cache_hits(); }

 private:
  using Voxels = std::shared_ptr<const std::vector<std::uint32_t>>;

  absl::Status FillAll(const LabelledCase& labelled, Sample& sample);
  absl::StatusOr<std::vector<std::uint8_t>> Labels(const LabelledCase& labelled, const CropDraw& crop);

  const DatasetVersion& version_;
  const LabelSet& labels_;
  const bool skip_damaged_;
  VolumeCache cache_;
  Mutex mutex_;
  std::list<std::pair<const LabelledCase*, Voxels>> foregrounds_ ABSL_GUARDED_BY(mutex_);  // newest first
  std::unordered_map<const LabelledCase*, Voxels> found_ ABSL_GUARDED_BY(mutex_);
  std::int64_t foreground_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace amaes
