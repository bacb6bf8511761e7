// A preprocessed volume on disk: one .b2nd file (blosc2 NDim, uint16, bitshuffle + zstd, chunks about 64^3, blocks about
// 16^3) with scale and offset in its metadata. value = stored * scale + offset. python-blosc2, nnU-Net and nnssl can open it.
//
// blosc2 keeps no checksums. WriteStoredVolume returns the CRC-32C of every chunk's compressed bytes; the catalogue keeps
// them, and a reader that was given them checks each chunk the first time this process touches it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "libs/volume/volume.h"

namespace amaes {

// Writes atomically (temporary file, flush, rename). Returns the chunk checksums, in chunk order (row-major over the grid).
//   - InvalidArgument: an empty or non-finite volume.   - ResourceExhausted, Unavailable: I/O error.
absl::StatusOr<std::vector<std::uint32_t>> WriteStoredVolume(const std::filesystem::path& path, const Volume& volume);

// Thread-safe: several threads may read from one object.
class StoredVolume {
 public:
  // - NotFound: no such file.   - DataLoss: not a stored volume, truncated, or a newer format (named in the message).
  // `chunk_checksums` empty: nothing is checked.
  static absl::StatusOr<std::unique_ptr<StoredVolume>> Open(const std::filesystem::path& path,
                                                            std::vector<std::uint32_t> chunk_checksums);
  virtual ~StoredVolume() = default;

  virtual const Shape3& shape() const = 0;
  virtual float minimum() const = 0;  // smallest value of the volume, from the metadata: the pad value of crops

  // Decodes only the blocks that the box touches. `out` has VoxelCount(size) floats, z fastest.
  //   - OutOfRange: the box is not inside the volume.   - DataLoss: a chunk is damaged; the message names its index.
  virtual absl::Status ReadBox(const Shape3& start, const Shape3& size, absl::Span<float> out) = 0;

  // Reads and checks every chunk.   - DataLoss: names the first damaged chunk.
  virtual absl::Status Verify() = 0;
  // Compressed bytes read so far by this object, for tests that prove that a crop reads only what it touches.
  virtual std::int64_t bytes_read() const = 0;
};

}  // namespace amaes
