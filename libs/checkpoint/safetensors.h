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

// "F32", as in the header.
const char* TensorTypeName(TensorType type);
std::int64_t TensorTypeBytes(TensorType type);

struct TensorView {
  std::string name;
  TensorType type = TensorType::kF32;
  std::vector<std::int64_t> shape;
  absl::string_view bytes;  // little-endian, C order; not owned, and not aligned for its type: copy it out
};

// In the order given; the header is padded so that the data begins at a multiple of 8.
// The writer flushes; it does not rename.   - InvalidArgument: a duplicate name, one that is not UTF-8, or bytes that
// do not fit the shape.
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
  // Null when there is none of that name.
  const TensorView* Find(absl::string_view name) const;
};

// Validates before it returns: header length, JSON, types, offsets without overlap, hole or excess.
//   - NotFound.   - Unavailable: I/O error.   - DataLoss: the message says what does not fit, a type other than ours
//   included.
absl::StatusOr<SafetensorsFile> ReadSafetensors(const std::filesystem::path& path);
// Names, types and shapes alone: reads the header and checks it against the file's size. The views have no bytes.
absl::StatusOr<SafetensorsFile> ReadSafetensorsHeader(const std::filesystem::path& path);
// As ReadSafetensors, from bytes in memory; `origin` is named in messages.
absl::StatusOr<SafetensorsFile> ParseSafetensors(std::string content, absl::string_view origin);

}  // namespace amaes
