// Reads one drawn crop, and chooses among crops where a volume has anonymised voxels.
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

// The volume's masks of defaced or blurred voxels (those that are not 0); without masks that are known to hold none. They
// live as long as the entry.
std::vector<const Companion*> AnonymisationMasks(const CatalogueEntry& entry);

// Thread-safe.
class SampleReader {
 public:
  SampleReader(const LoaderOptions& options, std::size_t open_volumes)
      : patch_(options.patch),
        skip_damaged_(options.skip_damaged),
        exclude_anonymised_(options.exclude_anonymised),
        cache_(options.volumes, open_volumes, options.cache_bytes) {}

  // Sets sample.crop to one of the candidates (DrawCropCandidates): the first where nothing is anonymised, or it does not
  // matter, else by ChooseCrop. Under policy skip, damage of a mask sets sample.skipped instead.   Errors as Loader::Next.
  absl::Status Choose(const CatalogueEntry& entry, const std::vector<CropDraw>& candidates, Sample& sample);

  // Fills sample.input from sample.crop, and sample.excluded where the crop holds anonymised voxels (beyond the volume
  // there are none); under policy skip, damage sets sample.skipped instead.   Errors as Loader::Next.
  absl::Status Fill(const CatalogueEntry& entry, Sample& sample);

  std::int64_t bytes_read() { return cache_.bytes_read(); }
  std::int64_t cache_hits() const { return cache_.cache_hits(); }

 private:
  // Of the crop's voxels; empty where none is anonymised.
  absl::StatusOr<std::vector<std::uint8_t>> Excluded(const CatalogueEntry& entry, const CropDraw& crop);
  absl::StatusOr<double> ExcludedShare(const CatalogueEntry& entry, const CropDraw& core);
  // Empties a sample that cannot be read.
  absl::Status Failed(const absl::Status& status, const CatalogueEntry& entry, Sample& sample) const;

  const Shape3 patch_;
  const bool skip_damaged_;
  const bool exclude_anonymised_;
  VolumeCache cache_;
};

}  // namespace amaes
