#include "libs/volume/nifti.h"

#include <errno.h>
#include <fcntl.h>
#include <nifti1.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/volume/nifti_header.h"

namespace amaes {
namespace {

// Deflate cannot expand more than this, so a small file cannot make us take memory for a large one.
constexpr std::int64_t kMaxExpansion = 1032;
// Inflated bytes beyond the first volume that are read to prove the rest of the file.
constexpr std::int64_t kMaxProof = std::int64_t{1} << 33;

absl::Status Refuse(absl::string_view defect) { return absl::InvalidArgumentError(defect); }

// A plain or gzip file, read once from front to back. zlib decides by the first bytes which it is.
class InputFile {
 public:
  static absl::StatusOr<InputFile> Open(const std::filesystem::path& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // does not hang on a pipe
    if (fd < 0) return files::ErrnoStatus(errno, "cannot open", path);
    struct stat info {};
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
      close(fd);
      return Refuse("not a NIfTI file: not a regular file");
    }
    unsigned char magic[2] = {};
    const bool gzip = pread(fd, magic, 2, 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
    gzFile file = gzdopen(fd, "rb");
    if (file == nullptr) {
      close(fd);
      return absl::UnavailableError("no memory to open a file");
    }
    gzbuffer(file, 1 << 18);
    return InputFile(file, info.st_size, gzip);
  }
  InputFile(InputFile&& other) noexcept : file_(other.file_), size_(other.size_), gzip_(other.gzip_) {
    other.file_ = nullptr;
  }
  InputFile& operator=(InputFile&&) = delete;
  ~InputFile() {
    if (file_ != nullptr) gzclose(file_);
  }

  bool gzip() const { return gzip_; }
  // On disk.
  std::int64_t size() const { return size_; }
  std::int64_t position() const { return position_; }

  // Up to `size` bytes; fewer only at the end of the file.
  absl::StatusOr<std::size_t> Read(void* out, std::size_t size) {
    std::size_t done = 0;
    while (done < size) {
      const auto part = static_cast<unsigned>(std::min<std::size_t>(size - done, std::size_t{1} << 30));
      const int n = gzread(file_, static_cast<char*>(out) + done, part);
      if (n < 0) return ReadError();
      if (n == 0) {
        // zlib gives no error when a gzip stream ends early: it waits for more.
        int code = Z_OK;
        gzerror(file_, &code);
        if (code != Z_OK) return ReadError();
        break;
      }
      done += static_cast<std::size_t>(n);
      position_ += n;
    }
    return done;
  }

  // Reads and drops up to `size` bytes; returns how many there were.
  absl::StatusOr<std::int64_t> Skip(std::int64_t size) {
    std::vector<char> buffer(static_cast<std::size_t>(std::min<std::int64_t>(size, 1 << 18)));
    std::int64_t done = 0;
    while (done < size) {
      const std::size_t part = static_cast<std::size_t>(std::min<std::int64_t>(size - done, buffer.size()));
      AMAES_ASSIGN_OR_RETURN(const std::size_t n, Read(buffer.data(), part));
      done += static_cast<std::int64_t>(n);
      if (n < part) break;
    }
    return done;
  }

 private:
  InputFile(gzFile file, std::int64_t size, bool gzip) : file_(file), size_(size), gzip_(gzip) {}

  absl::Status ReadError() {
    int code = Z_OK;
    const char* text = gzerror(file_, &code);
    if (code == Z_BUF_ERROR) {
      return Refuse(absl::StrCat("truncated: the gzip stream ends after ", position_, " inflated bytes"));
    }
    if (code == Z_DATA_ERROR) return Refuse(absl::StrCat("damaged: gzip: ", text));
    if (code == Z_MEM_ERROR) return absl::ResourceExhaustedError("no memory to inflate a file");
    return absl::UnavailableError(absl::StrCat("cannot read: ", code == Z_ERRNO ? strerror(errno) : text));
  }

