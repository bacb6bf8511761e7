// A preprocessed volume on disk: one .b2nd file (blosc2 NDim, uint16, bitshuffle + LZ4, chunks about 64^3, blocks
// about 16^3) with scale and offset in its metadata (the layout: stored_volume_frame.h). value = stored * scale +
// offset, worked out in double and rounded to float32. python-blosc2 and what rests on it can open the file.
//
// blosc2 keeps no checksums. WriteStoredVolume returns the CRC-32C of every chunk's compressed bytes; the catalogue
// keeps them, and a reader that was given them checks each chunk the first time it touches it. Header, index and
// trailer carry a CRC-32C of their own, checked by Open before anything in them is used.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "libs/volume/chunk_cache.h"
#include "libs/volume/volume.h"

namespace amaes {

// Writes atomically (temporary file, flush, rename). Returns the chunk checksums, in chunk order (row-major over the
// grid). The same volume gives the same bytes. Stores affine and spacing too. Whole numbers that span at most 65535
// (labels) are kept exactly; everything else to half a step, which is `resolution` (in units of the voxels), or
// (maximum - minimum) / 65535 where that is coarser.
//   - InvalidArgument: an empty volume, or a voxel, spacing or affine that is not finite.
//   - ResourceExhausted, PermissionDenied, Unavailable: I/O error.
absl::StatusOr<std::vector<std::uint32_t>> WriteStoredVolume(const std::filesystem::path& path, const Volume& volume,
                                                             double resolution = 0);

// Where a volume's chunks are kept once read and checked, and under which name there. Without a cache: nowhere.
struct CachedAs {
  std::shared_ptr<ChunkCache> cache;
  std::string name;
};

// Thread-safe: several threads may read from one object.
class StoredVolume {
 public:
  // - NotFound: no such file.   - Unavailable: I/O error (ReadBox and Verify too).
  // - DataLoss: not a stored volume, damaged, truncated, a newer format (named in the message), or not as many chunks as
  //   checksums.
  // `chunk_checksums` empty: no chunk is checked.
  static absl::StatusOr<std::unique_ptr<StoredVolume>> Open(const std::filesystem::path& path,
                                                            std::vector<std::uint32_t> chunk_checksums,
                                                            CachedAs cached = {});
  virtual ~StoredVolume() = default;

  virtual const Shape3& shape() const = 0;
  virtual const std::array<double, 16>& affine() const = 0;  // as Volume::affine
  virtual float minimum() const = 0;  // smallest value of the volume, from the metadata: the pad value of crops

  // Reads the compressed bytes of the chunks that the box touches, decodes only the blocks that it touches. `out` has
  // VoxelCount(size) floats, z fastest.
  //   - OutOfRange: the box is not inside the volume.   - DataLoss: a chunk is damaged; the message names its index.
  virtual absl::Status ReadBox(const Shape3& start, const Shape3& size, absl::Span<float> out) = 0;

  // Chunks of the file, numbered row-major over their grid.
  virtual std::int64_t chunk_count() const = 0;
  // Reads one chunk from disk, checks its checksum again, and decodes it.   - DataLoss: damaged; names it.
  virtual absl::Status VerifyChunk(std::int64_t index) = 0;
  // Reads and checks every chunk, from disk.   - DataLoss: names the first damaged chunk.
  virtual absl::Status Verify() = 0;
  // Compressed bytes read from disk so far by this object, for tests that prove that a crop reads only what it touches.
  virtual std::int64_t bytes_read() const = 0;
};

}  // namespace amaes
