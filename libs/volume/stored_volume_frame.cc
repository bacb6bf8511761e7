#include "libs/volume/stored_volume_frame.h"

#include <blosc2.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/base/digest.h"
#include "libs/base/status_macros.h"
#include "nlohmann/json.hpp"

namespace amaes {
namespace {

// Fixed positions in the header of a frame; numbers there are big-endian.
constexpr std::int64_t kMagic = 2;
constexpr std::int64_t kHeaderSize = 11;  // int32
constexpr std::int64_t kFrameSize = 16;   // uint64
constexpr std::int64_t kChunkBytes = 39;  // int64: all chunks together
constexpr std::int64_t kSmallestHeader = 87;
constexpr std::int64_t kLargestHeader = 1 << 16;
constexpr std::int64_t kLargestTail = std::int64_t{1} << 28;
constexpr char kChecksumField[] = "\"crc32c\":\"";
constexpr std::size_t kChecksumDigits = 8;

absl::Status Lost(absl::string_view what) { return absl::DataLossError(what); }

template <typename T>
T BigEndian(const std::string& bytes, std::int64_t at) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return static_cast<T>(value);
}

template <typename T>
T LittleEndian(const char* p) {
  std::uint64_t value = 0;
  for (std::size_t i = sizeof(T); i-- > 0;) value = value << 8 | static_cast<unsigned char>(p[i]);
  return static_cast<T>(value);
}

std::uint32_t Checksum(std::string header, std::size_t digits_at, absl::string_view tail) {
  std::fill_n(header.begin() + digits_at, kChecksumDigits, '0');
  return Crc32c(tail.data(), tail.size(), Crc32c(header.data(), header.size()));
}

// Where the parts of a frame lie, as its header says; checked against the file's size.
struct Layout {
  std::int64_t header = 0;  // bytes
  std::int64_t tail = 0;    // position of the index
};

absl::StatusOr<Layout> ReadLayout(const std::string& start, std::int64_t file_size) {
  if (std::memcmp(start.data() + kMagic, "b2frame", 8) != 0) return Lost("not a stored volume: no blosc2 frame");
  Layout layout;
  layout.header = BigEndian<std::int32_t>(start, kHeaderSize);
  const auto frame = BigEndian<std::int64_t>(start, kFrameSize);
  const auto chunks = BigEndian<std::int64_t>(start, kChunkBytes);
  if (frame != file_size) {
    return Lost(absl::StrCat(frame > file_size ? "truncated" : "damaged", ": the file has ", file_size,
                             " bytes, its header says ", frame));
  }
  if (layout.header < kSmallestHeader || layout.header > std::min(file_size, kLargestHeader) || chunks < 0 ||
      chunks >= file_size - layout.header) {
    return Lost("damaged: the header's sizes do not fit the file");
  }
  layout.tail = layout.header + chunks;
  if (file_size - layout.tail > kLargestTail) return Lost("damaged: the index is absurdly large");
  return layout;
}

absl::StatusOr<std::size_t> FindDigits(const std::string& header) {
  const std::size_t field = header.find(kChecksumField);
  const std::size_t digits = field + sizeof(kChecksumField) - 1;
  if (field == std::string::npos || digits + kChecksumDigits > header.size()) {
    return Lost("not a stored volume: a blosc2 file without our metadata");
  }
  return digits;
}

bool ReadNumbers(const nlohmann::json& value, double* out, std::size_t count) {
  if (!value.is_array() || value.size() != count) return false;
  for (std::size_t i = 0; i < count; ++i) {
    if (!value[i].is_number()) return false;
    out[i] = value[i].get<double>();
  }
  return true;
}

bool ReadShape(const nlohmann::json& value, std::int64_t largest, Shape3& out) {
  double numbers[3];
  if (!ReadNumbers(value, numbers, 3)) return false;
  for (int a = 0; a < 3; ++a) {
    if (!(numbers[a] >= 1 && numbers[a] <= static_cast<double>(largest))) return false;
    out[a] = static_cast<std::int64_t>(numbers[a]);
  }
  return true;
}

absl::StatusOr<StoredMeta> DecodeMeta(const std::string& header, std::size_t digits) {
  const std::size_t begin = header.rfind('{', digits);
  const std::size_t end = header.find('}', digits);
  if (begin == std::string::npos || end == std::string::npos) return Lost("damaged: the metadata is cut");
  const auto json = nlohmann::json::parse(header.substr(begin, end - begin + 1), nullptr, false);
  if (!json.is_object()) return Lost("damaged: the metadata is not JSON");
  const auto field = [&](const char* name) { return json.contains(name) ? json[name] : nlohmann::json(); };
  const nlohmann::json format = field("format");
  if (!format.is_number_integer()) return Lost("not a stored volume: no format number");
  if (format.get<std::int64_t>() != kStoredFormat) {
    return Lost(absl::StrCat("stored in format ", format.dump(), ", this version reads ", kStoredFormat));
  }
  StoredMeta meta;
  if (!ReadShape(field("shape"), std::int64_t{1} << 20, meta.shape) || !ReadShape(field("chunk"), 1024, meta.chunk) ||
      !ReadShape(field("block"), 1024, meta.block) || !ReadNumbers(field("spacing"), meta.spacing.data(), 3) ||
      !ReadNumbers(field("affine"), meta.affine.data(), 16)) {
    return Lost("damaged: the metadata lacks a field");
  }
  if (!field("scale").is_number() || !field("offset").is_number()) return Lost("damaged: the metadata lacks a field");
  meta.scale = field("scale").get<double>();
  meta.offset = field("offset").get<double>();
  if (meta.ChunkBytes() > (std::int64_t{1} << 30)) return Lost("damaged: absurdly large chunks");
  return meta;
}

// The index is one blosc2 chunk: a little-endian int64 per chunk, relative to the end of the header. The top bit marks
// a chunk that takes no room; the rest of the top byte then says what it holds.
absl::StatusOr<std::vector<StoredChunk>> DecodeIndex(const std::string& tail, const Layout& layout, std::size_t count) {
  std::int32_t bytes = 0, compressed = 0, block = 0;
  if (tail.size() < BLOSC_EXTENDED_HEADER_LENGTH ||
      blosc2_cbuffer_sizes(tail.data(), &bytes, &compressed, &block) < 0 || compressed < 0 ||
      static_cast<std::size_t>(compressed) > tail.size() ||
      bytes != static_cast<std::int64_t>(count * sizeof(std::int64_t))) {
    return Lost("damaged: the index does not fit the volume's shape");
  }
  std::vector<char> raw(static_cast<std::size_t>(bytes));
  blosc2_dparams parameters = BLOSC2_DPARAMS_DEFAULTS;
  const std::unique_ptr<blosc2_context, void (*)(blosc2_context*)> context(blosc2_create_dctx(parameters),
                                                                           blosc2_free_ctx);
  if (blosc2_decompress_ctx(context.get(), tail.data(), compressed, raw.data(), bytes) != bytes) {
    return Lost("damaged: the index cannot be decoded");
  }
  std::vector<StoredChunk> chunks(count);
  std::vector<std::int64_t> ends;
  for (std::size_t i = 0; i < count; ++i) {
    const auto offset = LittleEndian<std::int64_t>(raw.data() + i * sizeof(std::int64_t));
    if (offset < 0) {
      if ((offset >> 56 & 0x7f) != BLOSC2_SPECIAL_ZERO) return Lost(absl::StrCat("damaged: index entry of chunk ", i));
      chunks[i] = {layout.header, 0};
      continue;
    }
    chunks[i].position = layout.header + offset;
    chunks[i].size = -1;
    ends.push_back(chunks[i].position);
  }
  ends.push_back(layout.tail);
  std::sort(ends.begin(), ends.end());
  for (std::size_t i = 0; i < count; ++i) {
    if (chunks[i].size == 0) continue;
    const auto next = std::upper_bound(ends.begin(), ends.end(), chunks[i].position);
    if (next == ends.end() || *next - chunks[i].position < BLOSC_EXTENDED_HEADER_LENGTH) {
      return Lost(absl::StrCat("damaged: index entry of chunk ", i));
    }
    chunks[i].size = *next - chunks[i].position;
  }
  return chunks;
}

}  // namespace

