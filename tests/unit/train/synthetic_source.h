// Samples of brain-like volumes that are computed, not read: an ellipsoid with a folded texture, different per volume.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "libs/dataset/sample_stream.h"
#include "libs/draws/draws.h"
#include "libs/train/data_source.h"

namespace amaes {

inline constexpr Shape3 kSyntheticShape{44, 40, 48};
inline constexpr char kSyntheticDigest[] = "digest-of-synthetic-volumes";

inline float SyntheticVoxel(std::int64_t volume, std::int64_t x, std::int64_t y, std::int64_t z) {
  const double u = (x - 21.5) / 20, v = (y - 19.5) / 18, w = (z - 23.5) / 22;
  const double radius = u * u + v * v + w * w;
  if (radius > 1) return 0.0f;
  const double phase = 0.7 * static_cast<double>(volume);
  const double folds = std::sin(6 * u + phase) * std::cos(5 * v - phase) * std::sin(4 * w + 1);
  return static_cast<float>(0.55 + 0.25 * folds - 0.2 * radius);
}

inline std::vector<float> SyntheticCrop(std::int64_t volume, const CropDraw& crop) {
  std::vector<float> out;
  out.reserve(VoxelCount(crop.size));
  for (std::int64_t x = 0; x < crop.size[0]; ++x) {
    for (std::int64_t y = 0; y < crop.size[1]; ++y) {
      for (std::int64_t z = 0; z < crop.size[2]; ++z) {
        out.push_back(SyntheticVoxel(volume, crop.start[0] + x, crop.start[1] + y, crop.start[2] + z));
      }
    }
  }
  return out;
}

class SyntheticLoader final : public Loader {
 public:
  SyntheticLoader(LoaderOptions options, std::int64_t volumes, std::set<std::int64_t> skipped,
                  std::int64_t fails_at = -1)
      : options_(std::move(options)),
        stream_(options_.seed, kSyntheticDigest, volumes),
        skipped_(std::move(skipped)),
        fails_at_(fails_at),
        step_(options_.first_step),
        lane_(options_.lanes.first) {}

  absl::StatusOr<Sample> Next() override {
    Sample sample;
    sample.position = step_ * options_.global_batch + lane_;
    if (sample.position == fails_at_) return absl::UnavailableError("the disk is gone");
    sample.volume = stream_.VolumeAt(sample.position);
    sample.shape = options_.patch;
    sample.crop = DrawCrop(stream_.draw_seed(), sample.position, kSyntheticShape, options_.patch);
    sample.token_mask =
        DrawTokenMask(stream_.draw_seed(), sample.position, options_.patch, options_.token, options_.mask_ratio);
    const auto& earlier = options_.skip_positions;
    sample.skipped = skipped_.contains(sample.position) ||
                     (earlier != nullptr && std::binary_search(earlier->begin(), earlier->end(), sample.position));
    if (!sample.skipped) sample.input = SyntheticCrop(sample.volume, sample.crop);
    if (++lane_ == options_.lanes.last) {
      lane_ = options_.lanes.first;
      ++step_;
    }
    return sample;
  }
  absl::Duration data_wait() const override { return absl::ZeroDuration(); }
  std::int64_t bytes_read() const override { return 0; }
  std::int64_t cache_hits() const override { return 0; }

 private:
  const LoaderOptions options_;
  const SampleStream stream_;
  const std::set<std::int64_t> skipped_;
  const std::int64_t fails_at_;
  std::int64_t step_, lane_;
};

struct SyntheticSource final : DataSource {
  std::int64_t volumes = 5, held_out = 2;
  std::set<std::int64_t> skipped;  // positions
  std::int64_t fails_at = -1;      // position
  LoaderOptions options;           // of the rank

  absl::StatusOr<std::unique_ptr<Loader>> OpenLoader(std::int64_t first_step, SkipPositions skip_positions) override {
    LoaderOptions own = options;
    own.first_step = first_step;
    own.skip_positions = std::move(skip_positions);
    return std::make_unique<SyntheticLoader>(own, volumes, skipped, fails_at);
  }
  absl::StatusOr<std::vector<Sample>> FixedCrops(Split split, std::int64_t count) override {
    std::vector<Sample> crops;
    const std::int64_t first = split == Split::kTrain ? 0 : volumes;
    const std::int64_t of = split == Split::kTrain ? volumes : held_out;
    for (std::int64_t i = 0; of > 0 && i < count; ++i) {
      Sample sample;
      sample.position = i;
      sample.fixed = true;
      sample.volume = i % of;
      sample.shape = options.patch;
      sample.crop = DrawValidationCrop(options.seed, i, kSyntheticShape, options.patch);
      sample.input = SyntheticCrop(first + sample.volume, sample.crop);
      sample.token_mask = DrawValidationMask(options.seed, i, options.patch, options.token, options.mask_ratio);
      crops.push_back(std::move(sample));
    }
    return crops;
  }
};

}  // namespace amaes
