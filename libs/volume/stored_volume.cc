#include "libs/volume/stored_volume.h"

#include <blosc2.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/digest.h"
#include "libs/base/files.h"
#include "libs/base/log.h"
#include "libs/base/mutex.h"
#include "libs/base/status_macros.h"
#include "libs/volume/stored_volume_frame.h"

namespace amaes {
namespace {

// One reader's blosc2 state and buffers. Used by one thread at a time.
struct Decoder {
  explicit Decoder(std::int64_t chunk_bytes) : raw(static_cast<std::size_t>(chunk_bytes / 2)) {
    blosc2_dparams parameters = BLOSC2_DPARAMS_DEFAULTS;
    parameters.nthreads = 1;
    context = blosc2_create_dctx(parameters);
    AMAES_CHECK(context != nullptr);
  }
  ~Decoder() { blosc2_free_ctx(context); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  blosc2_context* context = nullptr;
  std::vector<char> compressed;
  ChunkCache::Chunk kept;          // what `chunk` points into when it comes from a cache
  const char* chunk = nullptr;     // the compressed bytes
  std::vector<std::uint16_t> raw;  // one chunk: blocks one after another, row-major
};

// Part of a chunk, in voxels of that chunk.
struct ChunkBox {
  std::int64_t index = 0;
  Shape3 start{};
  Shape3 size{};
  Shape3 to{};  // where it starts in the caller's box
};

// The inner loop of every crop; this file is compiled with -O3, so that it works on several voxels at once.
void ToFloat(const std::uint16_t* from, std::int64_t count, double scale, double offset, float* to) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<float>(static_cast<int>(from[i]) * scale + offset);
}

class File {
 public:
  static absl::StatusOr<std::unique_ptr<File>> Open(const std::filesystem::path& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return files::ErrnoStatus(errno, "cannot open", path);
    struct stat info {};
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
      close(fd);
      return absl::DataLossError("not a stored volume: not a regular file");
    }
    return std::unique_ptr<File>(new File(fd, info.st_size));
  }
  ~File() { close(fd_); }
  std::int64_t size() const { return size_; }

  // Thread-safe.
  absl::Status ReadAt(std::int64_t position, std::int64_t size, char* out) const {
    while (size > 0) {
      const ssize_t n = pread(fd_, out, static_cast<std::size_t>(size), position);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return absl::UnavailableError(absl::StrCat("cannot read: ", strerror(errno)));
      if (n == 0) return absl::DataLossError(absl::StrCat("truncated: the file ends at byte ", position));
      position += n;
      size -= n;
      out += n;
    }
    return absl::OkStatus();
  }

 private:
  File(int fd, std::int64_t size) : fd_(fd), size_(size) {}
  const int fd_;
  const std::int64_t size_;
};

class Blosc2Volume final : public StoredVolume {
 public:
  Blosc2Volume(std::unique_ptr<File> file, StoredFrame frame, std::vector<std::uint32_t> checksums, CachedAs cached)
      : file_(std::move(file)),
        frame_(std::move(frame)),
        checksums_(std::move(checksums)),
        cached_(std::move(cached)),
        checked_(frame_.chunks.size()) {}

  const Shape3& shape() const override { return frame_.meta.shape; }
  const std::array<double, 16>& affine() const override { return frame_.meta.affine; }
  float minimum() const override { return static_cast<float>(frame_.meta.offset); }
  std::int64_t bytes_read() const override { return bytes_read_.load(std::memory_order_relaxed); }

  absl::Status ReadBox(const Shape3& start, const Shape3& size, absl::Span<float> out) override {
    const StoredMeta& meta = frame_.meta;
    for (int a = 0; a < 3; ++a) {
      if (start[a] < 0 || size[a] < 0 || start[a] > meta.shape[a] || size[a] > meta.shape[a] - start[a]) {
        return absl::OutOfRangeError(absl::StrCat("box ", absl::StrJoin(start, ","), " + ", absl::StrJoin(size, ","),
                                                  " is not inside ", absl::StrJoin(meta.shape, " x ")));
      }
    }
    AMAES_CHECK(static_cast<std::int64_t>(out.size()) == VoxelCount(size));
    if (out.empty()) return absl::OkStatus();
    std::unique_ptr<Decoder> decoder = Take();
    Shape3 first, last;
    for (int a = 0; a < 3; ++a) {
      first[a] = start[a] / meta.chunk[a];
      last[a] = (start[a] + size[a] - 1) / meta.chunk[a];
    }
    const Shape3 grid = meta.Grid();
    absl::Status status;
    for (std::int64_t x = first[0]; x <= last[0] && status.ok(); ++x) {
      for (std::int64_t y = first[1]; y <= last[1] && status.ok(); ++y) {
        for (std::int64_t z = first[2]; z <= last[2] && status.ok(); ++z) {
          const ChunkBox box = Cut({x, y, z}, (x * grid[1] + y) * grid[2] + z, start, size);
          status = Decode(box, /*from_disk=*/false, *decoder);
          if (status.ok()) Copy(box, *decoder, size, out.data());
        }
      }
    }
    Return(std::move(decoder));
    return status;
  }

