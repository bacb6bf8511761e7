#include "libs/volume/npy.h"

#include <errno.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <new>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/volume/numeric_type.h"

namespace amaes {
namespace {

absl::Status Refuse(absl::string_view defect) { return absl::InvalidArgumentError(defect); }
absl::Status BadHeader(absl::string_view why) { return Refuse(absl::StrCat("not a .npy file: ", why)); }

struct NpyHeader {
  NumericType type;
  bool fortran = false;
  std::vector<std::int64_t> dims;
};

// The header is a Python dict: {'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 3), }. Only such is understood.
class HeaderParser {
 public:
  explicit HeaderParser(absl::string_view text) : rest_(text) {}

  absl::StatusOr<NpyHeader> Parse() {
    NpyHeader header;
    bool descr = false, order = false, shape = false;
    if (!Take('{')) return BadHeader("its header is no dict");
    while (!Take('}')) {
      AMAES_ASSIGN_OR_RETURN(const absl::string_view key, String());
      if (!Take(':')) return BadHeader("its header has a key without a value");
      if (key == "descr" && !descr) {
        descr = true;
        Space();
        if (!rest_.empty() && rest_[0] == '[') return Refuse("structured array: records instead of numbers");
        AMAES_ASSIGN_OR_RETURN(const absl::string_view text, String());
        AMAES_ASSIGN_OR_RETURN(header.type, ParseNumericType(text));
      } else if (key == "fortran_order" && !order) {
        order = true;
        header.fortran = Word("True");
        if (!header.fortran && !Word("False")) return BadHeader("fortran_order is neither True nor False");
      } else if (key == "shape" && !shape) {
        shape = true;
        AMAES_RETURN_IF_ERROR(Shape(header.dims));
      } else {
        return BadHeader("its header has an unknown key, or one twice");
      }
      if (!Take(',')) {
        if (!Take('}')) return BadHeader("its header does not end");
        break;
      }
    }
    Space();
    if (!rest_.empty()) return BadHeader("something follows its header");
    if (!descr || !order || !shape) return BadHeader("its header lacks descr, fortran_order or shape");
    return header;
  }

