#include "libs/base/rng.h"

#include <cmath>
#include <numbers>
#include <utility>

#include "libs/base/log.h"

namespace amaes {

std::array<std::uint32_t, 4> Philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  constexpr std::uint64_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
  constexpr std::uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = kMultiplier0 * counter[0];
    const std::uint64_t product1 = kMultiplier1 * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

// Key = seed; counter = (block index, purpose, position low, position high).
RandomStream::RandomStream(std::uint64_t seed, Purpose purpose, std::uint64_t position)
    : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
      counter_{0, static_cast<std::uint32_t>(purpose), static_cast<std::uint32_t>(position),
               static_cast<std::uint32_t>(position >> 32)} {}

std::uint32_t RandomStream::NextUint32() {
  if (used_ == 4) {
    block_ = Philox4x32(counter_, key_);
    ++counter_[0];
    AMAES_CHECK(counter_[0] != 0);
    used_ = 0;
  }
  return block_[used_++];
}

std::uint64_t RandomStream::NextUint64() {
  const std::uint64_t high = NextUint32();
  return (high << 32) | NextUint32();
}

std::uint32_t RandomStream::UniformInt(std::uint32_t bound) {
  AMAES_CHECK(bound > 0);
  std::uint64_t product = std::uint64_t{NextUint32()} * bound;
  if (static_cast<std::uint32_t>(product) < bound) {
    const std::uint32_t threshold = -bound % bound;
    while (static_cast<std::uint32_t>(product) < threshold) product = std::uint64_t{NextUint32()} * bound;
  }
  return static_cast<std::uint32_t>(product >> 32);
}

double RandomStream::UniformDouble() { return static_cast<double>(NextUint64() >> 11) * 0x1.0p-53; }

double RandomStream::Normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - UniformDouble()));
  return radius * std::cos(2.0 * std::numbers::pi * UniformDouble());
}

void RandomStream::ShufflePrefix(absl::Span<std::uint32_t> values, std::size_t count) {
  AMAES_CHECK(count <= values.size());
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t j = i + UniformInt(static_cast<std::uint32_t>(values.size() - i));
    std::swap(values[i], values[j]);
  }
}

}  // namespace amaes