  std::int64_t chunk_count() const override { return static_cast<std::int64_t>(frame_.chunks.size()); }

  absl::Status VerifyChunk(std::int64_t index) override {
    std::unique_ptr<Decoder> decoder = Take();
    checked_[static_cast<std::size_t>(index)].store(false, std::memory_order_relaxed);
    const absl::Status status = Decode({index, {}, frame_.meta.chunk, {}}, /*from_disk=*/true, *decoder);
    Return(std::move(decoder));
    return status;
  }

  absl::Status Verify() override {
    absl::Status status;
    for (std::int64_t i = 0; i < chunk_count() && status.ok(); ++i) status = VerifyChunk(i);
    return status;
  }

 private:
  std::unique_ptr<Decoder> Take() {
    {
      MutexLock lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<Decoder> decoder = std::move(idle_.back());
        idle_.pop_back();
        return decoder;
      }
    }
    return std::make_unique<Decoder>(frame_.meta.ChunkBytes());
  }

  void Return(std::unique_ptr<Decoder> decoder) {
    decoder->kept.reset();
    MutexLock lock(mutex_);
    idle_.push_back(std::move(decoder));
  }

  // The part of the box [start, start + size) that lies in the chunk at `at`.
  ChunkBox Cut(const Shape3& at, std::int64_t index, const Shape3& start, const Shape3& size) const {
    ChunkBox box;
    box.index = index;
    for (int a = 0; a < 3; ++a) {
      const std::int64_t origin = at[a] * frame_.meta.chunk[a];
      const std::int64_t low = std::max(start[a], origin);
      const std::int64_t high = std::min(start[a] + size[a], origin + frame_.meta.chunk[a]);
      box.start[a] = low - origin;
      box.size[a] = high - low;
      box.to[a] = low - start[a];
    }
    return box;
  }

  // Points decoder.chunk at the compressed bytes, checked.
  absl::Status Fetch(std::int64_t index, bool from_disk, Decoder& decoder) {
    const StoredChunk& chunk = frame_.chunks[static_cast<std::size_t>(index)];
    const bool cache = cached_.cache != nullptr && !from_disk;
    if (cache && (decoder.kept = cached_.cache->Find(cached_.name, index)) != nullptr &&
        static_cast<std::int64_t>(decoder.kept->size()) == chunk.size) {
      decoder.chunk = decoder.kept->data();
      return absl::OkStatus();
    }
    std::vector<char>& bytes = decoder.compressed;
    bytes.resize(static_cast<std::size_t>(chunk.size));
    decoder.chunk = bytes.data();
    absl::Status read = file_->ReadAt(chunk.position, chunk.size, bytes.data());
    if (!read.ok()) return Annotate(read, absl::StrCat("chunk ", index));
    bytes_read_.fetch_add(chunk.size, std::memory_order_relaxed);
    std::atomic<bool>& checked = checked_[static_cast<std::size_t>(index)];
    if (!checksums_.empty() && !checked.load(std::memory_order_relaxed)) {
      if (Crc32c(bytes.data(), bytes.size()) != checksums_[static_cast<std::size_t>(index)]) {
        return Damaged(index, "its checksum does not match");
      }
      checked.store(true, std::memory_order_relaxed);
    }
    if (cache) cached_.cache->Put(cached_.name, index, std::make_shared<const std::vector<char>>(bytes));
    return absl::OkStatus();
  }

  static absl::Status Damaged(std::int64_t index, absl::string_view why) {
    return absl::DataLossError(absl::StrCat("chunk ", index, " is damaged: ", why));
  }

  absl::Status Decode(const ChunkBox& box, bool from_disk, Decoder& decoder) {
    const StoredChunk& chunk = frame_.chunks[static_cast<std::size_t>(box.index)];
    AMAES_RETURN_IF_ERROR(Fetch(box.index, from_disk, decoder));
    if (chunk.size == 0) {
      std::fill(decoder.raw.begin(), decoder.raw.end(), 0);
      return absl::OkStatus();
    }
    const std::int64_t bytes = frame_.meta.ChunkBytes();
    std::int32_t decoded = 0, compressed = 0, block = 0;
    if (blosc2_cbuffer_sizes(decoder.chunk, &decoded, &compressed, &block) < 0 || decoded != bytes ||
        compressed != chunk.size) {
      return Damaged(box.index, "its header's sizes are wrong");
    }
    MaskBlocks(box, decoder);
    const int n = blosc2_decompress_ctx(decoder.context, decoder.chunk, static_cast<std::int32_t>(chunk.size),
                                        decoder.raw.data(), static_cast<std::int32_t>(bytes));
    if (n != bytes) return Damaged(box.index, n < 0 ? blosc2_error_string(n) : "it is too short");
    return absl::OkStatus();
  }

