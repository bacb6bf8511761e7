#include "libs/picture/gray_png.h"

#include <png.h>

#include "absl/strings/str_cat.h"
#include "libs/base/log.h"

namespace amaes {

absl::StatusOr<std::string> EncodeGrayPng(int width, int height, absl::Span<const std::uint8_t> pixels) {
  AMAES_CHECK(width > 0 && height > 0 &&
              pixels.size() == static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = PNG_FORMAT_GRAY;
  const auto failed = [&image] { return absl::InternalError(absl::StrCat("libpng: ", image.message)); };
  png_alloc_size_t size = 0;
  if (png_image_write_to_memory(&image, nullptr, &size, 0, pixels.data(), 0, nullptr) == 0) return failed();
  std::string out(size, '\0');
  if (png_image_write_to_memory(&image, out.data(), &size, 0, pixels.data(), 0, nullptr) == 0) return failed();
  out.resize(size);
  return out;
}

}  // namespace amaes
