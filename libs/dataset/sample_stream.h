// The endless stream of samples, and who takes which. Pure.
//
// Each pass over the n training volumes is a keyed permutation, evaluated at any place in O(1). Position p of the stream is
// entry p mod n of pass p div n. Step t takes positions tV … tV + V - 1; v = 0 … V-1 are the lanes. So the content of every
// global batch depends on (seed, dataset digest, V, t) alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace amaes {

class SampleStream {
 public:
  // `volumes` > 0: number of training volumes.
  SampleStream(std::uint64_t seed, const std::string& dataset_digest, std::int64_t volumes);

  // Index in [0, volumes) of the training volume at `position` >= 0.
  std::int64_t VolumeAt(std::int64_t position) const;
  std::int64_t PassOf(std::int64_t position) const { return position / volumes_; }
  std::int64_t volumes() const { return volumes_; }
  // The seed of all per-sample draws: mixes seed and dataset digest.
  std::uint64_t draw_seed() const { return key_; }

 private:
  std::uint64_t key_;
  std::int64_t volumes_;
  int half_bits_;
};

// The order of the volumes that fixed crops are of, and the seed of their draws: of a dataset or a case alone, so that runs with
// other seeds validate on the same crops with the same masks. `digest`: of the dataset's version, or the key of the case.
SampleStream FixedCropStream(const std::string& digest, std::int64_t volumes);

// Lanes [first, last) of one rank.
struct LaneRange {
  std::int64_t first = 0, last = 0;
  std::int64_t size() const { return last - first; }
  bool operator==(const LaneRange&) const = default;
};

// The shard plan: rank r of W takes lanes floor(rV/W) … floor((r+1)V/W) - 1, in whole groups of `group` consecutive lanes (a
// divisor of V). W <= V / group.
LaneRange LanesOf(std::int64_t rank, std::int64_t world_size, std::int64_t global_batch, std::int64_t group = 1);

}  // namespace amaes
