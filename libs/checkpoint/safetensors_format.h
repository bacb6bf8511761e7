// What the reader and the writer of safetensors share. Not for other libraries.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "libs/checkpoint/safetensors.h"

namespace amaes {

inline constexpr std::size_t kSafetensorsPrefix = 8;
// The format's own limit.
inline constexpr std::uint64_t kSafetensorsMaxHeader = 100'000'000;
inline constexpr char kSafetensorsMetadata[] = "__metadata__";

inline constexpr std::array<TensorType, 5> kTensorTypes = {TensorType::kF32, TensorType::kF64, TensorType::kBF16,
                                                           TensorType::kI64, TensorType::kU8};

// Bytes of a tensor; nothing when a dimension is negative or the product does not fit.
std::optional<std::int64_t> TensorBytes(TensorType type, const std::vector<std::int64_t>& shape);

}  // namespace amaes
