// One crop of one volume, and where such samples come from.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/draws/draws.h"

namespace amaes {

struct Sample {
  std::int64_t position = 0;  // in the stream; for fixed crops: the crop's index
  bool fixed = false;         // a fixed crop, for validation
  std::int64_t volume = 0;    // index into the training volumes; for fixed crops: into the volumes of their split
  CropDraw crop;              // what was read
  Shape3 shape{};             // of the patch: what the network sees
  std::int64_t channels = 1;
  std::int32_t group = -1;               // of scans whose loss is told apart (LoaderOptions::groups); -1: none
  std::vector<float> input;              // channels times the patch, z fastest; empty when skipped
  std::vector<float> target;             // the patch before intensity augmentation; empty: equal to the input
  std::vector<std::uint8_t> token_mask;  // pretraining: tokens of the patch, 1 = masked
  std::vector<std::uint8_t> excluded;    // voxels of the patch, 1 = without weight in the loss; empty: none
  std::vector<std::uint8_t> labels;      // finetuning: the patch's label map
  bool skipped = false;                  // damaged chunk under policy skip, now or in an earlier attempt: weight 0
};

// What one rank reads, in its order. Thread-safe.
class SampleSource {
 public:
  virtual ~SampleSource() = default;
  // `number` counts the rank's samples from its first step on. What comes back depends on it alone.
  //   - DataLoss: a damaged chunk (policy fail), volume and chunk named.   - NotFound: a stored volume is missing.
  virtual absl::StatusOr<Sample> Read(std::int64_t number) = 0;
  // Compressed bytes read from stored volumes on disk so far.
  virtual std::int64_t bytes_read() = 0;
  // Chunks that were in memory already.
  virtual std::int64_t cache_hits() const = 0;
};

}  // namespace amaes
