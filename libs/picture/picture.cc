#include "libs/picture/picture.h"

#include <png.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/picture/font.h"

namespace amaes {
namespace {

constexpr int kLargestSide = 20000;

double DistanceToSegment(Point p, Point a, Point b) {
  const double dx = b.x - a.x, dy = b.y - a.y;
  const double length2 = dx * dx + dy * dy;
  const double t = length2 > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length2, 0.0, 1.0) : 0.0;
  return std::hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

// Coverage of the pixels of one shape, kept apart from the picture so that overlapping segments do not add up.
class Coverage {
 public:
  Coverage(const std::vector<std::vector<Point>>& lines, double radius, int width, int height) {
    double left = width, top = height, right = 0, bottom = 0;
    for (const auto& line : lines) {
      for (const Point& p : line) {
        left = std::min(left, p.x);
        right = std::max(right, p.x);
        top = std::min(top, p.y);
        bottom = std::max(bottom, p.y);
      }
    }
    const double margin = radius + 1;
    x0_ = static_cast<int>(std::clamp(std::floor(left - margin), 0.0, static_cast<double>(width)));
    y0_ = static_cast<int>(std::clamp(std::floor(top - margin), 0.0, static_cast<double>(height)));
    x1_ = static_cast<int>(std::clamp(std::ceil(right + margin), static_cast<double>(x0_), static_cast<double>(width)));
    y1_ =
        static_cast<int>(std::clamp(std::ceil(bottom + margin), static_cast<double>(y0_), static_cast<double>(height)));
    values_.resize(static_cast<std::size_t>(x1_ - x0_) * static_cast<std::size_t>(y1_ - y0_));
  }

  void AddSegment(Point a, Point b, double radius) {
    const double margin = radius + 1;
    const int left = ToX(std::floor(std::min(a.x, b.x) - margin)), right = ToX(std::ceil(std::max(a.x, b.x) + margin));
    const int top = ToY(std::floor(std::min(a.y, b.y) - margin)), bottom = ToY(std::ceil(std::max(a.y, b.y) + margin));
    for (int y = top; y < bottom; ++y) {
      for (int x = left; x < right; ++x) {
        const double distance = DistanceToSegment({x + 0.5, y + 0.5}, a, b);
        float& value = values_[Index(x, y)];
        value = std::max(value, static_cast<float>(std::clamp(radius + 0.5 - distance, 0.0, 1.0)));
      }
    }
  }

  void Paint(Picture& picture, Color color) const {
    for (int y = y0_; y < y1_; ++y) {
      for (int x = x0_; x < x1_; ++x) picture.Blend(x, y, color, values_[Index(x, y)]);
    }
  }

 private:
  int ToX(double x) const {
    return static_cast<int>(std::clamp(x, static_cast<double>(x0_), static_cast<double>(x1_)));
  }
  int ToY(double y) const {
    return static_cast<int>(std::clamp(y, static_cast<double>(y0_), static_cast<double>(y1_)));
  }
  std::size_t Index(int x, int y) const {
    return static_cast<std::size_t>(y - y0_) * static_cast<std::size_t>(x1_ - x0_) + static_cast<std::size_t>(x - x0_);
  }

  int x0_ = 0, y0_ = 0, x1_ = 0, y1_ = 0;
  std::vector<float> values_;
};

double Aligned(double width, Align align) {
  if (align == Align::kCenter) return -width / 2;
  return align == Align::kRight ? -width : 0;
}

float Sample(const GrayImage& image, double x, double y, Scaling scaling) {
  const auto value = [&](int i, int j) {
    i = std::clamp(i, 0, image.width - 1);
    j = std::clamp(j, 0, image.height - 1);
    return image
        .values[static_cast<std::size_t>(j) * static_cast<std::size_t>(image.width) + static_cast<std::size_t>(i)];
  };
  const float nearest = value(static_cast<int>(std::floor(x)), static_cast<int>(std::floor(y)));
  if (scaling == Scaling::kNearest || std::isnan(nearest)) return nearest;
  const double left = std::floor(x - 0.5), top = std::floor(y - 0.5);
  const double fx = x - 0.5 - left, fy = y - 0.5 - top;
  const int i = static_cast<int>(left), j = static_cast<int>(top);
  const double mixed = (1 - fy) * ((1 - fx) * value(i, j) + fx * value(i + 1, j)) +
                       fy * ((1 - fx) * value(i, j + 1) + fx * value(i + 1, j + 1));
  return std::isnan(mixed) ? nearest : static_cast<float>(mixed);
}

}  // namespace

Picture::Picture(int width, int height, Color background) : width_(width), height_(height) {
  AMAES_CHECK(width >= 1 && height >= 1 && width <= kLargestSide && height <= kLargestSide);
  pixels_.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  FillRect({0, 0, width, height}, background);
}

Color Picture::at(int x, int y) const {
  const std::size_t i =
      (static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) + static_cast<std::size_t>(x)) * 3;
  return {pixels_[i], pixels_[i + 1], pixels_[i + 2]};
}

void Picture::Blend(int x, int y, Color color, double coverage) {
  if (x < 0 || y < 0 || x >= width_ || y >= height_ || coverage <= 0) return;
  std::uint8_t* pixel =
      &pixels_[(static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) + static_cast<std::size_t>(x)) * 3];
  const double share = std::min(coverage, 1.0);
  const auto mix = [share](std::uint8_t& old, std::uint8_t wanted) {
    old = static_cast<std::uint8_t>(std::lround((1 - share) * old + share * wanted));
  };
  mix(pixel[0], color.r);
  mix(pixel[1], color.g);
  mix(pixel[2], color.b);
}

