#include "libs/dataset/sample_stream.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/digest.h"
#include "libs/base/log.h"
#include "libs/base/rng.h"

namespace amaes {
namespace {

constexpr int kRounds = 8;

// First 64 bits of a digest, so that neighbouring seeds and datasets have unrelated keys.
std::uint64_t Key(std::uint64_t seed, const std::string& dataset_digest) {
  const std::string hex = Sha256Hex(absl::StrCat("amaes-sample-stream/1\n", seed, "\n", dataset_digest));
  std::uint64_t key = 0;
  AMAES_CHECK(absl::SimpleHexAtoi(hex.substr(0, 16), &key));
  return key;
}

// A balanced Feistel network: a permutation of [0, 4^half_bits). The round number shares a counter word with the
// purpose, so that no block is one of a RandomStream with another purpose.
std::uint64_t Permute(std::uint64_t value, std::uint64_t key, std::uint64_t pass, int half_bits) {
  const std::uint64_t mask = (std::uint64_t{1} << half_bits) - 1;
  std::uint64_t left = value >> half_bits, right = value & mask;
  for (std::uint32_t round = 0; round < kRounds; ++round) {
    const auto block =
        Philox4x32({static_cast<std::uint32_t>(right), static_cast<std::uint32_t>(Purpose::kPassOrder) | (round << 16),
                    static_cast<std::uint32_t>(pass), static_cast<std::uint32_t>(pass >> 32)},
                   {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)});
    const std::uint64_t next = left ^ (block[0] & mask);
    left = right;
    right = next;
  }
  return (left << half_bits) | right;
}

}  // namespace

SampleStream::SampleStream(std::uint64_t seed, const std::string& dataset_digest, std::int64_t volumes)
    : key_(Key(seed, dataset_digest)), volumes_(volumes), half_bits_(1) {
  AMAES_CHECK(volumes > 0 && volumes <= (std::int64_t{1} << 62));
  while ((std::int64_t{1} << (2 * half_bits_)) < volumes) ++half_bits_;
}

std::int64_t SampleStream::VolumeAt(std::int64_t position) const {
  AMAES_CHECK(position >= 0);
  const std::uint64_t pass = static_cast<std::uint64_t>(position / volumes_);
  std::uint64_t value = static_cast<std::uint64_t>(position % volumes_);
  // Cycle walking: values beyond the volumes are permuted again. From two volumes on the domain is less than four times
  // as large, so that takes fewer than four rounds in the mean.
  do value = Permute(value, key_, pass, half_bits_);
  while (value >= static_cast<std::uint64_t>(volumes_));
  return static_cast<std::int64_t>(value);
}

SampleStream FixedCropStream(const std::string& digest, std::int64_t volumes) {
  return SampleStream(/*seed=*/0, absl::StrCat("fixed crops\n", digest), volumes);
}

LaneRange LanesOf(std::int64_t rank, std::int64_t world_size, std::int64_t global_batch, std::int64_t group) {
  AMAES_CHECK(group > 0 && global_batch % group == 0);
  const std::int64_t groups = global_batch / group;
  AMAES_CHECK(rank >= 0 && rank < world_size && world_size <= groups);
  return {rank * groups / world_size * group, (rank + 1) * groups / world_size * group};
}

}  // namespace amaes
