// The layout of a stored volume's file: a blosc2 contiguous frame (c-blosc2, README_CFRAME_FORMAT) with two metalayers,
// `b2nd` (blosc2's own) and `amaes`. The latter is one msgpack string that holds JSON:
//
//   {"affine":[16],"block":[3],"chunk":[3],"crc32c":"89abcdef","format":1,"offset":0.0,"scale":1.5e-05,"shape":[3],
//    "spacing":[3]}
//
//   value = stored * scale + offset, worked out in double; `offset` is the volume's minimum.
//   crc32c: CRC-32C of everything but the chunks: the header, with these eight digits as zeros, then all bytes behind the
//   last chunk (index and trailer). blosc2 parses nothing that has not passed this check.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/volume/volume.h"

namespace amaes {

inline constexpr int kStoredFormat = 1;

struct StoredMeta {
  Shape3 shape{};
  Shape3 chunk{};
  Shape3 block{};
  double scale = 1;
  double offset = 0;
  std::array<double, 3> spacing{};
  std::array<double, 16> affine{};

  // Chunks along each axis. Chunks are numbered row-major over this grid.
  Shape3 Grid() const;
  // Blocks along each axis of one chunk; the last one may reach beyond the chunk.
  Shape3 Blocks() const;
  // Bytes of a decoded chunk, blocks padded.
  std::int64_t ChunkBytes() const;
};

// The content of the `amaes` metalayer, with zeros for the checksum.
std::string EncodeStoredMeta(const StoredMeta& meta);

struct StoredChunk {
  std::int64_t position = 0;  // in the file
  std::int64_t size = 0;      // compressed bytes; 0: the chunk is all zeros and takes no room
};

struct StoredFrame {
  StoredMeta meta;
  std::vector<StoredChunk> chunks;
};

// Reads exactly `size` bytes at `position`.
using ReadAt = std::function<absl::Status(std::int64_t position, std::int64_t size, char* out)>;

// Fills the checksum into a finished frame.   - Internal: the frame is not laid out as documented above.
absl::Status SealFrame(std::string& frame);

// Checks header, index and trailer, and finds the chunks.
//   - DataLoss: not a stored volume, truncated, damaged, or a newer format.   - whatever `read` returns.
absl::StatusOr<StoredFrame> ParseFrame(std::int64_t file_size, const ReadAt& read);

// Once per process, before any other call into blosc2. Thread-safe.
void InitBlosc2();

}  // namespace amaes
