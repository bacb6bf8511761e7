// All that is measured on one case, region by region. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "libs/metrics/overlap.h"
#include "libs/metrics/surface.h"
#include "libs/volume/volume.h"

namespace amaes {

// Row that sums TP, FP and FN over all labels, as the reference does: a voxel of one label that is called another counts
// twice. Without distances. Only where the regions are single labels, and more than one.
inline constexpr char kAllLabels[] = "all";
// Row of all labels of all regions taken as one shape. Only where no region is that already (BraTS's whole tumour).
inline constexpr char kForeground[] = "foreground";

struct RegionScores {
  std::string region{};
  VoxelCounts counts{};
  OverlapScores overlap{};
  bool has_surface = true;
  SurfaceScores surface{};  // NaN without
  double truth_ml = 0;      // volumes
  double prediction_ml = 0;
};

// Rows in the order of `regions`, then "all" and "foreground" where they say something. `truth` and `prediction`: label
// maps on one grid, VoxelCount(shape) each; `spacing` in millimetres.
std::vector<RegionScores> ScoreCase(absl::Span<const std::uint8_t> truth, absl::Span<const std::uint8_t> prediction,
                                    const Shape3& shape, const std::array<double, 3>& spacing,
                                    const std::vector<Region>& regions);

// A number of a row that is averaged over cases, and its name in results ("dice", "hausdorff_95_mm", …).
struct Measure {
  const char* name;
  const char* title;  // for people
  const char* unit;   // "" = none
  bool higher_is_better;
  double (*of)(const RegionScores&);
};
// In the order in which they are shown: dice first.
absl::Span<const Measure> Measures();

}  // namespace amaes
