// The scores of a prediction, as JSON (with NaN and Infinity as Python reads them) on standard output.
// Usage: metrics_dump TRUTH.nii.gz PREDICTION.nii.gz NAME=LABEL[,LABEL…] …
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/base/status_macros.h"
#include "libs/metrics/case_scores.h"
#include "libs/volume/nifti.h"

namespace amaes {
namespace {

std::vector<std::uint8_t> LabelsOf(const Volume& volume) {
  std::vector<std::uint8_t> out;
  for (const float voxel : volume.voxels) out.push_back(static_cast<std::uint8_t>(std::lround(voxel)));
  return out;
}

std::string Number(double value) {
  if (std::isnan(value)) return "NaN";
  return std::isinf(value) ? "Infinity" : absl::StrFormat("%.17g", value);
}

absl::Status Dump(const std::vector<std::string>& arguments) {
  NiftiOptions options;
  options.allow_constant = true;
  AMAES_ASSIGN_OR_RETURN(const NiftiVolume truth, ReadNifti(arguments[0], options));
  AMAES_ASSIGN_OR_RETURN(const NiftiVolume prediction, ReadNifti(arguments[1], options));
  std::vector<Region> regions;
  for (std::size_t i = 2; i < arguments.size(); ++i) {
    const std::vector<std::string> parts = absl::StrSplit(arguments[i], '=');
    Region region{parts[0], {}};
    for (const absl::string_view text : absl::StrSplit(parts.at(1), ',')) {
      int label = 0;
      if (!absl::SimpleAtoi(text, &label)) return absl::InvalidArgumentError(text);
      region.labels.push_back(static_cast<std::uint8_t>(label));
    }
    regions.push_back(region);
  }
  std::vector<std::string> rows;
  for (const RegionScores& row : ScoreCase(LabelsOf(truth.volume), LabelsOf(prediction.volume), truth.volume.shape,
                                           truth.volume.spacing, regions)) {
    std::vector<std::string> fields{
        absl::StrCat("\"tp\": ", row.counts.true_positive), absl::StrCat("\"fp\": ", row.counts.false_positive),
        absl::StrCat("\"fn\": ", row.counts.false_negative), absl::StrCat("\"truth_ml\": ", Number(row.truth_ml)),
        absl::StrCat("\"hausdorff_mm\": ", Number(row.surface.hausdorff))};
    for (const Measure& measure : Measures()) {
      fields.push_back(absl::StrCat("\"", measure.name, "\": ", Number(measure.of(row))));
    }
    rows.push_back(absl::StrCat("\"", row.region, "\": {", absl::StrJoin(fields, ", "), "}"));
  }
  std::printf("{%s}\n", absl::StrJoin(rows, ",\n").c_str());
  return absl::OkStatus();
}

}  // namespace
}  // namespace amaes

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: metrics_dump TRUTH PREDICTION NAME=LABEL,… …\n");
    return 2;
  }
  const absl::Status status = amaes::Dump({argv + 1, argv + argc});
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
