#include "libs/picture/panel_view.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/picture/font.h"
#include "libs/picture/style.h"

namespace amaes {
namespace {

constexpr int kTile = 256;
constexpr int kGap = 14;
constexpr int kLabels = 94;         // plane names, left of the tiles
constexpr int kTop = 62;            // title and column names
constexpr int kSmallestTile = 190;  // below it, a whole number of pixels per voxel looks lost

// A plane and how it is shown: with `across` growing to the right and `up` growing upwards, in RAS axes.
struct Plane {
  const char* name;
  int cut;  // axis that is constant
  int across;
  int up;
  const char* left;  // what lies on the left, right
  const char* right;
};

constexpr Plane kPlanes[] = {
    {"axial", 2, 0, 1, "L", "R"},
    {"coronal", 1, 0, 2, "L", "R"},
    {"sagittal", 0, 1, 2, "P", "A"},
};

// Through the middle, as rows from top to bottom.
GrayImage Slice(const Shape3& shape, const std::vector<float>& voxels, const Plane& plane,
                std::pair<float, float> window) {
  const auto size = [&](int axis) { return static_cast<int>(shape[static_cast<std::size_t>(axis)]); };
  GrayImage out;
  out.width = size(plane.across);
  out.height = size(plane.up);
  out.low = window.first;
  out.high = window.second;
  out.nan_color = style::kMaskedVoxel;
  out.values.reserve(static_cast<std::size_t>(out.width) * static_cast<std::size_t>(out.height));
  for (int row = 0; row < out.height; ++row) {
    for (int column = 0; column < out.width; ++column) {
      std::array<std::int64_t, 3> at{};
      at[static_cast<std::size_t>(plane.cut)] = size(plane.cut) / 2;
      at[static_cast<std::size_t>(plane.across)] = column;
      at[static_cast<std::size_t>(plane.up)] = out.height - 1 - row;
      out.values.push_back(voxels[static_cast<std::size_t>((at[0] * shape[1] + at[1]) * shape[2] + at[2])]);
    }
  }
  return out;
}

// Centred in a tile; whole pixels per voxel where that fills it well.
Rect Place(const GrayImage& image, int x, int y, int largest_side) {
  const int whole = kTile / largest_side;
  double scale = static_cast<double>(kTile) / largest_side;
  if (whole >= 1 && whole * largest_side >= kSmallestTile) scale = whole;
  const int width = std::max(1, static_cast<int>(std::lround(image.width * scale)));
  const int height = std::max(1, static_cast<int>(std::lround(image.height * scale)));
  return {x + (kTile - width) / 2, y + (kTile - height) / 2, width, height};
}

// White letters with a dark rim, for any background.
void DrawLetter(Picture& picture, Point at, const char* letter, Align align) {
  picture.Text(at, letter, {10, 4.0, Color{20, 24, 28}}, align);
  picture.Text(at, letter, {10, 1.4, kWhite}, align);
}

void DrawRow(Picture& picture, int left, int top, const ReconstructionPanel& panel, const Plane& plane,
             std::pair<float, float> window) {
  const std::vector<float>* const columns[] = {&panel.input, &panel.masked_input, &panel.reconstruction, &panel.target};
  const int largest = static_cast<int>(*std::max_element(panel.shape.begin(), panel.shape.end()));
  picture.Text({left + kLabels - 16.0, top + kTile / 2.0}, plane.name, style::kBody, Align::kRight);
  const std::string where =
      absl::StrCat(std::string(1, "xyz"[plane.cut]), " = ", panel.shape[static_cast<std::size_t>(plane.cut)] / 2);
  picture.Text({left + kLabels - 16.0, top + kTile / 2.0 + 18}, where, style::kNote, Align::kRight);
  for (int i = 0; i < 4; ++i) {
    const GrayImage image = Slice(panel.shape, *columns[i], plane, window);
    const int x = left + kLabels + i * (kTile + kGap);
    picture.FillRect({x, top, kTile, kTile}, style::kGrid);
    const Rect place = Place(image, x, top, largest);
    // Masked tokens keep their edges.
    picture.Image(image, place, i == 1 ? Scaling::kNearest : Scaling::kBilinear);
    if (i != 0) continue;
    const double middle = place.y + place.height / 2.0 + 5;
    DrawLetter(picture, {place.x + 7.0, middle}, plane.left, Align::kLeft);
    DrawLetter(picture, {place.x + place.width - 7.0, middle}, plane.right, Align::kRight);
  }
}

}  // namespace

std::pair<float, float> IntensityWindow(const std::vector<float>& target) {
  std::vector<float> values;
  for (const float value : target) {
    if (std::isfinite(value)) values.push_back(value);
  }
  if (values.empty()) return {0, 1};
  const auto at = [&](double share) {
    const auto index = static_cast<std::ptrdiff_t>(std::lround(share * static_cast<double>(values.size() - 1)));
    std::nth_element(values.begin(), values.begin() + index, values.end());
    return values[static_cast<std::size_t>(index)];
  };
  const float low = at(0.005), high = at(0.995);
  return {low, high > low ? high : low + 1};
}

void DrawPanel(Picture& picture, int left, int top, const ReconstructionPanel& panel) {
  const std::pair<float, float> window = IntensityWindow(panel.target);
  const std::string note = absl::StrFormat("%d x %d x %d voxels, shown from %.3g to %.3g", panel.shape[0],
                                           panel.shape[1], panel.shape[2], window.first, window.second);
  picture.Text({left + kPanelWidth + 0.0, top + 12.0}, note, style::kNote, Align::kRight);
  const double room = kPanelWidth - TextWidth(note, style::kNote.size) - 30;
  picture.Text({left + 0.0, top + 12.0}, FittedText(panel.title, style::kHeading.size, room), style::kHeading);
  constexpr const char* kColumns[] = {"input", "masked input", "reconstruction", "target"};
  for (int i = 0; i < 4; ++i) {
    picture.Text({left + kLabels + i * (kTile + kGap) + kTile / 2.0, top + kTop - 12.0}, kColumns[i], style::kBody,
                 Align::kCenter);
  }
  int y = top + kTop;
  for (const Plane& plane : kPlanes) {
    DrawRow(picture, left, y, panel, plane, window);
    y += kTile + kGap;
  }
  std::string convention =
      "Neurological convention: the patient's left is on the left. L left, R right, A front, P back.";
  const auto is_nan = [](float value) { return std::isnan(value); };
  if (std::any_of(panel.masked_input.begin(), panel.masked_input.end(), is_nan))
    absl::StrAppend(&convention, " Blue: masked.");
  picture.Text({left + kLabels + 0.0, y + 12.0}, convention, style::kNote);
}

}  // namespace amaes
