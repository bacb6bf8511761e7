#include "libs/volume/numeric_type.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace amaes {
namespace {

struct Known {
  const char* name;
  const char* code;
  char kind;
  int bytes;
};
constexpr Known kKnown[] = {{"bool", "b1", 'b', 1},   {"bool", "?", 'b', 1},     {"int8", "i1", 'i', 1},
                            {"int16", "i2", 'i', 2},  {"int32", "i4", 'i', 4},   {"int64", "i8", 'i', 8},
                            {"uint8", "u1", 'u', 1},  {"uint16", "u2", 'u', 2},  {"uint32", "u4", 'u', 4},
                            {"uint64", "u8", 'u', 8}, {"float16", "f2", 'f', 2}, {"float32", "f4", 'f', 4},
                            {"float64", "f8", 'f', 8}};

template <typename T>
T FromBytes(const unsigned char* p, bool swapped) {
  unsigned char bytes[sizeof(T)];
  std::memcpy(bytes, p, sizeof(T));
  if (swapped) std::reverse(bytes, bytes + sizeof(T));
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

// IEEE 754 binary16: 1 sign, 5 exponent and 10 fraction bits.
double FromHalf(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1f;
  const int fraction = bits & 0x3ff;
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == 0x1f) {
    return fraction != 0 ? std::numeric_limits<double>::quiet_NaN() : sign * std::numeric_limits<double>::infinity();
  }
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

// Calls use(T()) with the C++ type; halves come as std::uint16_t with `half` set.
template <typename F>
void WithType(const NumericType& type, const F& use) {
  const bool is_signed = type.kind == 'i';
  if (type.kind == 'f') {
    if (type.bytes == 2) return use(std::uint16_t{}, true);
    if (type.bytes == 4) return use(float{}, false);
    return use(double{}, false);
  }
  switch (type.bytes) {
    case 1:
      return is_signed ? use(std::int8_t{}, false) : use(std::uint8_t{}, false);
    case 2:
      return is_signed ? use(std::int16_t{}, false) : use(std::uint16_t{}, false);
    case 4:
      return is_signed ? use(std::int32_t{}, false) : use(std::uint32_t{}, false);
    default:
      return is_signed ? use(std::int64_t{}, false) : use(std::uint64_t{}, false);
  }
}

}  // namespace

std::string NumericType::Name() const {
  for (const Known& known : kKnown) {
    if (known.kind == kind && known.bytes == bytes) return known.name;
  }
  return "unknown";
}

absl::StatusOr<NumericType> ParseNumericType(absl::string_view text) {
  NumericType type;
  absl::string_view rest = text;
  if (!rest.empty() && (rest[0] == '<' || rest[0] == '>' || rest[0] == '|' || rest[0] == '=')) {
    constexpr char kOther = std::endian::native == std::endian::little ? '>' : '<';
    type.swapped = rest[0] == kOther;
    rest.remove_prefix(1);
  }
  for (const Known& known : kKnown) {
    if (rest != known.name && rest != known.code) continue;
    type.kind = known.kind;
    type.bytes = known.bytes;
    return type;
  }
  if (rest == "O" || rest == "object" || rest == "O8") {
    return absl::InvalidArgumentError("object array: it holds Python objects, which are never executed; save numbers");
  }
  if (rest == "c8" || rest == "c16" || rest == "complex64" || rest == "complex128") {
    return absl::InvalidArgumentError("complex voxels: export the magnitude image");
  }
  return absl::InvalidArgumentError(absl::StrCat("unknown datatype \"", absl::CHexEscape(text.substr(0, 40)), "\""));
}

double DecodeNumber(const NumericType& type, const unsigned char* bytes) {
  double out = 0;
  WithType(type, [&](auto zero, bool half) {
    const auto value = FromBytes<decltype(zero)>(bytes, type.swapped);
    out = half ? FromHalf(static_cast<std::uint16_t>(value)) : static_cast<double>(value);
  });
  return out;
}

void DecodeNumbers(const NumericType& type, const unsigned char* bytes, std::size_t count, float* out) {
  WithType(type, [&](auto zero, bool half) {
    using T = decltype(zero);
    for (std::size_t i = 0; i < count; ++i) {
      const T value = FromBytes<T>(bytes + i * sizeof(T), type.swapped);
      out[i] = static_cast<float>(half ? FromHalf(static_cast<std::uint16_t>(value)) : static_cast<double>(value));
    }
  });
}

}  // namespace amaes
