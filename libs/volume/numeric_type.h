// Numbers as NumPy names and stores them: "<f4", "|u1", ">i2", …
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace amaes {

struct NumericType {
  char kind = 'f';       // b bool, i, u, f
  int bytes = 4;         // 1, 2, 4 or 8
  bool swapped = false;  // of the other byte order

  // e.g. "int16", as the readers of scans name it.
  std::string Name() const;
};

// `text`: NumPy's dtype.str, or a plain name such as "float32".
//   - InvalidArgument: "object array …", "complex voxels …", or a type that holds no plain numbers.
absl::StatusOr<NumericType> ParseNumericType(absl::string_view text);

// One number; 64-bit integers beyond 2^53 are rounded.
double DecodeNumber(const NumericType& type, const unsigned char* bytes);

// `count` numbers that lie one after the other.
void DecodeNumbers(const NumericType& type, const unsigned char* bytes, std::size_t count, float* out);

}  // namespace amaes
