#include "libs/picture/font.h"

#include <array>
#include <cmath>
#include <cstdlib>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace amaes {
namespace {

// Design units: capitals are 14 high, small letters 10, descenders reach -4; y grows upwards here.
constexpr double kCapital = 14;
constexpr double kSmall = 10;
constexpr double kDescender = -4;
constexpr double kBearing = 1.85;  // on either side of a glyph
constexpr double kSpace = 4.5;
constexpr int kCurvePieces = 5;

struct GlyphDesign {
  double width;
  // Strokes parted by '|', each a list of points "x,y". '~' before it: corners are rounded from the middle of one leg
  // to the middle of the next; 'o': the same, closed; '*': a dot.
  const char* strokes;
};

// From '!' to '~'.
constexpr std::array<GlyphDesign, 94> kGlyphs = {{
    {0, "0,14 0,4.5|*0,0.4"},                                                              // !
    {4, "0,14 0,10.5|4,14 4,10.5"},                                                        // "
    {9, "3.4,14 1.4,0|7.6,14 5.6,0|0.4,9.6 9,9.6|0,4.4 8.6,4.4"},                          // #
    {8, "~8,11 8,13.4 0,13.4 0,7.5 8,7 8,0.6 0,0.6 0,3|4,16 4,-2"},                        // $
    {12, "10.5,14 1.5,0|o0,14 5,14 5,8 0,8|o7,6 12,6 12,0 7,0"},                           // %
    {10, "~10,0 1.5,9.5 1.5,14 7,14 7,9.5 0,7 0,0 7,0 9.5,3 9.5,6"},                       // &
    {0, "0,14 0,10.5"},                                                                    // '
    {3, "~3,16 0,12 0,2 3,-3"},                                                            // (
    {3, "~0,16 3,12 3,2 0,-3"},                                                            // )
    {6, "3,14 3,8|0.4,12.5 5.6,9.5|0.4,9.5 5.6,12.5"},                                     // *
    {8, "4,9.5 4,1.5|0,5.5 8,5.5"},                                                        // +
    {1, "1,0.6 0,-2.8"},                                                                   // ,
    {5, "0,5.5 5,5.5"},                                                                    // -
    {0, "*0,0.4"},                                                                         // .
    {6, "0,-2 6,15"},                                                                      // /
    {8, "o0,14 8,14 8,0 0,0"},                                                             // 0
    {8, "1.5,11.3 5,14 5,0"},                                                              // 1
    {8, "~0.2,10.5 0.2,14 7.8,14 7.8,8 0,0|0,0 8,0"},                                      // 2
    {8, "~0.3,11.5 0.3,14 7.4,14 7.4,7.5 3,7.5|~3,7.5 8,7.5 8,0 0,0 0,2.6"},               // 3
    {8, "6,0 6,14 0,4 8,4"},                                                               // 4
    {8, "7.2,14 1.2,14 0.6,7.2|~0.6,7.2 2.4,9 8,9 8,0 0,0 0,2.4"},                         // 5
    {8, "~7.4,11.8 7,14 0,14 0,4.5|o0,9 8,9 8,0 0,0"},                                     // 6
    {8, "0,14 8,14 2.6,0"},                                                                // 7
    {8, "o0.5,14 7.5,14 7.5,7.6 0.5,7.6|o0,7.6 8,7.6 8,0 0,0"},                            // 8
    {8, "~0.6,2.2 1,0 8,0 8,9.5|o0,14 8,14 8,5 0,5"},                                      // 9
    {0, "*0,9|*0,0.4"},                                                                    // :
    {1, "*0.8,9|1,0.6 0,-2.8"},                                                            // ;
    {8, "8,10 0,5.5 8,1"},                                                                 // <
    {8, "0,7.5 8,7.5|0,3.5 8,3.5"},                                                        // =
    {8, "0,10 8,5.5 0,1"},                                                                 // >
    {7, "~0,11 0,14 7,14 7,8 3.2,8 3.2,4.5|*3.2,0.4"},                                     // ?
    {13, "o4,9.5 9,9.5 9,2.5 4,2.5|~9,9.5 9,2.5 13,2.5 13,14 0,14 0,-3 9.5,-3"},           // @
    {10, "0,0 5,14 10,0|1.8,4.8 8.2,4.8"},                                                 // A
    {9, "0,0 0,14|~0,14 8.2,14 8.2,7.5 0,7.5|~0,7.5 9,7.5 9,0 0,0"},                       // B
    {9.5, "~9.5,10.5 9.5,14 0,14 0,0 9.5,0 9.5,3.5"},                                      // C
    {10, "0,0 0,14|~0,14 10,14 10,0 0,0"},                                                 // D
    {8, "8,14 0,14 0,0 8,0|0,7.4 7,7.4"},                                                  // E
    {8, "8,14 0,14 0,0|0,7.2 7,7.2"},                                                      // F
    {10, "~9.6,10.8 9.6,14 0,14 0,0 10,0 10,6.4|10,6.4 5.6,6.4"},                          // G
    {10, "0,0 0,14|10,0 10,14|0,7.4 10,7.4"},                                              // H
    {0, "0,0 0,14"},                                                                       // I
    {6, "~6,14 6,4 6,0 0,0 0,3.5"},                                                        // J
    {9, "0,0 0,14|9,14 0,5|3.4,8.4 9.3,0"},                                                // K
    {7.5, "0,14 0,0 7.5,0"},                                                               // L
    {12, "0,0 0,14 6,4 12,14 12,0"},                                                       // M
    {10, "0,0 0,14 10,0 10,14"},                                                           // N
    {11, "o0,14 11,14 11,0 0,0"},                                                          // O
    {9, "0,0 0,14|~0,14 9,14 9,6.5 0,6.5"},                                                // P
    {11, "o0,14 11,14 11,0 0,0|6.8,3.6 11,-0.8"},                                          // Q
    {9.4, "0,0 0,14|~0,14 9,14 9,6.8 0,6.8|4.6,6.8 9.4,0"},                                // R
    {9, "~8.6,11 8.6,14 0.2,14 0.2,7.6 9,7 9,0 0,0 0,3"},                                  // S
    {10, "0,14 10,14|5,14 5,0"},                                                           // T
    {10, "~0,14 0,5 0,0 10,0 10,5 10,14"},                                                 // U
    {10, "0,14 5,0 10,14"},                                                                // V
    {14, "0,14 3.5,0 7,12.5 10.5,0 14,14"},                                                // W
    {9.4, "0,0 9,14|0.4,14 9.4,0"},                                                        // X
    {10, "0,14 5,6.8 10,14|5,6.8 5,0"},                                                    // Y
    {9, "0,14 9,14 0,0 9,0"},                                                              // Z
    {3, "3,16 0,16 0,-3 3,-3"},                                                            // [
    {6, "0,15 6,-2"},                                                                      // backslash
    {3, "0,16 3,16 3,-3 0,-3"},                                                            // ]
    {7, "0,9.5 3.5,14 7,9.5"},                                                             // ^
    {8, "0,-2 8,-2"},                                                                      // _
    {3, "0,14 3,11.5"},                                                                    // `
    {7.6, "7.6,10 7.6,0|~7.6,6.8 6.2,10 0,10 0,0 6.2,0 7.6,3.2"},                          // a
    {7.8, "0,14 0,0|~0,6.8 1.4,10 7.8,10 7.8,0 1.4,0 0,3.2"},                              // b
    {7, "~7,7.6 6.8,10 0,10 0,0 6.8,0 7,2.4"},                                             // c
    {7.8, "7.8,14 7.8,0|~7.8,6.8 6.4,10 0,10 0,0 6.4,0 7.8,3.2"},                          // d
    {7.8, "0,5.2 7.8,5.2|~7.8,5.2 7.8,10 0,10 0,0 7,0 7.4,2.2"},                           // e
    {5, "~5,14 1.8,14 1.8,9 1.8,0|0,10 4.8,10"},                                           // f
    {7.8, "~7.8,10 7.8,1 7.8,-4 0.6,-4 0.3,-2.6|~7.8,6.8 6.4,10 0,10 0,0 6.4,0 7.8,3.2"},  // g
    {7.4, "0,14 0,0|~0,6.4 1.4,10 7.4,10 7.4,5 7.4,0"},                                    // h
    {0, "0,10 0,0|*0,13.6"},                                                               // i
    {1.6, "~1.6,10 1.6,0 1.6,-4 -1.4,-4|*1.6,13.6"},                                       // j
    {7, "0,14 0,0|6.6,10 0,3.6|2.6,6.2 7,0"},                                              // k
    {1.8, "~0,14 0,3 0,0 2.2,0"},                                                          // l
    {12, "0,10 0,0|~0,6.4 1.2,10 6,10 6,5 6,0|~6,6.4 7.2,10 12,10 12,5 12,0"},             // m
    {7.4, "0,10 0,0|~0,6.4 1.4,10 7.4,10 7.4,5 7.4,0"},                                    // n
    {8, "o0,10 8,10 8,0 0,0"},                                                             // o
    {7.8, "0,10 0,-4|~0,6.8 1.4,10 7.8,10 7.8,0 1.4,0 0,3.2"},                             // p
    {7.8, "7.8,10 7.8,-4|~7.8,6.8 6.4,10 0,10 0,0 6.4,0 7.8,3.2"},                         // q
    {4.4, "0,10 0,0|~0,5.8 1,10 4.6,9.9"},                                                 // r
    {6.6, "~6.4,8 6.2,10 0.2,10 0.2,5.4 6.6,4.8 6.6,0 0.2,0 0,2.1"},                       // s
    {5, "~1.8,13.4 1.8,4 1.8,0 5,0|0,10 4.8,10"},                                          // t
    {7.4, "7.4,10 7.4,0|~0,10 0,5 0,0 6,0 7.4,3.6"},                                       // u
    {8, "0,10 4,0 8,10"},                                                                  // v
    {11.4, "0,10 2.9,0 5.7,8.8 8.5,0 11.4,10"},                                            // w
    {7.4, "0.2,10 7.4,0|0,0 7.2,10"},                                                      // x
    {8, "0,10 4,0|8,10 3.2,-2|~3.2,-2 2.4,-4 0.4,-4"},                                     // y
    {7, "0,10 7,10 0,0 7,0"},                                                              // z
    {4, "~4,16 2,16 2,6.5 0,6.5|~0,6.5 2,6.5 2,-3 4,-3"},                                  // {
    {0, "0,16 0,-3"},                                                                      // |
    {4, "~0,16 2,16 2,6.5 4,6.5|~4,6.5 2,6.5 2,-3 0,-3"},                                  // }
    {8, "~0,4 0,7 4,7 4,4 8,4 8,7"},                                                       // ~
}};
constexpr GlyphDesign kBox = {7, "0,0 0,12 7,12 7,0 0,0"};

using Line = std::vector<Point>;

struct Glyph {
  double width = 0;
  std::vector<Line> lines;
};

Point Middle(Point a, Point b) { return {(a.x + b.x) / 2, (a.y + b.y) / 2}; }

// A quadratic Bézier curve; its first point is left out.
void AddCurve(Point from, Point corner, Point to, Line& out) {
  for (int i = 1; i <= kCurvePieces; ++i) {
    const double t = static_cast<double>(i) / kCurvePieces;
    const double a = (1 - t) * (1 - t), b = 2 * t * (1 - t), c = t * t;
    out.push_back({a * from.x + b * corner.x + c * to.x, a * from.y + b * corner.y + c * to.y});
  }
}

Line Rounded(const Line& corners, bool closed) {
  Line out;
  const std::size_t n = corners.size();
  if (closed) {
    out.push_back(Middle(corners[n - 1], corners[0]));
    for (std::size_t i = 0; i < n; ++i) AddCurve(out.back(), corners[i], Middle(corners[i], corners[(i + 1) % n]), out);
    return out;
  }
  out = {corners[0], Middle(corners[0], corners[1])};
  for (std::size_t i = 1; i + 1 < n; ++i) AddCurve(out.back(), corners[i], Middle(corners[i], corners[i + 1]), out);
  out.push_back(corners[n - 1]);
  return out;
}

Line ParseLine(absl::string_view text) {
  const char kind = text.empty() ? ' ' : text[0];
  const bool marked = kind == '~' || kind == 'o' || kind == '*';
  Line points;
  for (const absl::string_view pair : absl::StrSplit(marked ? text.substr(1) : text, ' ')) {
    const std::pair<absl::string_view, absl::string_view> xy = absl::StrSplit(pair, ',');
    Point point;
    if (absl::SimpleAtod(xy.first, &point.x) && absl::SimpleAtod(xy.second, &point.y)) points.push_back(point);
  }
  if (kind == '~' || kind == 'o') return Rounded(points, kind == 'o');
  return points;
}

Glyph ParseGlyph(const GlyphDesign& design) {
  Glyph out;
  out.width = design.width;
  for (const absl::string_view line : absl::StrSplit(design.strokes, '|')) out.lines.push_back(ParseLine(line));
  return out;
}

const Glyph& GlyphOf(char c) {
  static const auto* const glyphs = [] {
    auto* out = new std::vector<Glyph>;
    for (const GlyphDesign& design : kGlyphs) out->push_back(ParseGlyph(design));
    out->push_back(ParseGlyph(kBox));
    return out;
  }();
  const int index = static_cast<unsigned char>(c) - '!';
  return index >= 0 && index < static_cast<int>(kGlyphs.size()) ? (*glyphs)[static_cast<std::size_t>(index)]
                                                                : glyphs->back();
}

// A code point of several bytes is one box: the bytes after its first are passed over.
bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

double Advance(char c) { return c == ' ' ? kSpace : GlyphOf(c).width + 2 * kBearing; }

// Heights in pixels, with the lines that the eye follows on whole pixels.
class Heights {
 public:
  explicit Heights(double size)
      : scale_(size / kCapital),
        capital_(std::round(size)),
        small_(std::round(kSmall * scale_)),
        descender_(std::round(kDescender * scale_)) {}
  double operator()(double y) const {
    if (y > kCapital) return capital_ + (y - kCapital) * scale_;
    if (y > kSmall) return small_ + (y - kSmall) / (kCapital - kSmall) * (capital_ - small_);
    if (y > 0) return y / kSmall * small_;
    return y / kDescender * descender_;
  }