 private:
  void Space() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\n' || rest_[0] == '\t')) rest_.remove_prefix(1);
  }
  bool Take(char c) {
    Space();
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool Word(absl::string_view word) {
    Space();
    if (rest_.substr(0, word.size()) != word) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  absl::StatusOr<absl::string_view> String() {
    Space();
    if (rest_.empty() || (rest_[0] != '\'' && rest_[0] != '"')) return BadHeader("a string is missing in its header");
    const std::size_t end = rest_.find(rest_[0], 1);
    if (end == absl::string_view::npos) return BadHeader("a string in its header does not end");
    const absl::string_view text = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return text;
  }
  absl::Status Shape(std::vector<std::int64_t>& dims) {
    if (!Take('(')) return BadHeader("its shape is no tuple");
    while (!Take(')')) {
      Space();
      const std::size_t digits = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
      std::int64_t dim = 0;
      if (dims.size() >= 32 || !absl::SimpleAtoi(rest_.substr(0, digits), &dim)) {
        return BadHeader("its shape holds something else than sizes");
      }
      dims.push_back(dim);
      rest_.remove_prefix(digits);
      static_cast<void>(Word("L"));  // Python 2 wrote long integers so
      if (!Take(',')) {
        if (!Take(')')) return BadHeader("its shape does not end");
        break;
      }
    }
    return absl::OkStatus();
  }

  absl::string_view rest_;
};

// Reads up to `size` bytes; fewer only at the end of the file.
std::size_t ReadSome(std::ifstream& in, void* out, std::size_t size) {
  in.read(static_cast<char*>(out), static_cast<std::streamsize>(size));
  return static_cast<std::size_t>(in.gcount());
}

absl::StatusOr<NpyHeader> ReadHeader(std::ifstream& in) {
  unsigned char start[12];
  std::size_t n = ReadSome(in, start, 10);
  if (n < 10 || std::memcmp(start, "\x93NUMPY", 6) != 0) return BadHeader("it does not begin with NumPy's magic");
  if (start[6] < 1 || start[6] > 3) return BadHeader(absl::StrCat("version ", start[6], " is not known here"));
  std::size_t size = start[8] | start[9] << 8;
  if (start[6] > 1) {
    n = ReadSome(in, start + 10, 2);
    size |= static_cast<std::size_t>(start[10]) << 16 | static_cast<std::size_t>(start[11]) << 24;
    if (n < 2) return Refuse("truncated: the file ends within the header");
  }
  constexpr std::size_t kMost = 1 << 16;
  if (size > kMost) return BadHeader(absl::StrCat("a header of ", size, " bytes"));
  std::string text(size, '\0');
  if (ReadSome(in, text.data(), size) < size) return Refuse("truncated: the file ends within the header");
  return HeaderParser(text).Parse();
}

// C order: the channel lies in one piece, in the order of the volume.
absl::Status ReadInOrder(std::ifstream& in, const NpyHeader& h, ArrayVolume& out) {
  constexpr std::size_t kBatch = 1 << 16;
  const std::size_t count = out.volume.voxels.size();
  std::vector<unsigned char> raw(std::min(count, kBatch) * static_cast<std::size_t>(h.type.bytes));
  for (std::size_t done = 0; done < count;) {
    const std::size_t batch = std::min(count - done, kBatch);
    const std::size_t bytes = batch * static_cast<std::size_t>(h.type.bytes);
    if (ReadSome(in, raw.data(), bytes) < bytes) return Refuse("truncated: the file ends within the array");
    DecodeNumbers(h.type, raw.data(), batch, out.volume.voxels.data() + done);
    done += batch;
  }
  return absl::OkStatus();
}

// Fortran order: the first axis is fastest, channels first of all. One plane of the last axis is read at a time.
absl::Status ReadTurned(std::ifstream& in, const NpyHeader& h, int channel, ArrayVolume& out) {
  const Shape3& shape = out.volume.shape;
  const auto channels = static_cast<std::size_t>(out.channels);
  const std::size_t width = static_cast<std::size_t>(h.type.bytes);
  // A plane's row of x at a time: few bytes, whatever the number of channels.
  std::vector<unsigned char> raw(static_cast<std::size_t>(shape[0]) * channels * width);
  for (std::int64_t z = 0; z < shape[2]; ++z) {
    for (std::int64_t y = 0; y < shape[1]; ++y) {
      if (ReadSome(in, raw.data(), raw.size()) < raw.size()) return Refuse("truncated: the file ends within the array");
      for (std::int64_t x = 0; x < shape[0]; ++x) {
        const std::size_t at = (static_cast<std::size_t>(x) * channels + static_cast<std::size_t>(channel)) * width;
        DecodeNumbers(h.type, raw.data() + at, 1, &out.volume.at(x, y, z));
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<ArrayVolume> ReadChecked(const std::filesystem::path& path, const ArrayOptions& options) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) return absl::NotFoundError(absl::StrCat("cannot open ", path.string()));
  if (!std::filesystem::is_regular_file(status)) return BadHeader("not a regular file");
  std::ifstream in(path, std::ios::binary);
  if (!in) return files::ErrnoStatus(errno, "cannot open", path);
  AMAES_ASSIGN_OR_RETURN(const NpyHeader header, ReadHeader(in));
  ArrayVolume out;
  AMAES_RETURN_IF_ERROR(PlanArrayVolume(header.dims, options, out));
  out.datatype = header.type.Name();
  const std::int64_t channel_bytes = VoxelCount(out.volume.shape) * header.type.bytes;
  const std::int64_t needed = static_cast<std::int64_t>(in.tellg()) + channel_bytes * out.channels;
  const auto size = static_cast<std::int64_t>(std::filesystem::file_size(path, error));
  if (error) return files::ErrnoStatus(error.value(), "cannot stat", path);
  if (size < needed) {
    return Refuse(absl::StrCat("truncated: the header promises ", needed, " bytes, the file has ", size));
  }
  out.volume.voxels.resize(static_cast<std::size_t>(VoxelCount(out.volume.shape)));
  if (header.fortran) {
    AMAES_RETURN_IF_ERROR(ReadTurned(in, header, options.channel, out));
  } else {
    in.seekg(channel_bytes * options.channel, std::ios::cur);
    AMAES_RETURN_IF_ERROR(ReadInOrder(in, header, out));
  }
  if (in.bad()) return absl::UnavailableError(absl::StrCat("cannot read ", path.string()));
  AMAES_RETURN_IF_ERROR(FinishArrayVolume(options, out));
  return out;
}

}  // namespace

absl::StatusOr<ArrayVolume> ReadNpy(const std::filesystem::path& path, const ArrayOptions& options) {
  try {
    return ReadChecked(path, options);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("no memory for the volume");
  }
}

}  // namespace amaes
