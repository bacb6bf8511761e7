// Counter-based random streams: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
//
// A stream is named by (seed, purpose, position); what it yields depends on nothing else: not on order, threads, world
// size or interruptions. No <random> distribution and no std::shuffle: their results differ between libraries.
#pragma once

#include <array>
#include <cstdint>

#include "absl/types/span.h"

namespace amaes {

// One block of Philox4x32-10: 128 bits from a counter and a key.
std::array<std::uint32_t, 4> Philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

// What a stream is for. Values are part of the file format of a run (sampling_version): append, never renumber.
enum class Purpose : std::uint32_t {
  kPassOrder = 1,
  kCrop = 2,
  kMask = 3,
  kSplit = 4,
  kPhantom = 5,
  kInitialWeights = 6,
  kValidationCrop = 7,
  kValidationMask = 8,
  kForeground = 9,
  kSpatialAugmentation = 10,
  kIntensityAugmentation = 11,
  kElasticNoise = 12,
  kAdditiveNoise = 13,
  kMultiplicativeNoise = 14,
  kSwinView = 20,
  kSwinNoise = 21,
  kSwinValidationView = 22,
  kSwinValidationNoise = 23,
};

class RandomStream {
 public:
  RandomStream(std::uint64_t seed, Purpose purpose, std::uint64_t position);

  std::uint32_t NextUint32();
  std::uint64_t NextUint64();
  // Uniform in [0, bound), without bias (Lemire's multiplication with rejection). bound > 0.
  std::uint32_t UniformInt(std::uint32_t bound);
  // Uniform in [0, 1), 53 bits.
  double UniformDouble();
  // Uniform in [low, high).
  double Uniform(double low, double high) { return low + (high - low) * UniformDouble(); }
  // Standard normal (Box–Muller; two uniforms per value, the second value is dropped).
  double Normal();
  // Fisher–Yates on the first `count` entries: afterwards values[0..count) is a uniform random selection in random order.
  void ShufflePrefix(absl::Span<std::uint32_t> values, std::size_t count);

 private:
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> block_{};
  int used_ = 4;
};

}  // namespace amaes