 private:
  double scale_, capital_, small_, descender_;
};

// Upright stems look sharp on the centre of a pixel.
void SnapStems(Line& line) {
  for (std::size_t i = 0; i + 1 < line.size(); ++i) {
    if (std::abs(line[i].x - line[i + 1].x) > 1e-6 || std::abs(line[i].y - line[i + 1].y) < 2) continue;
    const double x = std::floor(line[i].x) + 0.5;
    line[i].x = line[i + 1].x = x;
  }
}

}  // namespace

double TextWidth(absl::string_view text, double size) {
  double units = 0;
  for (const char c : text) {
    if (!IsContinuation(c)) units += Advance(c);
  }
  return units * size / kCapital;
}

std::string FittedText(absl::string_view text, double size, double width) {
  std::string out(text);
  if (TextWidth(out, size) <= width) return out;
  while (!out.empty() && TextWidth(out + "...", size) > width) out.pop_back();
  return out + "...";
}

std::vector<std::vector<Point>> TextStrokes(absl::string_view text, double size) {
  const double scale = size / kCapital;
  const Heights heights(size);
  std::vector<std::vector<Point>> out;
  double left = 0;
  for (const char c : text) {
    if (IsContinuation(c)) continue;
    if (c != ' ') {
      for (Line line : GlyphOf(c).lines) {
        for (Point& point : line) point = {(left + kBearing + point.x) * scale, -heights(point.y) - 0.5};
        SnapStems(line);
        out.push_back(std::move(line));
      }
    }
    left += Advance(c);
  }
  return out;
}

}  // namespace amaes