Shape3 StoredMeta::Grid() const {
  Shape3 grid;
  for (int a = 0; a < 3; ++a) grid[a] = (shape[a] + chunk[a] - 1) / chunk[a];
  return grid;
}

Shape3 StoredMeta::Blocks() const {
  Shape3 blocks;
  for (int a = 0; a < 3; ++a) blocks[a] = (chunk[a] + block[a] - 1) / block[a];
  return blocks;
}

std::int64_t StoredMeta::ChunkBytes() const {
  return VoxelCount(Blocks()) * VoxelCount(block) * static_cast<std::int64_t>(sizeof(std::uint16_t));
}

std::string EncodeStoredMeta(const StoredMeta& meta) {
  const std::string text =
      nlohmann::json{{"format", kStoredFormat}, {"shape", meta.shape},   {"chunk", meta.chunk},
                     {"block", meta.block},     {"scale", meta.scale},   {"offset", meta.offset},
                     {"spacing", meta.spacing}, {"affine", meta.affine}, {"crc32c", std::string(kChecksumDigits, '0')}}
          .dump();
  // msgpack: str 16.
  std::string out = {'\xda', static_cast<char>(text.size() >> 8), static_cast<char>(text.size() & 0xff)};
  return out + text;
}

absl::Status SealFrame(std::string& frame) {
  if (frame.size() < static_cast<std::size_t>(kSmallestHeader))
    return absl::InternalError("blosc2 frame without a header");
  const absl::StatusOr<Layout> layout = ReadLayout(frame, static_cast<std::int64_t>(frame.size()));
  if (!layout.ok()) return absl::InternalError(layout.status().message());
  std::string header = frame.substr(0, static_cast<std::size_t>(layout->header));
  const absl::StatusOr<std::size_t> digits = FindDigits(header);
  if (!digits.ok()) return absl::InternalError(digits.status().message());
  const absl::string_view tail = absl::string_view(frame).substr(static_cast<std::size_t>(layout->tail));
  const std::string text = absl::StrFormat("%08x", Checksum(std::move(header), *digits, tail));
  frame.replace(*digits, kChecksumDigits, text);
  return absl::OkStatus();
}

