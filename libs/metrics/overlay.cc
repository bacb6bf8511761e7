#include "libs/metrics/overlay.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace amaes {
namespace {

constexpr double kBlackQuantile = 0.01, kWhiteQuantile = 0.995;
constexpr int kGap = 4, kDash = 3;

// One plane on its way to the screen: pixel (px, py), from the upper left, shows a voxel of the plane.
struct Plane {
  int across, row, column;  // axes; rows go up on the screen
  int width = 0, height = 0;
};

std::int64_t VoxelAt(const OverlayView& view, const Plane& plane, const Shape3& cut, int px, int py) {
  Shape3 at = cut;
  const auto scaled = [](int pixel, int pixels, std::int64_t voxels) {
    return std::clamp<std::int64_t>((2 * std::int64_t{pixel} + 1) * voxels / (2 * std::int64_t{pixels}), 0, voxels - 1);
  };
  at[plane.column] = scaled(px, plane.width, view.shape[plane.column]);
  at[plane.row] = view.shape[plane.row] - 1 - scaled(py, plane.height, view.shape[plane.row]);
  return (at[0] * view.shape[1] + at[1]) * view.shape[2] + at[2];
}

// Pixels of a label that touch another label, or the background, of the same map.
std::vector<bool> Outline(const OverlayView& view, const Plane& plane, const Shape3& cut,
                          absl::Span<const std::uint8_t> labels) {
  std::vector<std::uint8_t> shown(static_cast<std::size_t>(plane.width) * static_cast<std::size_t>(plane.height));
  for (int y = 0; y < plane.height; ++y) {
    for (int x = 0; x < plane.width; ++x) {
      shown[static_cast<std::size_t>(y) * plane.width + x] = labels[VoxelAt(view, plane, cut, x, y)];
    }
  }
  const auto at = [&](int x, int y) -> std::uint8_t {
    const bool inside = x >= 0 && y >= 0 && x < plane.width && y < plane.height;
    return inside ? shown[static_cast<std::size_t>(y) * plane.width + x] : 0;
  };
  std::vector<bool> out(shown.size());
  for (int y = 0; y < plane.height; ++y) {
    for (int x = 0; x < plane.width; ++x) {
      const std::uint8_t label = at(x, y);
      out[static_cast<std::size_t>(y) * plane.width + x] =
          label != 0 &&
          (at(x - 1, y) != label || at(x + 1, y) != label || at(x, y - 1) != label || at(x, y + 1) != label);
    }
  }
  return out;
}

// What is black and what is white: quantiles of the voxels that are not background.
std::pair<float, float> Window(absl::Span<const float> image) {
  const float ground = image.empty() ? 0 : *std::min_element(image.begin(), image.end());
  std::vector<float> values;
  for (const float v : image) {
    if (v > ground) values.push_back(v);
  }
  if (values.empty()) return {ground, ground + 1};
  const auto quantile = [&](double q) {
    const auto place = values.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), place, values.end());
    return *place;
  };
  const float low = std::min(quantile(kBlackQuantile), 0.0F + ground + (quantile(0.5) - ground) / 4);
  const float high = quantile(kWhiteQuantile);
  return {low, high > low ? high : low + 1};
}

void DrawPlane(const OverlayView& view, const Plane& plane, const Shape3& cut, int left,
               const std::pair<float, float>& window, Picture& picture) {
  GrayImage gray;
  gray.width = static_cast<int>(view.shape[plane.column]);
  gray.height = static_cast<int>(view.shape[plane.row]);
  gray.low = window.first;
  gray.high = window.second;
  for (std::int64_t r = view.shape[plane.row] - 1; r >= 0; --r) {
    for (std::int64_t c = 0; c < view.shape[plane.column]; ++c) {
      Shape3 at = cut;
      at[plane.row] = r;
      at[plane.column] = c;
      gray.values.push_back(view.image[(at[0] * view.shape[1] + at[1]) * view.shape[2] + at[2]]);
    }
  }
  picture.Image(gray, {left, 0, plane.width, plane.height}, Scaling::kBilinear);
  const std::vector<bool> truth = Outline(view, plane, cut, view.truth);
  const std::vector<bool> prediction = Outline(view, plane, cut, view.prediction);
  for (int y = 0; y < plane.height; ++y) {
    for (int x = 0; x < plane.width; ++x) {
      const std::size_t i = static_cast<std::size_t>(y) * plane.width + x;
      if (!truth[i] && !prediction[i]) continue;
      const bool both = truth[i] && prediction[i];
      const bool as_truth = both ? (x + y) / kDash % 2 == 0 : truth[i];
      picture.Blend(left + x, y, as_truth ? kTruthColor : kPredictionColor, 1);
    }
  }
}

}  // namespace

Shape3 OverlayCut(const OverlayView& view) {
  const auto labelled = [](std::uint8_t label) { return label != 0; };
  const bool has_truth = std::any_of(view.truth.begin(), view.truth.end(), labelled);
  const absl::Span<const std::uint8_t> labels = has_truth ? view.truth : view.prediction;
  std::array<std::vector<std::int64_t>, 3> counts;
  for (int a = 0; a < 3; ++a) counts[a].resize(static_cast<std::size_t>(view.shape[a]));
  std::size_t i = 0;
  for (std::int64_t x = 0; x < view.shape[0]; ++x) {
    for (std::int64_t y = 0; y < view.shape[1]; ++y) {
      for (std::int64_t z = 0; z < view.shape[2]; ++z, ++i) {
        if (labels[i] == 0) continue;
        ++counts[0][x];
        ++counts[1][y];
        ++counts[2][z];
      }
    }
  }
  Shape3 cut{};
  for (int a = 0; a < 3; ++a) {
    const auto most = std::max_element(counts[a].begin(), counts[a].end());
    cut[a] = *most > 0 ? most - counts[a].begin() : view.shape[a] / 2;
  }
  return cut;
}

absl::StatusOr<std::string> OverlayPng(const OverlayView& view, int side) {
  std::array<Plane, 3> planes{Plane{2, 1, 0}, Plane{1, 2, 0}, Plane{0, 2, 1}};
  double longest = 0;
  std::array<double, 3> extent{};
  for (int a = 0; a < 3; ++a) {
    extent[a] = static_cast<double>(view.shape[a]) * view.spacing[a];
    longest = std::max(longest, extent[a]);
  }
  int width = -kGap, height = 1;
  for (Plane& plane : planes) {
    const auto pixels = [&](int axis) {
      return std::max(1, static_cast<int>(std::lround(extent[axis] / longest * side)));
    };
    plane.width = pixels(plane.column);
    plane.height = pixels(plane.row);
    width += plane.width + kGap;
    height = std::max(height, plane.height);
  }
  Picture picture(width, height, kBlack);
  const Shape3 cut = OverlayCut(view);
  const std::pair<float, float> window = Window(view.image);
  int left = 0;
  for (const Plane& plane : planes) {
    DrawPlane(view, plane, cut, left, window, picture);
    left += plane.width + kGap;
  }
  return picture.EncodePng();
}

}  // namespace amaes
