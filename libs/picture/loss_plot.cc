#include "libs/picture/loss_plot.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "libs/picture/axis.h"
#include "libs/picture/font.h"
#include "libs/picture/style.h"

namespace amaes {
namespace {

constexpr int kLeft = 84;    // axis title and tick labels
constexpr int kRight = 270;  // legend
constexpr int kBottom = 54;  // tick labels and axis title
constexpr int kLegendRow = 24;

bool Drawable(double value) { return std::isfinite(value) && value > 0; }

struct Series {
  std::string label;
  std::vector<double> step, value;
  Color color;
  double width = 1.6;
  bool dashed = false;
  bool markers = false;
};

// A fortieth of the points to either side, in the logarithm, so that spikes do not lift it.
std::vector<double> Smoothed(const std::vector<double>& value) {
  const std::size_t n = value.size();
  const std::size_t reach = n / 40;
  std::vector<double> sum(n + 1), count(n + 1);
  for (std::size_t i = 0; i < n; ++i) {
    sum[i + 1] = sum[i] + (Drawable(value[i]) ? std::log(value[i]) : 0);
    count[i + 1] = count[i] + (Drawable(value[i]) ? 1 : 0);
  }
  std::vector<double> out(n);
  for (std::size_t i = 0; i < n; ++i) {
    // Narrow at the start, where losses fall fast; one-sided at the end, where they are flat.
    const std::size_t from = i - std::min(reach, i), to = std::min(i + std::min(reach, i) + 1, n);
    const double points = count[to] - count[from];
    out[i] = points > 0 ? std::exp((sum[to] - sum[from]) / points) : std::nan("");
  }
  return out;
}

std::vector<Series> AllSeries(const LossCurve& curve) {
  std::vector<Series> out;
  const bool many = curve.step.size() >= 80;
  if (!curve.step.empty()) {
    out.push_back(
        {"training, visible voxels", curve.step, many ? Smoothed(curve.visible) : curve.visible, style::kVisible});
    if (many) out.push_back({"", curve.step, curve.masked, style::kMaskedPale, 1.0});
    out.push_back(
        {"training, masked voxels", curve.step, many ? Smoothed(curve.masked) : curve.masked, style::kMasked, 1.9});
  }
  const auto add = [&](const ValidationCurve& crops, const std::string& name, Color color) {
    if (crops.step.empty()) return;
    out.push_back({"baseline of " + name, crops.step, crops.visible_mean, color, 1.4, true});
    out.push_back({name + ", masked voxels", crops.step, crops.masked, color, 1.7, false, true});
  };
  add(curve.training_crops, "training crops", style::kTrainingCrops);
  add(curve.held_out, "held-out crops", style::kHeldOut);
  return out;
}

struct Axes {
  double first = 0, last = 1;  // steps
  double low = 0.1, high = 1;  // losses
  bool empty = true;
};

Axes Range(const std::vector<Series>& all) {
  Axes out{std::numeric_limits<double>::infinity(), 0, std::numeric_limits<double>::infinity(), 0};
  for (const Series& series : all) {
    for (std::size_t i = 0; i < series.step.size(); ++i) {
      if (!Drawable(series.value[i]) || !std::isfinite(series.step[i])) continue;
      out.first = std::min(out.first, series.step[i]);
      out.last = std::max(out.last, series.step[i]);
      out.low = std::min(out.low, series.value[i]);
      out.high = std::max(out.high, series.value[i]);
      out.empty = false;
    }
  }
  if (out.empty) return Axes{};
  if (out.last <= out.first) out.last = out.first + 1;
  const double margin = std::pow(std::max(out.high / out.low, 1.1), 0.06);
  out.low /= margin;
  out.high *= margin;
  return out;
}

class Plot {
 public:
  Plot(Picture& picture, const Rect& inner, const Axes& axes) : picture_(picture), inner_(inner), axes_(axes) {}

  void DrawFrame() {
    for (const Tick& tick : LogTicks(axes_.low, axes_.high)) {
      const int y = static_cast<int>(std::floor(Y(tick.value)));
      if (tick.label.empty()) {
        picture_.FillRect({inner_.x, y, 4, 1}, style::kFrame);
        continue;
      }
      picture_.FillRect({inner_.x, y, inner_.width, 1}, style::kGrid);
      picture_.Text({inner_.x - 10.0, y + 5.0}, tick.label, style::kBody, Align::kRight);
    }
    for (const Tick& tick : LinearTicks(axes_.first, axes_.last, 8)) {
      if (tick.value != std::floor(tick.value)) continue;  // there is no half step
      const int x = static_cast<int>(std::floor(X(tick.value)));
      picture_.FillRect({x, inner_.y + inner_.height, 1, 5}, style::kFrame);
      picture_.Text({static_cast<double>(x), inner_.y + inner_.height + 20.0}, tick.label, style::kBody,
                    Align::kCenter);
    }
    picture_.FillRect({inner_.x, inner_.y, 1, inner_.height}, style::kFrame);
    picture_.FillRect({inner_.x, inner_.y + inner_.height, inner_.width, 1}, style::kFrame);
  }

