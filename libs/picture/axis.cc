#include "libs/picture/axis.h"

#include <cmath>

#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace amaes {
namespace {

constexpr double kSlack = 1e-9;  // of a step, for rounding

double NiceStep(double raw) {
  const double power = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (raw <= factor * power * (1 + kSlack)) return factor * power;
  }
  return 10 * power;
}

// Whether m * 10^k is labelled, given how many decades are shown.
bool Labelled(int m, int k, double decades) {
  if (m == 1) return decades <= 7 || k % 2 == 0;
  return decades < 1.7 && (m == 2 || m == 5);
}

}  // namespace

std::string TickLabel(double value) {
  if (value == std::floor(value) && std::abs(value) >= 1000 && std::abs(value) < 1e9) {
    std::string digits = absl::StrFormat("%.0f", value);
    for (int at = static_cast<int>(digits.size()) - 3; at > (value < 0 ? 1 : 0); at -= 3) {
      digits.insert(static_cast<std::size_t>(at), 1, ',');
    }
    return digits;
  }
  return absl::StrReplaceAll(absl::StrFormat("%.6g", value), {{"e-0", "e-"}, {"e+0", "e"}, {"e+", "e"}});
}

std::vector<Tick> LinearTicks(double low, double high, int wanted) {
  std::vector<Tick> out;
  const double step = NiceStep((high - low) / wanted);
  const double first = std::ceil(low / step - kSlack), last = std::floor(high / step + kSlack);
  for (double i = first; i <= last; ++i) {
    const double value = i * step == 0 ? 0 : i * step;  // no negative zero
    out.push_back({value, TickLabel(value)});
  }
  return out;
}

std::vector<Tick> LogTicks(double low, double high) {
  const double decades = std::log10(high / low);
  if (decades < 0.5) return LinearTicks(low, high, 5);
  std::vector<Tick> out;
  for (int k = static_cast<int>(std::floor(std::log10(low))); k <= static_cast<int>(std::ceil(std::log10(high))); ++k) {
    for (int m = 1; m <= 9; ++m) {
      const double value = m * std::pow(10, k);
      if (value < low * (1 - kSlack) || value > high * (1 + kSlack)) continue;
      out.push_back({value, Labelled(m, k, decades) ? TickLabel(value) : ""});
    }
  }
  return out;
}

}  // namespace amaes
