// Reads a PNG back with libpng.
#pragma once

#include <gtest/gtest.h>
#include <png.h>

#include <string>
#include <vector>

#include "libs/picture/picture.h"

namespace amaes {

struct Pixels {
  int width = 0;
  int height = 0;
  std::vector<unsigned char> bytes;
  Color at(int x, int y) const {
    const std::size_t i =
        (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)) * 3;
    return {bytes[i], bytes[i + 1], bytes[i + 2]};
  }
};

inline Pixels DecodePng(const std::string& png) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  EXPECT_NE(png_image_begin_read_from_memory(&image, png.data(), png.size()), 0) << image.message;
  image.format = PNG_FORMAT_RGB;
  Pixels out{static_cast<int>(image.width), static_cast<int>(image.height),
             std::vector<unsigned char>(PNG_IMAGE_SIZE(image))};
  EXPECT_NE(png_image_finish_read(&image, nullptr, out.bytes.data(), 0, nullptr), 0) << image.message;
  return out;
}

}  // namespace amaes
