// NIfTI files made byte by byte from the format's documentation, so that the reader is not tested with its own structs.
#pragma once

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <type_traits>
#include <vector>

namespace amaes {

class NiftiBytes {
 public:
  enum Kind { kNifti1, kNifti2, kAnalyze };

  // A header of the given kind with dims, float32, 1 mm, and an sform that is the identity.
  NiftiBytes(Kind kind, bool big_endian, const std::vector<std::int64_t>& dims) : kind_(kind), big_endian_(big_endian) {
    bytes_.assign(kind == kNifti2 ? 544 : kind == kNifti1 ? 352 : 348, '\0');
    Put<std::int32_t>(0, kind == kNifti2 ? 540 : 348);
    if (kind == kNifti1) std::memcpy(bytes_.data() + 344, "n+1", 4);
    if (kind == kNifti2) std::memcpy(bytes_.data() + 4, "n+2\0\r\n\032\n", 8);
    Dim(0, static_cast<std::int64_t>(dims.size()));
    for (std::size_t i = 0; i < dims.size(); ++i) Dim(static_cast<int>(i) + 1, dims[i]);
    for (int i = 0; i < 8; ++i) Pixdim(i, 1);
    Datatype(16);
    if (kind == kAnalyze) return;
    Offset(static_cast<double>(bytes_.size()));
    Sform(1, {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0});
  }

  NiftiBytes& Dim(int i, std::int64_t v) {
    return kind_ == kNifti2 ? Put<std::int64_t>(16 + 8 * i, v)
                            : Put<std::int16_t>(40 + 2 * i, static_cast<std::int16_t>(v));
  }
  NiftiBytes& Pixdim(int i, double v) { return Real(76 + 4 * i, 104 + 8 * i, v); }
  NiftiBytes& Datatype(int v) { return Put<std::int16_t>(kind_ == kNifti2 ? 12 : 70, static_cast<std::int16_t>(v)); }
  NiftiBytes& Offset(double v) {
    return kind_ == kNifti2 ? Put<std::int64_t>(168, static_cast<std::int64_t>(v))
                            : Put<float>(108, static_cast<float>(v));
  }
  NiftiBytes& Scale(double slope, double intercept) { return Real(112, 176, slope).Real(116, 184, intercept); }
  NiftiBytes& Qform(int code, double b, double c, double d, double x, double y, double z) {
    kind_ == kNifti2 ? Put<std::int32_t>(344, code) : Put<std::int16_t>(252, static_cast<std::int16_t>(code));
    const double values[6] = {b, c, d, x, y, z};
    for (int i = 0; i < 6; ++i) Real(256 + 4 * i, 352 + 8 * i, values[i]);
    return *this;
  }
  NiftiBytes& Sform(int code, const std::vector<double>& rows) {
    kind_ == kNifti2 ? Put<std::int32_t>(348, code) : Put<std::int16_t>(254, static_cast<std::int16_t>(code));
    for (int i = 0; i < 12; ++i) Real(280 + 4 * i, 400 + 8 * i, rows[static_cast<std::size_t>(i)]);
    return *this;
  }
  // At any byte, in the file's byte order.
  template <typename T>
  NiftiBytes& Put(int at, T value) {
    std::string raw = Raw(value);
    bytes_.replace(static_cast<std::size_t>(at), raw.size(), raw);
    return *this;
  }
  // Behind what is there so far.
  template <typename T>
  NiftiBytes& Append(T value) {
    bytes_ += Raw(value);
    return *this;
  }
  const std::string& str() const { return bytes_; }

 private:
  NiftiBytes& Real(int at1, int at2, double v) {
    return kind_ == kNifti2 ? Put<double>(at2, v) : Put<float>(at1, static_cast<float>(v));
  }
  template <typename T>
  std::string Raw(T value) const {
    std::string raw(sizeof(T), '\0');
    std::memcpy(raw.data(), &value, sizeof(T));
    if (big_endian_) std::reverse(raw.begin(), raw.end());
    return raw;
  }

  Kind kind_;
  bool big_endian_;
  std::string bytes_;
};

// 0, 1, 2, … in `count` float32 voxels behind a header.
inline std::string Ramp(NiftiBytes header, int count) {
  for (int i = 0; i < count; ++i) header.Append<float>(static_cast<float>(i));
  return header.str();
}

// Removes an old file first: some file systems flush one that is cut and written again, which takes milliseconds.
inline std::filesystem::path WriteFile(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

inline std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline std::string GzipBytes(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace amaes
