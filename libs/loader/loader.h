// Crops ready ahead of the step, as plain buffers. Reads only the region that the draws need.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/dataset/catalogue.h"
#include "libs/dataset/selection.h"
#include "libs/draws/augment_draws.h"
#include "libs/draws/draws.h"
#include "libs/loader/sample_source.h"

namespace amaes {

struct LoaderOptions {
  std::filesystem::path volumes;  // the volume store
  std::uint64_t seed = 1;
  Shape3 patch = Cube(128);
  std::int64_t token = 4;
  double mask_ratio = 0.6;
  Augmentation augmentation{};  // of training samples; fixed crops have none
  std::int64_t global_batch = 1;
  LaneRange lanes;                                       // of this rank
  std::shared_ptr<const Selection> selection = nullptr;  // of the version; null: every training volume once
  std::int64_t first_step = 0;                           // where to begin (resume): O(1)
  int threads = 1;                                       // 0 = read in Next()
  std::int64_t prefetch = 4;                             // samples ready or in work ahead
  std::int64_t cache_bytes = 0;                          // of compressed chunks kept in memory
  bool skip_damaged = false;
  // Anonymised voxels (a volume's mask says which) are without weight, and crops keep away from them.
  bool exclude_anonymised = true;
  std::vector<std::string> groups{};  // of the version: ModalityGroups; empty: nothing is told apart
  // Positions that are skipped unread, ascending: an earlier attempt skipped them. Null: none.
  std::shared_ptr<const std::vector<std::int64_t>> skip_positions = nullptr;
};

// How a loader works ahead.
struct LoaderThreads {
  int threads = 1;            // 0 = read in Next()
  std::int64_t prefetch = 4;  // samples ready or in work ahead; positive when there are threads
};

// One consumer thread. The destructor stops and joins.
class Loader {
 public:
  // `version` and `clock` outlive the loader.
  //   - InvalidArgument: no training volume in the version, or options that do not fit together.
  static absl::StatusOr<std::unique_ptr<Loader>> Create(const DatasetVersion& version, const LoaderOptions& options,
                                                        Clock& clock);
  // Over any source. `clock` outlives the loader.
  static std::unique_ptr<Loader> Create(std::unique_ptr<SampleSource> source, const LoaderThreads& threads,
                                        Clock& clock);
  virtual ~Loader() = default;
  // The next sample of this rank: lanes in order, steps in order. Blocks until it is ready.
  //   - DataLoss: a damaged chunk (policy fail), volume and chunk named.   - NotFound: a stored volume is missing.
  // An error stands for its sample: the next call goes on with the following one.
  virtual absl::StatusOr<Sample> Next() = 0;
  // Time that Next spent waiting, in all. Thread-safe.
  virtual absl::Duration data_wait() const = 0;
  // Compressed bytes read from stored volumes on disk so far. Thread-safe.
  virtual std::int64_t bytes_read() const = 0;
  // Chunks that were in memory already. Thread-safe.
  virtual std::int64_t cache_hits() const = 0;
};

// Fixed crops with fixed masks for validation, spread over the selected volumes of `split`: in an order keyed by
// the dataset, each volume once before any comes again. The same for every run with the same dataset, filter, patch, token and
// ratio, whatever its seed. At most `count`; none when the split is empty.   Errors as Next.
absl::StatusOr<std::vector<Sample>> LoadFixedCrops(const DatasetVersion& version, Split split, std::int64_t count,
                                                   const LoaderOptions& options);

}  // namespace amaes
