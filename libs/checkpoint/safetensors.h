// safetensors files (8-byte length, JSON header, one buffer without holes), on plain buffers: no LibTorch here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace amaes {

enum class TensorType { kF32, kF64, kBF16, kI64, kU8 };

struct TensorView {
  std::string name;
  TensorType type = TensorType::kF32;
  std::vector<std::int64_t> shape;
  absl::string_view bytes;  // little-endian, C order; not owned
};

// In the order given; the header is padded so that the data begins at a multiple of 8.
// The writer flushes; it does not rename.   - InvalidArgument: a duplicate name, or bytes that do not fit the shape.
//   - ResourceExhausted, Unavailable: I/O error.
absl::Status WriteSafetensors(const std::filesystem::path& path, const std::vector<TensorView>& tensors,
                              const std::map<std::string, std::string>& metadata = {});

struct SafetensorsFile {
  std::string content;              // the whole file; the views point into it
  std::vector<TensorView> tensors;  // in file order
  std::map<std::string, std::string> metadata;
  SafetensorsFile() = default;
  SafetensorsFile(SafetensorsFile&&) = default;
  SafetensorsFile& operator=(SafetensorsFile&&) = default;
};

// Validates before it returns: header length, JSON, types, offsets without overlap, hole or excess.
//   - NotFound.   - DataLoss: the message says what does not fit.
absl::StatusOr<SafetensorsFile> ReadSafetensors(const std::filesystem::path& path);

}  // namespace amaes
