// Small gray pictures.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace amaes {

// A PNG file of eight bits per pixel; `pixels` row by row, width * height.   - Internal: libpng refused.
absl::StatusOr<std::string> EncodeGrayPng(int width, int height, absl::Span<const std::uint8_t> pixels);

}  // namespace amaes
