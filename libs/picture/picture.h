// A canvas of red, green and blue bytes: anti-aliased lines and text, gray images, PNG. Not thread-safe.
//
// Coordinates are pixels from the upper left; a pixel's centre is at +0.5. What lies outside is cut off.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace amaes {

struct Color {
  std::uint8_t r = 0;
  std::uint8_t g = 0;
  std::uint8_t b = 0;
  bool operator==(const Color&) const = default;
};

inline constexpr Color kWhite{255, 255, 255};
inline constexpr Color kBlack{0, 0, 0};

struct Point {
  double x = 0;
  double y = 0;
};

struct Rect {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
};

struct TextStyle {
  double size = 10;     // height of capitals, pixels
  double weight = 1.2;  // width of strokes, pixels
  Color color = kBlack;
};

enum class Align { kLeft, kCenter, kRight };
enum class Scaling { kNearest, kBilinear };

// Values to be shown in gray: `low` black, `high` white. NaN is shown in `nan_color`.
struct GrayImage {
  int width = 0;
  int height = 0;
  std::vector<float> values;  // width * height, row by row
  float low = 0;
  float high = 1;
  Color nan_color{120, 120, 120};
};

class Picture {
 public:
  // 1 to 20,000 pixels a side.
  Picture(int width, int height, Color background = kWhite);

  int width() const { return width_; }
  int height() const { return height_; }
  // Inside the picture only.
  Color at(int x, int y) const;

  // `coverage` from 0 (leaves it) to 1 (replaces it).
  void Blend(int x, int y, Color color, double coverage);
  void FillRect(const Rect& rect, Color color);
  // One pixel wide, inside `rect`.
  void StrokeRect(const Rect& rect, Color color);
  // With round ends and joints; `width` in pixels. One continuous line: where it crosses itself it is not darker.
  void Polyline(const std::vector<Point>& points, double width, Color color);
  // Along the line `on` pixels drawn and `off` left out.
  void DashedPolyline(const std::vector<Point>& points, double width, double on, double off, Color color);
  void Disc(Point center, double radius, Color color);
  void Image(const GrayImage& image, const Rect& where, Scaling scaling);

  // `at` is on the baseline: left end, middle or right end of the text.
  void Text(Point at, absl::string_view text, const TextStyle& style, Align align = Align::kLeft);
  // Reads from bottom to top; `at` is on the baseline, which is the text's right side.
  void TextUp(Point at, absl::string_view text, const TextStyle& style, Align align = Align::kCenter);

  // The file's bytes.   - Internal: libpng refused.
  absl::StatusOr<std::string> EncodePng() const;
  // Errors as EncodePng and files::WriteAtomic.
  absl::Status WritePng(const std::filesystem::path& path) const;

 private:
  // Segments of one shape: a pixel is covered by the nearest of them.
  void Strokes(const std::vector<std::vector<Point>>& lines, double width, Color color);

  int width_;
  int height_;
  std::vector<std::uint8_t> pixels_;
};

}  // namespace amaes
