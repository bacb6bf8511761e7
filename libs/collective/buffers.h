// What the communicators share: sizes, argument checks and the one order of summation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "libs/collective/communicator.h"

namespace amaes {

inline std::size_t BytesPerElement(DataType type) {
  switch (type) {
    case DataType::kFloat32:
      return 4;
    case DataType::kFloat64:
      return 8;
    case DataType::kBFloat16:
      return 2;
  }
  return 0;
}

inline absl::Status CheckBuffer(const Buffer& buffer) {
  if (buffer.count < 0 || (buffer.count > 0 && buffer.data == nullptr)) {
    return absl::InvalidArgumentError(
        absl::StrCat("collective: buffer with count ", buffer.count, buffer.data == nullptr ? " and no data" : ""));
  }
  return absl::OkStatus();
}

inline absl::Status CheckRoot(int root, int world_size) {
  if (root >= 0 && root < world_size) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("broadcast: root ", root, " is not a rank; world size is ", world_size));
}

inline float FloatFromBFloat16(std::uint16_t bits) {
  const std::uint32_t wide = std::uint32_t{bits} << 16;
  float value;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

// Rounds to nearest, ties to even. NaN stays NaN.
inline std::uint16_t BFloat16FromFloat(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if (value != value) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

namespace internal {

template <typename Stored, typename Sum, typename Load, typename Store>
void SumBlocks(const void* const* inputs, int ranks, void* output, std::int64_t count, Load load, Store store) {
  constexpr std::int64_t kBlock = 1024;
  Sum sum[kBlock];
  for (std::int64_t begin = 0; begin < count; begin += kBlock) {
    const std::int64_t size = count - begin < kBlock ? count - begin : kBlock;
    const auto* first = static_cast<const Stored*>(inputs[0]) + begin;
    for (std::int64_t i = 0; i < size; ++i) sum[i] = load(first[i]);
    for (int rank = 1; rank < ranks; ++rank) {
      const auto* next = static_cast<const Stored*>(inputs[rank]) + begin;
      for (std::int64_t i = 0; i < size; ++i) sum[i] += load(next[i]);
    }
    auto* out = static_cast<Stored*>(output) + begin;
    for (std::int64_t i = 0; i < size; ++i) out[i] = store(sum[i]);
  }
}

}  // namespace internal

// output = ((inputs[0] + inputs[1]) + inputs[2]) + …, element by element: the same bits on every rank, in every run.
// bfloat16 is summed in float and rounded once. `output` may be one of the inputs.
inline void SumInRankOrder(const void* const* inputs, int ranks, void* output, std::int64_t count, DataType type) {
  const auto same = [](auto value) { return value; };
  switch (type) {
    case DataType::kFloat32:
      return internal::SumBlocks<float, float>(inputs, ranks, output, count, same, same);
    case DataType::kFloat64:
      return internal::SumBlocks<double, double>(inputs, ranks, output, count, same, same);
    case DataType::kBFloat16:
      return internal::SumBlocks<std::uint16_t, float>(inputs, ranks, output, count, FloatFromBFloat16,
                                                       BFloat16FromFloat);
  }
}

}  // namespace amaes
