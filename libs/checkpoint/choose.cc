#include "libs/checkpoint/choose.h"

#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace amaes {
namespace {

constexpr char kJob[] = "job:";

auto Newness(const CheckpointChoice& one) { return std::pair(one.attempt, one.step); }

// By which metric they are compared, and whether a high one is good; nullptr: by none.
std::pair<const char*, double> Yardstick(const std::vector<CheckpointChoice>& all) {
  for (const auto& [metric, sign] : {std::pair{"dice", 1.0}, {"masked_r2", 1.0}, {"loss", -1.0}}) {
    for (const CheckpointChoice& one : all) {
      if (one.metrics.contains(metric)) return {metric, sign};
    }
  }
  return {nullptr, 0};
}

absl::StatusOr<std::size_t> Best(const std::vector<CheckpointChoice>& all) {
  const auto [metric, sign] = Yardstick(all);
  std::size_t best = all.size();
  double merit = 0;
  for (std::size_t i = 0; i < all.size() && metric != nullptr; ++i) {
    const auto found = all[i].metrics.find(metric);
    if (found == all[i].metrics.end() || std::isnan(found->second)) continue;
    const double its = sign * found->second;
    if (best < all.size() && (its < merit || (its == merit && Newness(all[i]) < Newness(all[best])))) continue;
    best = i;
    merit = its;
  }
  if (best == all.size()) return absl::NotFoundError("none of its checkpoints has a metric to be best by; take @last");
  return best;
}

}  // namespace

absl::StatusOr<JobReference> ParseJobReference(const std::string& text) {
  if (!absl::StartsWith(text, kJob)) {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not job:NAME"));
  }
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(absl::StripPrefix(text, kJob), absl::MaxSplits('@', 1));
  JobReference out{parts.first};
  if (!parts.second.empty()) out.which = parts.second;
  std::int64_t step = -1;
  if (out.which != "last" && out.which != "best" && !(absl::SimpleAtoi(out.which, &step) && step >= 0)) {
    return absl::InvalidArgumentError(absl::StrCat("'@", out.which, "' is none of @last, @best and @STEP"));
  }
  return out;
}

absl::StatusOr<std::size_t> ChooseCheckpoint(const std::vector<CheckpointChoice>& all, const std::string& which) {
  if (all.empty()) return absl::NotFoundError("it has no checkpoint");
  if (which == "best") return Best(all);
  std::int64_t step = -1;
  if (which != "last") (void)absl::SimpleAtoi(which, &step);
  std::size_t found = all.size();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (step >= 0 && all[i].step != step) continue;
    if (found == all.size() || Newness(all[i]) > Newness(all[found])) found = i;
  }
  if (found < all.size()) return found;
  return absl::NotFoundError(absl::StrCat(
      "it has no checkpoint of step ", step, "; there are ",
      absl::StrJoin(all, ", ", [](std::string* out, const CheckpointChoice& one) { absl::StrAppend(out, one.step); })));
}

}  // namespace amaes
