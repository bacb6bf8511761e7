#include "libs/volume/nifti.h"

#include <nifti1.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/volume/nifti_file.h"
#include "libs/volume/nifti_header.h"
#include "libs/volume/statistics.h"

namespace amaes {
namespace {

// Inflated bytes beyond the first volume that are read to prove the rest of the file.
constexpr std::int64_t kMaxProof = std::int64_t{1} << 33;
// Inflated bytes beyond the last volume that are read to reach the checksum: a bomb is not inflated further.
constexpr std::int64_t kMaxTail = std::int64_t{1} << 26;
constexpr char kNoImg[] = "not a NIfTI file: a header whose voxels lie in an .img file";

absl::Status Refuse(absl::string_view defect) { return absl::InvalidArgumentError(defect); }

template <typename T, bool kSwapped>
T FromBytes(const unsigned char* p) {
  unsigned char bytes[sizeof(T)];
  std::memcpy(bytes, p, sizeof(T));
  if (kSwapped) std::reverse(bytes, bytes + sizeof(T));
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

// IEEE 754 binary128: 1 sign, 15 exponent and 112 fraction bits. Rounds towards zero beyond a double's 52.
double FromBinary128(const unsigned char* p, bool swapped) {
  unsigned char bytes[16];
  std::memcpy(bytes, p, 16);
  if (swapped) std::reverse(bytes, bytes + 16);
  std::uint64_t high = 0, low = 0;
  std::memcpy(&low, bytes, 8);
  std::memcpy(&high, bytes + 8, 8);
  const int exponent = static_cast<int>((high >> 48) & 0x7fff);
  const std::uint64_t fraction = ((high & 0xffffffffffffULL) << 4) | (low >> 60);
  const double sign = high >> 63 ? -1.0 : 1.0;
  if (exponent == 0x7fff) {
    return fraction != 0 || low != 0 ? std::numeric_limits<double>::quiet_NaN()
                                     : sign * std::numeric_limits<double>::infinity();
  }
  if (exponent == 0) return sign * 0.0;  // below a double's smallest number
  return sign * std::ldexp(1.0 + std::ldexp(static_cast<double>(fraction), -52), exponent - 16383);
}

template <typename T, bool kSwapped>
void DecodeRun(const unsigned char* raw, std::size_t count, const NiftiHeader& h, float* out) {
  const double slope = h.slope, intercept = h.intercept;
  if (slope == 1 && intercept == 0) {
    for (std::size_t i = 0; i < count; ++i) {
      const T value = FromBytes<T, kSwapped>(raw + i * sizeof(T));
      // 64-bit numbers go through double, as those that are scaled do.
      if constexpr (sizeof(T) < 8) out[i] = static_cast<float>(value);
      if constexpr (sizeof(T) == 8) out[i] = static_cast<float>(static_cast<double>(value));
    }
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const auto value = static_cast<double>(FromBytes<T, kSwapped>(raw + i * sizeof(T)));
    out[i] = static_cast<float>(value * slope + intercept);
  }
}

template <typename T>
void Decode(const unsigned char* raw, std::size_t count, const NiftiHeader& h, float* out) {
  h.swapped ? DecodeRun<T, true>(raw, count, h, out) : DecodeRun<T, false>(raw, count, h, out);
}

void DecodeVoxels(const unsigned char* raw, std::size_t count, const NiftiHeader& h, float* out) {
  switch (h.datatype) {
    case NIFTI_TYPE_UINT8:
      return Decode<std::uint8_t>(raw, count, h, out);
    case NIFTI_TYPE_INT8:
      return Decode<std::int8_t>(raw, count, h, out);
    case NIFTI_TYPE_UINT16:
      return Decode<std::uint16_t>(raw, count, h, out);
    case NIFTI_TYPE_INT16:
      return Decode<std::int16_t>(raw, count, h, out);
    case NIFTI_TYPE_UINT32:
      return Decode<std::uint32_t>(raw, count, h, out);
    case NIFTI_TYPE_INT32:
      return Decode<std::int32_t>(raw, count, h, out);
    case NIFTI_TYPE_UINT64:
      return Decode<std::uint64_t>(raw, count, h, out);
    case NIFTI_TYPE_INT64:
      return Decode<std::int64_t>(raw, count, h, out);
    case NIFTI_TYPE_FLOAT32:
      return Decode<float>(raw, count, h, out);
    case NIFTI_TYPE_FLOAT64:
      return Decode<double>(raw, count, h, out);
    default:
      for (std::size_t i = 0; i < count; ++i) {
        out[i] = static_cast<float>(FromBinary128(raw + i * 16, h.swapped) * h.slope + h.intercept);
      }
  }
}

// The file's voxel grid laid onto RAS+ axes: shape, spacing, affine, and the memory step of each file axis.
struct Placement {
  Volume volume;
  std::int64_t first = 0;  // index of the file's first voxel
  Shape3 step{};           // per file axis
};

Placement Place(const NiftiHeader& h, const AxisOrder& order) {
  Placement p;
  for (int a = 0; a < 3; ++a) {
    p.volume.shape[order.axis[a]] = h.shape[a];
    p.volume.spacing[order.axis[a]] = h.spacing[a];
  }
  const Shape3& shape = p.volume.shape;
  const Shape3 strides{shape[1] * shape[2], shape[2], 1};
  p.volume.affine = h.affine;
  for (int a = 0; a < 3; ++a) {
    const int to = order.axis[a];
    const double last = static_cast<double>(h.shape[a] - 1);
    for (int row = 0; row < 3; ++row) {
      const double column = h.affine[row * 4 + a];
      p.volume.affine[row * 4 + to] = order.flip[a] ? 0.0 - column : column;
      if (order.flip[a]) p.volume.affine[row * 4 + 3] += column * last;
    }
    p.step[a] = order.flip[a] ? -strides[to] : strides[to];
    if (order.flip[a]) p.first += strides[to] * (h.shape[a] - 1);
  }
  return p;
}

// Slices of the file that are laid out at once: what is neighbours in memory may be a slice apart in the file.
constexpr std::int64_t kSlab = 32;

// Puts `slices` slices from `first` on where they belong. Runs go along the file axis that is fastest in memory, in tiles
// small enough that both sides stay in the cache.
void LayOut(const NiftiHeader& h, const float* slab, std::int64_t first, std::int64_t slices, Placement& p) {
  constexpr std::int64_t kTile = 16;
  const Shape3 size{h.shape[0], h.shape[1], slices};
  const Shape3 from{1, h.shape[0], h.shape[0] * h.shape[1]};
  const int run = std::abs(p.step[0]) == 1 ? 0 : std::abs(p.step[1]) == 1 ? 1 : 2;
  const int row = run == 0 ? 1 : 0;
  const int plane = 3 - run - row;
  float* base = p.volume.voxels.data() + p.first + first * p.step[2];
  for (std::int64_t k = 0; k < size[plane]; ++k) {
    for (std::int64_t tile = 0; tile < size[row]; tile += kTile) {
      const std::int64_t end = std::min(tile + kTile, size[row]);
      for (std::int64_t strip = 0; strip < size[run]; strip += kSlab) {
        const std::int64_t count = std::min(kSlab, size[run] - strip);
        for (std::int64_t j = tile; j < end; ++j) {
          const float* in = slab + k * from[plane] + j * from[row] + strip * from[run];
          float* out = base + k * p.step[plane] + j * p.step[row] + strip * p.step[run];
          for (std::int64_t i = 0; i < count; ++i) out[i * p.step[run]] = in[i * from[run]];
        }
      }
    }
  }
}

absl::Status ReadFrame(NiftiFile& file, const NiftiHeader& h, Placement& p) {
  const std::int64_t slice = h.shape[0] * h.shape[1];
  constexpr std::int64_t kMostVoxels = 1 << 23;  // of a slab, unless one slice has more
  const std::int64_t slab = std::clamp(kMostVoxels / slice, std::int64_t{1}, std::min(kSlab, h.shape[2]));
  p.volume.voxels.resize(static_cast<std::size_t>(VoxelCount(h.shape)));
  std::vector<float> values(static_cast<std::size_t>(slab * slice));
  constexpr std::int64_t kBatch = 1 << 16;  // voxels decoded at once
  std::vector<unsigned char> raw(static_cast<std::size_t>(std::min(kBatch, slab * slice) * h.voxel_bytes));
  for (std::int64_t first = 0; first < h.shape[2]; first += slab) {
    const std::int64_t slices = std::min(slab, h.shape[2] - first);
    for (std::int64_t done = 0; done < slices * slice;) {
      const std::int64_t batch = std::min(kBatch, slices * slice - done);
      const auto bytes = static_cast<std::size_t>(batch * h.voxel_bytes);
      AMAES_ASSIGN_OR_RETURN(const std::size_t n, file.Read(raw.data(), bytes));
      if (n < bytes) {
        const std::int64_t there = (first * slice + done) * h.voxel_bytes + static_cast<std::int64_t>(n);
        return Refuse(absl::StrCat("truncated: ", there, " of ", h.FrameBytes(), " bytes of the volume are there"));
      }
      DecodeVoxels(raw.data(), static_cast<std::size_t>(batch), h, values.data() + done);
      done += batch;
    }
    LayOut(h, values.data(), first, slices, p);
  }
  return absl::OkStatus();
}

// The rest of a gzip file: its other volumes must be there, and its checksum must hold.
absl::Status ProveRest(NiftiFile& file, const NiftiHeader& h, int frame) {
  if (!file.gzip()) return absl::OkStatus();
  const std::int64_t rest = h.FrameBytes() * (h.frames - 1 - frame);
  AMAES_ASSIGN_OR_RETURN(const std::int64_t there, file.Skip(std::min(rest, kMaxProof)));
  if (there < std::min(rest, kMaxProof)) {
    return Refuse(absl::StrCat("truncated: ", there, " of ", rest, " bytes of the further volumes are there"));
  }
  return rest > kMaxProof ? absl::OkStatus() : file.Skip(kMaxTail).status();
}

// Clears what is not finite; minimum and maximum.
absl::Status CheckVoxels(bool allow_constant, NiftiVolume& result) {
  std::vector<float>& voxels = result.volume.voxels;
  const Extent extent = MeasureExtent(voxels);
  if (extent.low > extent.high) return Refuse("no finite voxel");
  result.nonfinite_voxels = extent.nonfinite;
  result.minimum = extent.low;
  result.maximum = extent.high;
  if (extent.nonfinite > 0) {
    for (float& v : voxels) v = std::isfinite(v) ? v : 0;
  }
  const bool constant = extent.low == extent.high && (extent.nonfinite == 0 || extent.low == 0);
  if (constant && !allow_constant) return Refuse(absl::StrCat("constant image: every voxel is ", extent.low));
  return absl::OkStatus();
}

absl::Status CheckFrame(const NiftiHeader& h, int frame) {
  if (frame >= 0 && frame < h.frames) return absl::OkStatus();
  return Refuse(absl::StrCat("no volume ", frame, ": the file has ", h.frames, ", counted from 0"));
}

absl::StatusOr<NiftiVolume> ReadChecked(const NiftiPaths& paths, const NiftiOptions& options) {
  AMAES_ASSIGN_OR_RETURN(NiftiFile header_file, NiftiFile::Open(paths.header));
  AMAES_ASSIGN_OR_RETURN(const NiftiHeader h, ReadNiftiHeader(header_file, paths.hdr_file, options.max_voxels));
  AMAES_RETURN_IF_ERROR(CheckFrame(h, options.frame));
  AMAES_ASSIGN_OR_RETURN(const AxisOrder order, ClosestAxes(h.affine));
  if (h.pair && paths.header == paths.data) return Refuse(kNoImg);
  NiftiVolume result;
  result.orientation = order.codes;
  result.frames = h.frames;
  result.datatype = h.datatype_name;
  Placement placement = Place(h, order);
  const auto read = [&](NiftiFile& file) -> absl::Status {
    AMAES_RETURN_IF_ERROR(CheckNiftiSize(file, h));
    file.InflateAhead(h.data_offset + h.FrameBytes() * h.frames);
    const std::int64_t start = h.data_offset + h.FrameBytes() * options.frame;
    const std::int64_t gap = start - file.position();
    AMAES_ASSIGN_OR_RETURN(const std::int64_t skipped, file.Skip(gap));
    if (skipped < gap) return Refuse(absl::StrCat("truncated: the file ends before the voxels at byte ", start));
    AMAES_RETURN_IF_ERROR(ReadFrame(file, h, placement));
    return ProveRest(file, h, options.frame);
  };
  if (h.pair) {
    AMAES_ASSIGN_OR_RETURN(NiftiFile data_file, NiftiFile::Open(paths.data));
    AMAES_RETURN_IF_ERROR(read(data_file));
  } else {
    AMAES_RETURN_IF_ERROR(read(header_file));
  }
  result.volume = std::move(placement.volume);
  AMAES_RETURN_IF_ERROR(CheckVoxels(options.allow_constant, result));
  return result;
}

}  // namespace

absl::StatusOr<NiftiVolume> ReadNifti(const std::filesystem::path& path, const NiftiOptions& options) {
  try {
    return ReadChecked(ResolveNiftiPaths(path), options);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("no memory for the volume");
  }
}

absl::StatusOr<NiftiInfo> InspectNifti(const std::filesystem::path& path, const NiftiOptions& options) {
  constexpr unsigned kLittle = 1 << 10;
  const NiftiPaths paths = ResolveNiftiPaths(path);
  AMAES_ASSIGN_OR_RETURN(NiftiFile header_file, NiftiFile::Open(paths.header, kLittle));
  AMAES_ASSIGN_OR_RETURN(const NiftiHeader h, ReadNiftiHeader(header_file, paths.hdr_file, options.max_voxels));
  AMAES_RETURN_IF_ERROR(CheckFrame(h, options.frame));
  AMAES_ASSIGN_OR_RETURN(const AxisOrder order, ClosestAxes(h.affine));
  if (h.pair && paths.header == paths.data) return Refuse(kNoImg);
  NiftiInfo info;
  const auto finish = [&](const NiftiFile& file) {
    info.compressed = file.gzip();
    info.bytes = file.size() + (h.pair ? header_file.size() : 0);
    return CheckNiftiSize(file, h);
  };
  if (h.pair) {
    AMAES_ASSIGN_OR_RETURN(const NiftiFile data_file, NiftiFile::Open(paths.data, kLittle));
    AMAES_RETURN_IF_ERROR(finish(data_file));
  } else {
    AMAES_RETURN_IF_ERROR(finish(header_file));
  }
  Volume grid = Place(h, order).volume;
  info.shape = grid.shape;
  info.spacing = grid.spacing;
  info.affine = grid.affine;
  info.orientation = order.codes;
  info.frames = h.frames;
  info.datatype = h.datatype_name;
  return info;
}

}  // namespace amaes
