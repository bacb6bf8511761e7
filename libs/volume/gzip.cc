#include "libs/volume/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <vector>

namespace amaes {

absl::StatusOr<std::string> Gzip(const std::string& content) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    return absl::ResourceExhaustedError("no memory to compress");
  }
  std::string out;
  std::vector<Bytef> buffer(1 << 18);
  std::size_t at = 0;
  int code = Z_OK;
  while (code != Z_STREAM_END) {
    const std::size_t part = std::min<std::size_t>(content.size() - at, std::size_t{1} << 30);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data() + at));
    stream.avail_in = static_cast<uInt>(part);
    stream.next_out = buffer.data();
    stream.avail_out = static_cast<uInt>(buffer.size());
    code = deflate(&stream, at + part == content.size() ? Z_FINISH : Z_NO_FLUSH);
    at += part - stream.avail_in;
    out.append(reinterpret_cast<char*>(buffer.data()), buffer.size() - stream.avail_out);
  }
  deflateEnd(&stream);
  return out;
}

}  // namespace amaes
