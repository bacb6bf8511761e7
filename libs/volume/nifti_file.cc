#include "libs/volume/nifti_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"

namespace amaes {
namespace {

constexpr std::int64_t kMaxExpansion = 1032;  // of deflate

absl::Status Refuse(absl::string_view defect) { return absl::InvalidArgumentError(defect); }

}  // namespace

absl::StatusOr<NiftiFile> NiftiFile::Open(const std::filesystem::path& path, unsigned buffer_bytes) {
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
  gzbuffer(file, buffer_bytes);
  return NiftiFile(file, fd, info.st_size, gzip);
}

NiftiFile::NiftiFile(NiftiFile&& other) noexcept
    : file_(other.file_),
      fd_(other.fd_),
      size_(other.size_),
      gzip_(other.gzip_),
      position_(other.position_),
      ahead_(std::move(other.ahead_)),
      ahead_size_(other.ahead_size_) {
  other.file_ = nullptr;
}

NiftiFile::~NiftiFile() {
  if (file_ != nullptr) gzclose(file_);
}

void NiftiFile::InflateAhead(std::int64_t expected) {
  constexpr std::int64_t kMost = std::int64_t{1} << 29;  // of memory, for the file and for what it becomes
  constexpr std::int64_t kSlack = 1 << 12;               // of padding behind the voxels
  if (!gzip_ || ahead_ != nullptr || size_ > kMost || expected > kMost) return;
  const std::unique_ptr<unsigned char[]> packed(new (std::nothrow) unsigned char[static_cast<std::size_t>(size_)]);
  std::unique_ptr<unsigned char[]> out(new (std::nothrow) unsigned char[static_cast<std::size_t>(expected + kSlack)]);
  const std::unique_ptr<libdeflate_decompressor, void (*)(libdeflate_decompressor*)> inflater(
      libdeflate_alloc_decompressor(), libdeflate_free_decompressor);
  if (packed == nullptr || out == nullptr || inflater == nullptr) return;
  for (std::int64_t done = 0; done < size_;) {
    const ssize_t n = pread(fd_, packed.get() + done, static_cast<std::size_t>(size_ - done), done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    done += n;
  }
  // One gzip stream after the other, until what follows is none.
  std::size_t used = 0, made = 0;
  const auto size = static_cast<std::size_t>(size_), room = static_cast<std::size_t>(expected + kSlack);
  do {
    std::size_t in = 0, inflated = 0;
    const libdeflate_result result = libdeflate_gzip_decompress_ex(inflater.get(), packed.get() + used, size - used,
                                                                   out.get() + made, room - made, &in, &inflated);
    if (result != LIBDEFLATE_SUCCESS) return;
    used += in;
    made += inflated;
  } while (size - used >= 2 && packed[used] == 0x1f && packed[used + 1] == 0x8b);
  if (made < static_cast<std::size_t>(expected)) return;
  ahead_ = std::move(out);
  ahead_size_ = static_cast<std::int64_t>(made);
}

absl::StatusOr<std::size_t> NiftiFile::Read(void* out, std::size_t size) {
  if (ahead_ != nullptr) {
    const std::size_t there = std::min(size, static_cast<std::size_t>(ahead_size_ - position_));
    std::memcpy(out, ahead_.get() + position_, there);
    position_ += static_cast<std::int64_t>(there);
    return there;
  }
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

absl::StatusOr<std::int64_t> NiftiFile::Skip(std::int64_t size) {
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

absl::Status NiftiFile::ReadError() {
  int code = Z_OK;
  const char* text = gzerror(file_, &code);
  if (code == Z_BUF_ERROR) {
    return Refuse(absl::StrCat("truncated: the gzip stream ends after ", position_, " inflated bytes"));
  }
  if (code == Z_DATA_ERROR) return Refuse(absl::StrCat("damaged: gzip: ", text));
  if (code == Z_MEM_ERROR) return absl::ResourceExhaustedError("no memory to inflate a file");
  return absl::UnavailableError(absl::StrCat("cannot read: ", code == Z_ERRNO ? strerror(errno) : text));
}

NiftiPaths ResolveNiftiPaths(const std::filesystem::path& path) {
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
  return hdr ? NiftiPaths{path, found, true} : NiftiPaths{found, path, true};
}

absl::StatusOr<std::string> ReadNiftiHeaderBytes(NiftiFile& file) {
  std::string bytes(kNifti2HeaderBytes, '\0');
  AMAES_ASSIGN_OR_RETURN(std::size_t have, file.Read(bytes.data(), kNifti1HeaderBytes));
  if (have == kNifti1HeaderBytes) {
    // A NIfTI-1 .hdr ends here; only a longer file can be NIfTI-2.
    AMAES_ASSIGN_OR_RETURN(const std::size_t more, file.Read(bytes.data() + have, 4));
    have += more;
    if (more == 4 && (bytes[0] == 0x1c || bytes[3] == 0x1c) && (bytes[1] == 0x02 || bytes[2] == 0x02)) {
      AMAES_ASSIGN_OR_RETURN(const std::size_t rest, file.Read(bytes.data() + have, kNifti2HeaderBytes - have));
      have += rest;
    }
  }
  bytes.resize(have);
  return bytes;
}

absl::StatusOr<NiftiHeader> ReadNiftiHeader(NiftiFile& file, bool hdr_file, std::int64_t max_voxels) {
  AMAES_ASSIGN_OR_RETURN(const std::string bytes, ReadNiftiHeaderBytes(file));
  return ParseNiftiHeader(bytes, hdr_file, max_voxels);
}

absl::Status CheckNiftiSize(const NiftiFile& file, const NiftiHeader& header) {
  const std::int64_t needed = header.data_offset + header.FrameBytes() * header.frames;
  if (file.gzip() ? needed / kMaxExpansion > file.size() : needed > file.size()) {
    return Refuse(absl::StrCat("truncated: the header promises ", needed, " bytes of ", header.datatype_name,
                               " voxels, the ", file.gzip() ? "compressed file has " : "file has ", file.size()));
  }
  return absl::OkStatus();
}

}  // namespace amaes
