#include "libs/metrics/overlap.h"

#include <array>
#include <cstdlib>
#include <limits>

#include "libs/base/log.h"

namespace amaes {
namespace {

constexpr std::size_t kLabels = 256;

double Ratio(std::int64_t part, std::int64_t whole) {
  if (whole == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

VoxelCounts& VoxelCounts::operator+=(const VoxelCounts& other) {
  true_positive += other.true_positive;
  false_positive += other.false_positive;
  false_negative += other.false_negative;
  return *this;
}

OverlapScores Overlap(const VoxelCounts& c) {
  const std::int64_t both = c.truth() + c.prediction();
  OverlapScores scores;
  scores.dice = Ratio(2 * c.true_positive, both);
  scores.jaccard = Ratio(c.true_positive, c.true_positive + c.false_positive + c.false_negative);
  scores.sensitivity = Ratio(c.true_positive, c.truth());
  scores.precision = Ratio(c.true_positive, c.prediction());
  scores.volume_similarity = 1 - Ratio(std::llabs(c.false_negative - c.false_positive), both);
  return scores;
}

ConfusionMatrix::ConfusionMatrix(absl::Span<const std::uint8_t> truth, absl::Span<const std::uint8_t> prediction)
    : counts_(kLabels * kLabels) {
  AMAES_CHECK(truth.size() == prediction.size());
  // Runs of one pair are long: most of a volume is background.
  for (std::size_t i = 0; i < truth.size();) {
    const std::uint8_t t = truth[i], p = prediction[i];
    const std::size_t begin = i;
    while (i < truth.size() && truth[i] == t && prediction[i] == p) ++i;
    counts_[(std::size_t{t} << 8) | p] += static_cast<std::int64_t>(i - begin);
  }
}

VoxelCounts ConfusionMatrix::CountsOf(const Region& region) const {
  std::array<bool, kLabels> in{};
  for (const std::uint8_t label : region.labels) in[label] = true;
  VoxelCounts out;
  for (std::size_t t = 0; t < kLabels; ++t) {
    for (std::size_t p = 0; p < kLabels; ++p) {
      const std::int64_t count = counts_[(t << 8) | p];
      if (count == 0) continue;
      if (in[t] && in[p]) out.true_positive += count;
      if (!in[t] && in[p]) out.false_positive += count;
      if (in[t] && !in[p]) out.false_negative += count;
    }
  }
  return out;
}

std::vector<std::uint8_t> ConfusionMatrix::LabelsOfTruth() const {
  std::vector<std::uint8_t> out;
  for (std::size_t t = 0; t < kLabels; ++t) {
    std::int64_t count = 0;
    for (std::size_t p = 0; p < kLabels; ++p) count += counts_[(t << 8) | p];
    if (count > 0) out.push_back(static_cast<std::uint8_t>(t));
  }
  return out;
}

std::vector<std::uint8_t> ConfusionMatrix::LabelsOfPrediction() const {
  std::vector<std::uint8_t> out;
  for (std::size_t p = 0; p < kLabels; ++p) {
    std::int64_t count = 0;
    for (std::size_t t = 0; t < kLabels; ++t) count += counts_[(t << 8) | p];
    if (count > 0) out.push_back(static_cast<std::uint8_t>(p));
  }
  return out;
}

}  // namespace amaes
