#include "libs/base/nearest.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"

namespace amaes {
namespace {

absl::string_view LastPart(absl::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == absl::string_view::npos ? path : path.substr(dot + 1);
}

// At most a third of the letters may differ, and never more than four.
int Allowed(absl::string_view name) { return std::clamp(static_cast<int>(name.size()) / 3, 1, 4); }

}  // namespace

int EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<std::vector<int>> cost(a.size() + 1, std::vector<int>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = static_cast<int>(i + j);
        continue;
      }
      cost[i][j] =
          std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + (a[i - 1] != b[j - 1] ? 1 : 0)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

std::string NearestName(absl::string_view wrong, const std::vector<KnownName>& known) {
  constexpr std::size_t kLongest = 64;  // a longer name is no typing mistake; bounds the work on hostile input
  if (wrong.empty() || wrong.size() > kLongest) return "";
  const std::string normal = absl::StrReplaceAll(absl::AsciiStrToLower(wrong), {{"-", "_"}});
  std::string best;
  double best_cost = 1e9;
  const auto offer = [&](const std::string& name, absl::string_view a, absl::string_view b, double extra) {
    const int distance = EditDistance(a, b);
    if (distance > Allowed(b)) return;
    if (distance + extra < best_cost) {
      best_cost = distance + extra;
      best = name;
    }
  };
  for (const KnownName& entry : known) {
    offer(entry.name, normal, entry.name, 0);
    for (const std::string& other : entry.also) offer(entry.name, normal, other, 0.25);
    // Right name in the wrong group, or without one.
    offer(entry.name, LastPart(normal), LastPart(entry.name), 0.5);
    for (const std::string& other : entry.also) offer(entry.name, LastPart(normal), LastPart(other), 0.75);
  }
  return best;
}

}  // namespace amaes