  // Tells blosc2 which blocks to leave out.
  void MaskBlocks(const ChunkBox& box, Decoder& decoder) const {
    const int special = static_cast<unsigned char>(decoder.chunk[BLOSC2_CHUNK_BLOSC2_FLAGS]) >> 4;
    if ((special & BLOSC2_SPECIAL_MASK) != BLOSC2_NO_SPECIAL) return;  // one value throughout: nothing to leave out
    const Shape3 blocks = frame_.meta.Blocks();
    const auto touched = [&](int a, std::int64_t i) {
      const std::int64_t low = i * frame_.meta.block[a];
      return low < box.start[a] + box.size[a] && low + frame_.meta.block[a] > box.start[a];
    };
    const auto count = static_cast<std::size_t>(VoxelCount(blocks));
    const std::unique_ptr<bool[]> mask(new bool[count]);
    std::size_t i = 0;
    for (std::int64_t x = 0; x < blocks[0]; ++x) {
      for (std::int64_t y = 0; y < blocks[1]; ++y) {
        for (std::int64_t z = 0; z < blocks[2]; ++z) mask[i++] = !(touched(0, x) && touched(1, y) && touched(2, z));
      }
    }
    AMAES_CHECK(blosc2_set_maskout(decoder.context, mask.get(), static_cast<int>(count)) == BLOSC2_ERROR_SUCCESS);
  }

  // From blocks to the caller's rows.
  void Copy(const ChunkBox& box, const Decoder& decoder, const Shape3& size, float* out) const {
    const Shape3 blocks = frame_.meta.Blocks();
    const Shape3& block = frame_.meta.block;
    const double scale = frame_.meta.scale;
    const double offset = frame_.meta.offset;
    const std::int64_t block_voxels = VoxelCount(block);
    for (std::int64_t x = box.start[0]; x < box.start[0] + box.size[0]; ++x) {
      for (std::int64_t y = box.start[1]; y < box.start[1] + box.size[1]; ++y) {
        const std::int64_t row_block = (x / block[0] * blocks[1] + y / block[1]) * blocks[2];
        const std::int64_t row_voxel = (x % block[0] * block[1] + y % block[1]) * block[2];
        float* to =
            out + ((x - box.start[0] + box.to[0]) * size[1] + y - box.start[1] + box.to[1]) * size[2] + box.to[2];
        for (std::int64_t z = box.start[2]; z < box.start[2] + box.size[2];) {
          const std::int64_t run = std::min(block[2] - z % block[2], box.start[2] + box.size[2] - z);
          const std::uint16_t* from =
              decoder.raw.data() + (row_block + z / block[2]) * block_voxels + row_voxel + z % block[2];
          ToFloat(from, run, scale, offset, to);
          to += run;
          z += run;
        }
      }
    }
  }

  const std::unique_ptr<File> file_;
  const StoredFrame frame_;
  const std::vector<std::uint32_t> checksums_;
  const CachedAs cached_;
  std::vector<std::atomic<bool>> checked_;  // per chunk: its checksum held once
  std::atomic<std::int64_t> bytes_read_{0};
  Mutex mutex_;
  std::vector<std::unique_ptr<Decoder>> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<StoredVolume>> StoredVolume::Open(const std::filesystem::path& path,
                                                                 std::vector<std::uint32_t> chunk_checksums,
                                                                 CachedAs cached) {
  AMAES_ASSIGN_OR_RETURN(std::unique_ptr<File> file, File::Open(path));
  AMAES_ASSIGN_OR_RETURN(StoredFrame frame,
                         ParseFrame(file->size(), [&](std::int64_t position, std::int64_t size, char* out) {
                           return file->ReadAt(position, size, out);
                         }));
  if (!chunk_checksums.empty() && chunk_checksums.size() != frame.chunks.size()) {
    return absl::DataLossError(absl::StrCat("the file has ", frame.chunks.size(), " chunks, the catalogue has ",
                                            chunk_checksums.size(), " checksums: another file of the same name?"));
  }
  return std::unique_ptr<StoredVolume>(
      std::make_unique<Blosc2Volume>(std::move(file), std::move(frame), std::move(chunk_checksums), std::move(cached)));
}

}  // namespace amaes