absl::StatusOr<StoredFrame> ParseFrame(std::int64_t file_size, const ReadAt& read) {
  if (file_size < kSmallestHeader) {
    return Lost(absl::StrCat("truncated or not a stored volume: the file has ", file_size, " bytes"));
  }
  std::string start(static_cast<std::size_t>(kSmallestHeader), '\0');
  AMAES_RETURN_IF_ERROR(read(0, kSmallestHeader, start.data()));
  AMAES_ASSIGN_OR_RETURN(const Layout layout, ReadLayout(start, file_size));
  std::string header(static_cast<std::size_t>(layout.header), '\0');
  std::string tail(static_cast<std::size_t>(file_size - layout.tail), '\0');
  AMAES_RETURN_IF_ERROR(read(0, layout.header, header.data()));
  AMAES_RETURN_IF_ERROR(read(layout.tail, file_size - layout.tail, tail.data()));
  AMAES_ASSIGN_OR_RETURN(const std::size_t digits, FindDigits(header));
  const std::string stored = header.substr(digits, kChecksumDigits);
  if (stored != absl::StrFormat("%08x", Checksum(header, digits, tail))) {
    return Lost("damaged: the checksum of header and index does not match");
  }
  StoredFrame frame;
  AMAES_ASSIGN_OR_RETURN(frame.meta, DecodeMeta(header, digits));
  InitBlosc2();
  AMAES_ASSIGN_OR_RETURN(frame.chunks,
                         DecodeIndex(tail, layout, static_cast<std::size_t>(VoxelCount(frame.meta.Grid()))));
  return frame;
}

void InitBlosc2() {
  static const bool done = (blosc2_init(), true);
  static_cast<void>(done);
}

}  // namespace amaes