  void Draw(const Series& series) {
    for (const std::vector<Point>& line : Lines(series)) {
      if (line.size() == 1) {
        picture_.Disc(line[0], series.width, series.color);  // between two gaps
      } else if (series.dashed) {
        picture_.DashedPolyline(line, series.width, 6, 5, series.color);
      } else {
        picture_.Polyline(line, series.width, series.color);
      }
    }
    if (!series.markers) return;
    for (std::size_t i = 0; i < series.step.size(); ++i) {
      if (!Drawable(series.value[i])) continue;
      const Point at{X(series.step[i]), Y(series.value[i])};
      picture_.Disc(at, 4.6, kWhite);
      picture_.Disc(at, 3.4, series.color);
    }
  }

 private:
  double X(double step) const {
    return inner_.x + 0.5 + (step - axes_.first) / (axes_.last - axes_.first) * (inner_.width - 1);
  }
  double Y(double value) const {
    return inner_.y + 0.5 + std::log(axes_.high / value) / std::log(axes_.high / axes_.low) * (inner_.height - 1);
  }

  // Parted at gaps. Of the points that share a column of pixels only the lowest and the highest are kept.
  std::vector<std::vector<Point>> Lines(const Series& series) const {
    std::vector<std::vector<Point>> lines(1);
    for (std::size_t i = 0; i < series.step.size(); ++i) {
      if (!Drawable(series.value[i])) {
        if (!lines.back().empty()) lines.emplace_back();
        continue;
      }
      const Point point{X(series.step[i]), Y(series.value[i])};
      std::vector<Point>& line = lines.back();
      const std::size_t n = line.size();
      const bool same_column = n >= 3 && std::floor(line[n - 2].x) == std::floor(point.x) &&
                               std::floor(line[n - 1].x) == std::floor(point.x);
      if (!same_column) {
        line.push_back(point);
      } else if (point.y < std::min(line[n - 1].y, line[n - 2].y)) {
        (line[n - 1].y < line[n - 2].y ? line[n - 1] : line[n - 2]).y = point.y;
      } else if (point.y > std::max(line[n - 1].y, line[n - 2].y)) {
        (line[n - 1].y > line[n - 2].y ? line[n - 1] : line[n - 2]).y = point.y;
      }
    }
    return lines;
  }

  Picture& picture_;
  const Rect inner_;
  const Axes axes_;
};

// Last drawn, first named: what is on top of the plot is on top of the legend.
void DrawLegend(Picture& picture, int x, int y, const std::vector<Series>& all) {
  for (auto series = all.rbegin(); series != all.rend(); ++series) {
    if (series->label.empty()) continue;
    const std::vector<Point> line = {{x + 0.0, y + 0.5}, {x + 26.0, y + 0.5}};
    if (series->dashed) {
      picture.DashedPolyline(line, series->width, 6, 5, series->color);
    } else {
      picture.Polyline(line, series->width, series->color);
    }
    if (series->markers) picture.Disc({x + 13.0, y + 0.5}, 3.4, series->color);
    picture.Text({x + 38.0, y + 5.0}, series->label, style::kBody);
    y += kLegendRow;
  }
}

}  // namespace

void DrawLossPlot(Picture& picture, const Rect& area, const LossCurve& curve) {
  const Rect inner{area.x + kLeft, area.y, area.width - kLeft - kRight, area.height - kBottom};
  const std::vector<Series> all = AllSeries(curve);
  const Axes axes = Range(all);
  Plot plot(picture, inner, axes);
  if (axes.empty) {
    picture.StrokeRect(inner, style::kGrid);
    picture.Text({inner.x + inner.width / 2.0, inner.y + inner.height / 2.0}, "no losses yet", style::kNote,
                 Align::kCenter);
  } else {
    plot.DrawFrame();
    for (const Series& series : all) plot.Draw(series);
    const int legend = inner.x + inner.width + 26;
    DrawLegend(picture, legend, inner.y + 12, all);
    const double note = inner.y + inner.height - 14.0;
    if (!curve.held_out.step.empty() || !curve.training_crops.step.empty()) {
      picture.Text({legend + 0.0, note - 18}, "baseline: masked voxels filled with", style::kNote);
      picture.Text({legend + 0.0, note}, "the mean of the crop's visible voxels", style::kNote);
    }
  }
  picture.Text({inner.x + inner.width / 2.0, inner.y + inner.height + 46.0}, "step", style::kBody, Align::kCenter);
  picture.TextUp({area.x + 14.0, inner.y + inner.height / 2.0}, "mean squared error (log scale)", style::kBody);
}

}  // namespace amaes