  gzFile file_;
  std::int64_t size_;
  bool gzip_;
  std::int64_t position_ = 0;
};

template <typename T>
T FromBytes(const unsigned char* p, bool swapped) {
  unsigned char bytes[sizeof(T)];
  std::memcpy(bytes, p, sizeof(T));
  if (swapped) std::reverse(bytes, bytes + sizeof(T));
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

template <typename T>
void Decode(const unsigned char* raw, std::size_t count, const NiftiHeader& h, float* out) {
  for (std::size_t i = 0; i < count; ++i) {
    const double value = static_cast<double>(FromBytes<T>(raw + i * sizeof(T), h.swapped));
    out[i] = static_cast<float>(value * h.slope + h.intercept);
  }
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

// "truncated: …" unless all bytes that the header promises can be there.
absl::Status CheckSize(const InputFile& file, const NiftiHeader& h) {
  const std::int64_t needed = h.data_offset + h.FrameBytes() * h.frames;
  if (file.gzip() ? needed / kMaxExpansion > file.size() : needed > file.size()) {
    return Refuse(absl::StrCat("truncated: the header promises ", needed, " bytes of ", h.datatype_name,
                               " voxels, the ", file.gzip() ? "compressed file has " : "file has ", file.size()));
  }
  return absl::OkStatus();
}

absl::Status ReadFrame(InputFile& file, const NiftiHeader& h, Placement& p) {
  constexpr std::int64_t kBatch = 1 << 16;
  const std::int64_t count = VoxelCount(h.shape);
  p.volume.voxels.resize(static_cast<std::size_t>(count));
  std::vector<unsigned char> raw(static_cast<std::size_t>(std::min(count, kBatch) * h.voxel_bytes));
  std::vector<float> values(static_cast<std::size_t>(std::min(count, kBatch)));
  std::int64_t x = 0, y = 0, z = 0;
  for (std::int64_t done = 0; done < count;) {
    const std::int64_t batch = std::min(count - done, kBatch);
    const auto bytes = static_cast<std::size_t>(batch * h.voxel_bytes);
    AMAES_ASSIGN_OR_RETURN(const std::size_t n, file.Read(raw.data(), bytes));
    if (n < bytes) {
      return Refuse(absl::StrCat("truncated: ", done * h.voxel_bytes + static_cast<std::int64_t>(n), " of ",
                                 h.FrameBytes(), " bytes of the first volume are there"));
    }
    DecodeVoxels(raw.data(), static_cast<std::size_t>(batch), h, values.data());
    for (std::int64_t i = 0; i < batch;) {
      const std::int64_t run = std::min(batch - i, h.shape[0] - x);
      float* out = p.volume.voxels.data() + p.first + x * p.step[0] + y * p.step[1] + z * p.step[2];
      for (std::int64_t k = 0; k < run; ++k) out[k * p.step[0]] = values[static_cast<std::size_t>(i + k)];
      i += run;
      x += run;
      if (x < h.shape[0]) continue;
      x = 0;
      if (++y == h.shape[1]) {
        y = 0;
        ++z;
      }
    }
    done += batch;
  }
  return absl::OkStatus();
}

// The rest of a gzip file: its other volumes must be there, and its checksum must hold.
absl::Status ProveRest(InputFile& file, const NiftiHeader& h) {
  if (!file.gzip()) return absl::OkStatus();
  const std::int64_t rest = h.FrameBytes() * (h.frames - 1);
  AMAES_ASSIGN_OR_RETURN(const std::int64_t there, file.Skip(std::min(rest, kMaxProof)));
  if (there < std::min(rest, kMaxProof)) {
    return Refuse(absl::StrCat("truncated: ", there, " of ", rest, " bytes of the further volumes are there"));
  }
  constexpr std::int64_t kMaxTail = std::int64_t{1} << 26;
  return rest > kMaxProof ? absl::OkStatus() : file.Skip(kMaxTail).status();
}

absl::Status CheckVoxels(NiftiVolume& result) {
  std::vector<float>& voxels = result.volume.voxels;
  float low = std::numeric_limits<float>::infinity();
  float high = -low;
  for (float& v : voxels) {
    if (!std::isfinite(v)) {
      v = 0;
      ++result.nonfinite_voxels;
    }
    low = std::min(low, v);
    high = std::max(high, v);
  }
  if (result.nonfinite_voxels == static_cast<std::int64_t>(voxels.size())) return Refuse("no finite voxel");
  if (low == high) return Refuse(absl::StrCat("constant image: every voxel is ", low));
  return absl::OkStatus();
}

struct Paths {
  std::filesystem::path header;
  std::filesystem::path data;
  bool hdr_file = false;
};

// NAME.hdr[.gz] and NAME.img[.gz] belong together; either may be named, and each may be compressed on its own.
Paths ResolvePaths(const std::filesystem::path& path) {
  const std::string name = path.string();
  const bool gz = absl::EndsWithIgnoreCase(name, ".gz");
  const std::string plain = gz ? name.substr(0, name.size() - 3) : name;
  const bool hdr = absl::EndsWithIgnoreCase(plain, ".hdr");
  if (!hdr && !absl::EndsWithIgnoreCase(plain, ".img")) return {path, path, false};
  const bool upper = plain.back() == 'R' || plain.back() == 'G';
  std::string partner = plain.substr(0, plain.size() - 3) + (hdr ? (upper ? "IMG" : "img") : (upper ? "HDR" : "hdr"));
  std::error_code error;
  const std::string same = gz ? partner + ".gz" : partner;
  const std::string other = gz ? partner : partner + ".gz";
  const std::filesystem::path found =
      !std::filesystem::exists(same, error) && std::filesystem::exists(other, error) ? other : same;
  return hdr ? Paths{path, found, true} : Paths{found, path, true};
}

absl::StatusOr<NiftiVolume> ReadChecked(const Paths& paths, const NiftiOptions& options) {
  AMAES_ASSIGN_OR_RETURN(InputFile header_file, InputFile::Open(paths.header));
  char bytes[kNifti2HeaderBytes];
  AMAES_ASSIGN_OR_RETURN(const std::size_t n, header_file.Read(bytes, kNifti1HeaderBytes));
  std::size_t have = n;
  if (n == kNifti1HeaderBytes) {
    // A NIfTI-1 .hdr ends here; only a longer file can be NIfTI-2.
    AMAES_ASSIGN_OR_RETURN(const std::size_t more, header_file.Read(bytes + n, 4));
    have += more;
    if (more == 4 && (bytes[0] == 0x1c || bytes[3] == 0x1c) && (bytes[1] == 0x02 || bytes[2] == 0x02)) {
      AMAES_ASSIGN_OR_RETURN(const std::size_t rest, header_file.Read(bytes + have, kNifti2HeaderBytes - have));
      have += rest;
    }
  }
  AMAES_ASSIGN_OR_RETURN(const NiftiHeader h,
                         ParseNiftiHeader(absl::string_view(bytes, have), paths.hdr_file, options.max_voxels));
  AMAES_ASSIGN_OR_RETURN(const AxisOrder order, ClosestAxes(h.affine));
  if (h.pair && paths.header == paths.data)
    return Refuse("not a NIfTI file: a header whose voxels lie in an .img file");
  NiftiVolume result;
  result.orientation = order.codes;
  result.frames = h.frames;
  result.datatype = h.datatype_name;
  Placement placement = Place(h, order);
  const auto read = [&](InputFile& file) -> absl::Status {
    AMAES_RETURN_IF_ERROR(CheckSize(file, h));
    const std::int64_t gap = h.data_offset - file.position();
    AMAES_ASSIGN_OR_RETURN(const std::int64_t skipped, file.Skip(gap));
    if (skipped < gap)
      return Refuse(absl::StrCat("truncated: the file ends before the voxels at byte ", h.data_offset));
    AMAES_RETURN_IF_ERROR(ReadFrame(file, h, placement));
    return ProveRest(file, h);
  };
  if (h.pair) {
    AMAES_ASSIGN_OR_RETURN(InputFile data_file, InputFile::Open(paths.data));
    AMAES_RETURN_IF_ERROR(read(data_file));
  } else {
    AMAES_RETURN_IF_ERROR(read(header_file));
  }
  result.volume = std::move(placement.volume);
  AMAES_RETURN_IF_ERROR(CheckVoxels(result));
  return result;
}

}  // namespace

absl::StatusOr<NiftiVolume> ReadNifti(const std::filesystem::path& path, const NiftiOptions& options) {
  try {
    return ReadChecked(ResolvePaths(path), options);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("no memory for the volume");
  }
}

}  // namespace amaes
