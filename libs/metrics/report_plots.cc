#include "libs/metrics/report_plots.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/base/format.h"

namespace amaes {
namespace {

constexpr double kWidth = 760, kLeft = 130, kRight = 130, kRow = 44, kTop = 8, kAxis = 34;
constexpr double kDot = 3.4, kBox = 20;

// Steps of 1, 2 or 5 times a power of ten, about five of them.
double TickStep(double range) {
  const double rough = range / 5, power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (rough <= factor * power) return factor * power;
  }
  return 10 * power;
}

double Quantile(const std::vector<double>& sorted, double q) {
  const double place = q * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(place);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (place - static_cast<double>(low));
}

class Plot {
 public:
  Plot(const EvaluationResults& results, const Measure& measure) : results_(results), measure_(measure) {
    high_ = std::string(measure.unit).empty() ? 1 : 0;
    for (const CaseResult& one : results.cases) {
      for (const RegionScores& row : one.regions) {
        if (const double value = measure.of(row); std::isfinite(value)) high_ = std::max(high_, value);
      }
    }
    if (high_ <= 0) high_ = 1;
    step_ = TickStep(high_);
    if (!std::string(measure.unit).empty()) high_ = std::ceil(high_ / step_ - 1e-9) * step_;
  }

  std::string Draw() {
    std::vector<std::size_t> shown;
    for (std::size_t r = 0; !results_.cases.empty() && r < results_.cases[0].regions.size(); ++r) {
      if (results_.cases[0].regions[r].has_surface || std::string(measure_.unit).empty()) shown.push_back(r);
    }
    const double bottom = kTop + kRow * static_cast<double>(shown.size());
    out_ = absl::StrFormat("<svg viewBox=\"0 0 %g %g\" role=\"img\" aria-label=\"%s by region\">", kWidth,
                           bottom + kAxis, measure_.title);
    for (double tick = 0; tick <= high_ * (1 + 1e-9); tick += step_) {
      Line(X(tick), kTop, X(tick), bottom, "grid");
      Text(X(tick), bottom + 14, absl::StrFormat("%g", tick), "middle", "tick");
    }
    Text((kLeft + kWidth - kRight) / 2, bottom + 30,
         absl::StrCat(measure_.title, *measure_.unit == '\0' ? "" : ", ", measure_.unit), "middle", "tick");
    for (std::size_t i = 0; i < shown.size(); ++i) Row(shown[i], kTop + kRow * (static_cast<double>(i) + 0.5));
    return absl::StrCat(out_, "</svg>");
  }

 private:
  double X(double value) const { return kLeft + (kWidth - kLeft - kRight) * value / high_; }
  void Line(double x1, double y1, double x2, double y2, const char* style) {
    absl::StrAppendFormat(&out_, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>", style, x1, y1,
                          x2, y2);
  }
  void Text(double x, double y, const std::string& text, const char* anchor, const char* style) {
    absl::StrAppendFormat(&out_, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>", style, x, y,
                          anchor, html::Escape(text));
  }

  void Row(std::size_t region, double y) {
    Text(kLeft - 10, y + 4, results_.cases[0].regions[region].region, "end", "name");
    std::vector<double> values, dots;
    std::int64_t infinite = 0, undefined = 0;
    for (const CaseResult& one : results_.cases) {
      const double value = measure_.of(one.regions[region]);
      std::isfinite(value) ? values.push_back(value) : void(++(std::isnan(value) ? undefined : infinite));
    }
    std::string missing;
    if (infinite > 0) absl::StrAppend(&missing, infinite, " infinite");
    if (undefined > 0) absl::StrAppend(&missing, missing.empty() ? "" : ", ", undefined, " undefined");
    if (!missing.empty()) Text(kWidth - kRight + 12, y + 4, missing, "start", "tick");
    if (values.empty()) return;
    std::vector<double> sorted = values;
    std::sort(sorted.begin(), sorted.end());
    const double q1 = X(Quantile(sorted, 0.25)), median = X(Quantile(sorted, 0.5)), q3 = X(Quantile(sorted, 0.75));
    Line(X(sorted.front()), y, X(sorted.back()), y, "whisker");
    absl::StrAppendFormat(&out_, "<rect class=\"box\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%g\"/>", q1,
                          y - kBox / 2, std::max(q3 - q1, 0.5), kBox);
    Line(median, y - kBox / 2, median, y + kBox / 2, "median");
    double sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      sum += values[i];
      // Spread so that dots of equal value are seen: the golden ratio spreads any number of them evenly.
      const double offset = (std::fmod(static_cast<double>(i) * 0.61803398875, 1) - 0.5) * kBox * 0.8;
      absl::StrAppendFormat(&out_, "<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"%g\"/>", X(values[i]), y + offset,
                            kDot);
    }
    const double mean = X(sum / static_cast<double>(values.size()));
    absl::StrAppendFormat(&out_, "<path class=\"mean\" d=\"M%.1f %.1fl6 6l-6 6l-6 -6z\"/>", mean, y - 6);
  }

  const EvaluationResults& results_;
  const Measure& measure_;
  double high_ = 1, step_ = 0.2;
  std::string out_;
};

}  // namespace

std::string StripPlot(const EvaluationResults& results, std::size_t measure) {
  return Plot(results, Measures()[measure]).Draw();
}

}  // namespace amaes
