// Reads one drawn crop.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/dataset/catalogue.h"
#include "libs/loader/loader.h"
#include "libs/loader/volume_cache.h"

namespace amaes {

// - InvalidArgument: names the options that do not fit together.
absl::Status CheckLoaderOptions(const LoaderOptions& options);

// Thread-safe.
class SampleReader {
 public:
  SampleReader(const LoaderOptions& options, std::size_t open_volumes)
      : skip_damaged_(options.skip_damaged), cache_(options.volumes, open_volumes, options.cache_bytes) {}

  // Fills sample.input from sample.crop; under policy skip, damage sets sample.skipped instead.   Errors as
  // Loader::Next.
  absl::Status Fill(const CatalogueEntry& entry, Sample& sample);

  std::int64_t bytes_read() { return cache_.bytes_read(); }
  std::int64_t cache_hits() const { return cache_.cache_hits(); }

 private:
  const bool skip_damaged_;
  VolumeCache cache_;
};

}  // namespace amaes