void Picture::FillRect(const Rect& rect, Color color) {
  const int right = std::min(rect.x + rect.width, width_), bottom = std::min(rect.y + rect.height, height_);
  for (int y = std::max(rect.y, 0); y < bottom; ++y) {
    for (int x = std::max(rect.x, 0); x < right; ++x) Blend(x, y, color, 1);
  }
}

void Picture::StrokeRect(const Rect& rect, Color color) {
  FillRect({rect.x, rect.y, rect.width, 1}, color);
  FillRect({rect.x, rect.y + rect.height - 1, rect.width, 1}, color);
  FillRect({rect.x, rect.y, 1, rect.height}, color);
  FillRect({rect.x + rect.width - 1, rect.y, 1, rect.height}, color);
}

void Picture::Strokes(const std::vector<std::vector<Point>>& lines, double width, Color color) {
  const double radius = width / 2;
  // Dots are wider than strokes, or they would not be seen.
  const double dot = radius * 1.25 + 0.1;
  Coverage coverage(lines, dot, width_, height_);
  for (const auto& line : lines) {
    if (line.size() == 1) coverage.AddSegment(line[0], line[0], dot);
    for (std::size_t i = 0; i + 1 < line.size(); ++i) coverage.AddSegment(line[i], line[i + 1], radius);
  }
  coverage.Paint(*this, color);
}

void Picture::Polyline(const std::vector<Point>& points, double width, Color color) {
  if (points.size() > 1) Strokes({points}, width, color);
}

void Picture::DashedPolyline(const std::vector<Point>& points, double width, double on, double off, Color color) {
  AMAES_CHECK(on > 0 && off > 0);
  std::vector<std::vector<Point>> dashes;
  double along = 0;  // since the last dash began
  for (std::size_t i = 0; i + 1 < points.size(); ++i) {
    const Point a = points[i], b = points[i + 1];
    const double length = std::hypot(b.x - a.x, b.y - a.y);
    const auto at = [&](double s) { return Point{a.x + (b.x - a.x) * s / length, a.y + (b.y - a.y) * s / length}; };
    for (double s = 0; s < length;) {
      const bool drawn = along < on;
      const double rest = std::min((drawn ? on : on + off) - along, length - s);
      if (drawn) dashes.push_back({at(s), at(s + rest)});
      s += rest;
      along += rest;
      if (along >= on + off - 1e-9) along = 0;
    }
  }
  if (!dashes.empty()) Strokes(dashes, width, color);
}

void Picture::Disc(Point center, double radius, Color color) {
  Coverage coverage({{center}}, radius, width_, height_);
  coverage.AddSegment(center, center, radius);
  coverage.Paint(*this, color);
}

void Picture::Image(const GrayImage& image, const Rect& where, Scaling scaling) {
  AMAES_CHECK(image.width > 0 && image.height > 0 &&
              image.values.size() == static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height));
  const double range = image.high > image.low ? static_cast<double>(image.high) - image.low : 1;
  for (int y = 0; y < where.height; ++y) {
    for (int x = 0; x < where.width; ++x) {
      const float value =
          Sample(image, (x + 0.5) * image.width / where.width, (y + 0.5) * image.height / where.height, scaling);
      const double share = std::clamp((value - image.low) / range, 0.0, 1.0);
      const auto gray = static_cast<std::uint8_t>(std::isnan(value) ? 0 : std::lround(255 * share));
      Blend(where.x + x, where.y + y, std::isnan(value) ? image.nan_color : Color{gray, gray, gray}, 1);
    }
  }
}

void Picture::Text(Point at, absl::string_view text, const TextStyle& style, Align align) {
  std::vector<std::vector<Point>> strokes = TextStrokes(text, style.size);
  // Whole pixels, so that what was laid on pixels stays there.
  const double left = std::round(at.x + Aligned(TextWidth(text, style.size), align)), base = std::round(at.y);
  for (auto& line : strokes) {
    for (Point& point : line) point = {left + point.x, base + point.y};
  }
  if (!strokes.empty()) Strokes(strokes, style.weight, style.color);
}

void Picture::TextUp(Point at, absl::string_view text, const TextStyle& style, Align align) {
  std::vector<std::vector<Point>> strokes = TextStrokes(text, style.size);
  const double base = std::round(at.x), bottom = std::round(at.y - Aligned(TextWidth(text, style.size), align));
  for (auto& line : strokes) {
    for (Point& point : line) point = {base + point.y, bottom - point.x};
  }
  if (!strokes.empty()) Strokes(strokes, style.weight, style.color);
}

absl::StatusOr<std::string> Picture::EncodePng() const {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width_);
  image.height = static_cast<png_uint_32>(height_);
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = 0;
  const auto failed = [&image] { return absl::InternalError(absl::StrCat("libpng: ", image.message)); };
  if (png_image_write_to_memory(&image, nullptr, &size, 0, pixels_.data(), 0, nullptr) == 0) return failed();
  std::string out(size, '\0');
  if (png_image_write_to_memory(&image, out.data(), &size, 0, pixels_.data(), 0, nullptr) == 0) return failed();
  out.resize(size);
  return out;
}

absl::Status Picture::WritePng(const std::filesystem::path& path) const {
  AMAES_ASSIGN_OR_RETURN(const std::string png, EncodePng());
  return files::WriteAtomic(path, png);
}

}  // namespace amaes
