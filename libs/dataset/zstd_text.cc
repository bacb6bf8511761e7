#include "libs/dataset/zstd_text.h"

#include <zstd.h>

#include <cstdint>
#include <memory>

#include "absl/strings/str_cat.h"
#include "libs/base/log.h"

namespace amaes {
namespace {

constexpr int kLevel = 9;
constexpr std::uint64_t kMaxBytes = std::uint64_t{4} << 30;

}  // namespace

std::string CompressText(absl::string_view text) {
  const std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  AMAES_CHECK(context != nullptr);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::string frame(ZSTD_compressBound(text.size()), '\0');
  const std::size_t size = ZSTD_compress2(context.get(), frame.data(), frame.size(), text.data(), text.size());
  AMAES_CHECK(!ZSTD_isError(size));
  frame.resize(size);
  return frame;
}

absl::StatusOr<std::string> DecompressText(absl::string_view frame) {
  const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) {
    return absl::DataLossError("not a zstd frame with a stated size");
  }
  if (size > kMaxBytes)
    return absl::DataLossError(absl::StrCat("states ", size, " bytes, more than any catalogue has"));
  std::string text(size, '\0');
  const std::size_t got = ZSTD_decompress(text.data(), text.size(), frame.data(), frame.size());
  if (ZSTD_isError(got)) return absl::DataLossError(absl::StrCat("zstd: ", ZSTD_getErrorName(got)));
  if (got != text.size()) return absl::DataLossError(absl::StrCat("zstd: ", got, " bytes instead of ", text.size()));
  return text;
}

}  // namespace amaes
