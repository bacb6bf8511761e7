// The files that hold a scan: both halves of a pair, plain or gzip, read from front to back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/volume/nifti_header.h"

struct gzFile_s;  // zlib's

namespace amaes {

// The bytes of a plain or a gzip file. The first two bytes decide which it is, not the name. For one thread at a time.
class NiftiFile {
 public:
  // `buffer_bytes`: how much is read from the disk at once.
  //   - NotFound, PermissionDenied, Unavailable: I/O error.   - InvalidArgument: not a regular file.
  static absl::StatusOr<NiftiFile> Open(const std::filesystem::path& path, unsigned buffer_bytes = 1 << 18);
  NiftiFile(NiftiFile&& other) noexcept;
  NiftiFile& operator=(NiftiFile&&) = delete;
  ~NiftiFile();

  bool gzip() const { return gzip_; }
  std::int64_t size() const { return size_; }          // on disk
  std::int64_t position() const { return position_; }  // inflated bytes read so far

  // Inflates a gzip file at once if it holds `expected` bytes or a little more, so that Read serves from memory. Changes
  // nothing but the time: a stream that is damaged, longer or large is left to Read, which says what is wrong with it.
  void InflateAhead(std::int64_t expected);
  // Up to `size` inflated bytes; fewer only at the end of the file.
  //   - InvalidArgument: "truncated: …" or "damaged: …", of the gzip stream.
  //   - ResourceExhausted, Unavailable: no memory, I/O error.
  absl::StatusOr<std::size_t> Read(void* out, std::size_t size);
  // Drops up to `size` bytes; returns how many there were. Errors as Read.
  absl::StatusOr<std::int64_t> Skip(std::int64_t size);

 private:
  NiftiFile(gzFile_s* file, int fd, std::int64_t size, bool gzip) : file_(file), fd_(fd), size_(size), gzip_(gzip) {}
  absl::Status ReadError();

  gzFile_s* file_;
  int fd_;  // of `file_`
  std::int64_t size_;
  bool gzip_;
  std::int64_t position_ = 0;
  std::unique_ptr<unsigned char[]> ahead_;  // the whole file inflated, or null
  std::int64_t ahead_size_ = 0;
};

struct NiftiPaths {
  std::filesystem::path header;
  std::filesystem::path data;  // equal to `header` for a single file
  bool hdr_file = false;       // named .hdr or .img
};

// NAME.hdr[.gz] and NAME.img[.gz] belong together; either may be named, and each may be compressed on its own.
NiftiPaths ResolveNiftiPaths(const std::filesystem::path& path);

// The first 348 or 540 bytes of `file`, or fewer if it is shorter. Errors as Read.
absl::StatusOr<std::string> ReadNiftiHeaderBytes(NiftiFile& file);
// The same, parsed.   - InvalidArgument: see ReadNifti.   - else as Read.
absl::StatusOr<NiftiHeader> ReadNiftiHeader(NiftiFile& file, bool hdr_file, std::int64_t max_voxels);

// - InvalidArgument: "truncated: …", unless all bytes that the header promises can be in `file`, the one that holds the
//   voxels (deflate cannot expand more than 1032 times, so a small file cannot make us take memory for a large one).
absl::Status CheckNiftiSize(const NiftiFile& file, const NiftiHeader& header);

}  // namespace amaes
