#include "libs/metrics/case_scores.h"

#include <algorithm>
#include <limits>

namespace amaes {
namespace {

constexpr double kCubicMillimetresPerMl = 1000;

std::vector<std::uint8_t> MaskOf(absl::Span<const std::uint8_t> labels, const Region& region) {
  std::array<std::uint8_t, 256> in{};
  for (const std::uint8_t label : region.labels) in[label] = 1;
  std::vector<std::uint8_t> out(labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i) out[i] = in[labels[i]];
  return out;
}

void Fill(RegionScores& row, double voxel_ml) {
  row.overlap = Overlap(row.counts);
  row.truth_ml = static_cast<double>(row.counts.truth()) * voxel_ml;
  row.prediction_ml = static_cast<double>(row.counts.prediction()) * voxel_ml;
}

Region ForegroundOf(const std::vector<Region>& regions) {
  Region out{kForeground, {}};
  for (const Region& region : regions) out.labels.insert(out.labels.end(), region.labels.begin(), region.labels.end());
  std::sort(out.labels.begin(), out.labels.end());
  out.labels.erase(std::unique(out.labels.begin(), out.labels.end()), out.labels.end());
  return out;
}

constexpr Measure kMeasures[] = {
    {"dice", "Dice", "", true, [](const RegionScores& row) { return row.overlap.dice; }},
    {"jaccard", "Jaccard", "", true, [](const RegionScores& row) { return row.overlap.jaccard; }},
    {"sensitivity", "Sensitivity", "", true, [](const RegionScores& row) { return row.overlap.sensitivity; }},
    {"precision", "Precision", "", true, [](const RegionScores& row) { return row.overlap.precision; }},
    {"volume_similarity", "Volume similarity", "", true,
     [](const RegionScores& row) { return row.overlap.volume_similarity; }},
    {"hausdorff_95_mm", "95 % Hausdorff", "mm", false,
     [](const RegionScores& row) { return row.surface.hausdorff_95; }},
    {"surface_distance_mm", "Surface distance", "mm", false,
     [](const RegionScores& row) { return row.surface.average; }},
};

}  // namespace

std::vector<RegionScores> ScoreCase(absl::Span<const std::uint8_t> truth, absl::Span<const std::uint8_t> prediction,
                                    const Shape3& shape, const std::array<double, 3>& spacing,
                                    const std::vector<Region>& regions) {
  const ConfusionMatrix confusion(truth, prediction);
  const double voxel_ml = spacing[0] * spacing[1] * spacing[2] / kCubicMillimetresPerMl;
  std::vector<RegionScores> out;
  const auto measure = [&](const Region& region) {
    RegionScores row{.region = region.name, .counts = confusion.CountsOf(region)};
    row.surface = MeasureSurfaces(MaskOf(truth, region), MaskOf(prediction, region), shape, spacing);
    Fill(row, voxel_ml);
    out.push_back(std::move(row));
  };
  for (const Region& region : regions) measure(region);
  if (regions.size() < 2) return out;
  if (std::all_of(regions.begin(), regions.end(), [](const Region& r) { return r.labels.size() == 1; })) {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    RegionScores all{.region = kAllLabels, .has_surface = false, .surface = {kNone, kNone, kNone}};
    for (const RegionScores& row : out) all.counts += row.counts;
    Fill(all, voxel_ml);
    out.push_back(std::move(all));
  }
  const Region foreground = ForegroundOf(regions);
  const bool is_a_region = std::any_of(regions.begin(), regions.end(), [&](const Region& region) {
    return ForegroundOf({region}).labels == foreground.labels;
  });
  if (!is_a_region) measure(foreground);
  return out;
}

absl::Span<const Measure> Measures() { return kMeasures; }

}  // namespace amaes
