// Labelled cases that are computed, not read: the volumes of synthetic_source.h, their bright folds one class.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/train/synthetic_source.h"

namespace amaes {

inline constexpr char kLabelledClasses[] = "fold=1";
inline constexpr float kFold = 0.55f;

inline Sample LabelledSample(std::int64_t position, std::int64_t volume, const CropDraw& crop, const Shape3& patch) {
  Sample sample;
  sample.position = position;
  sample.volume = volume;
  sample.shape = patch;
  sample.crop = crop;
  sample.input = SyntheticCrop(volume, crop);
  for (const float voxel : sample.input) sample.labels.push_back(voxel > kFold ? 1 : 0);
  return sample;
}

class LabelledLoader final : public Loader {
 public:
  LabelledLoader(LoaderOptions options, std::int64_t damaged_at)
      : options_(std::move(options)), damaged_at_(damaged_at), lane_(options_.lanes.first) {}

  absl::StatusOr<Sample> Next() override {
    const std::int64_t position = step_ * options_.global_batch + lane_;
    if (++lane_ == options_.lanes.last) {
      lane_ = options_.lanes.first;
      ++step_;
    }
    if (position == damaged_at_) return absl::DataLossError("volume 3, chunk 5: checksum");
    return LabelledSample(position, position % 4, DrawCrop(options_.seed, position, kSyntheticShape, options_.patch),
                          options_.patch);
  }
  absl::Duration data_wait() const override { return absl::ZeroDuration(); }
  std::int64_t bytes_read() const override { return 0; }
  std::int64_t cache_hits() const override { return 0; }

 private:
  const LoaderOptions options_;
  const std::int64_t damaged_at_;
  std::int64_t step_ = 0, lane_;
};

struct LabelledSource final : DataSource {
  LoaderOptions options;                                // of the rank
  std::int64_t damaged_at = -1, damaged_from_open = 0;  // position, in this and later openings
  std::int64_t opened = 0;

  absl::StatusOr<std::unique_ptr<Loader>> OpenLoader(std::int64_t, SkipPositions) override {
    return std::make_unique<LabelledLoader>(options, opened++ >= damaged_from_open ? damaged_at : -1);
  }
  // `count` of each of two cases.
  absl::StatusOr<std::vector<Sample>> FixedCrops(Split, std::int64_t count) override {
    std::vector<Sample> crops;
    for (std::int64_t i = 0; i < 2 * count; ++i) {
      const CropDraw crop = DrawValidationCrop(options.seed, i, kSyntheticShape, options.patch);
      crops.push_back(LabelledSample(i, 4 + i / count, crop, options.patch));
    }
    return crops;
  }
};

}  // namespace amaes
