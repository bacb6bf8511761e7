// Middle slices of some volumes of a dataset version, to look at.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "libs/dataset/report.h"
#include "libs/volume/stored_volume.h"

namespace amaes {

inline constexpr std::size_t kSheetVolumes = 60;
inline constexpr int kSheetSide = 150;  // longest side of a picture, pixels

// Indices of at most `limit` entries, by modality and subject: every modality gets its turn until the sheet is full; which
// of its volumes, a hash keyed by their name decides, so that it is always the same. Pure.
std::vector<std::size_t> ChooseForSheet(const DatasetVersion& version, std::size_t limit);

// A slice as a PNG file. `values`: rows * columns, row by row, first row at the bottom; `row_mm` and `column_mm`: distance of
// rows and of columns. `low` is black, `high` white. Scaled so that the longer side has `side` pixels at most; pixels are
// square.   - Internal.
absl::StatusOr<std::string> SlicePng(absl::Span<const float> values, int rows, int columns, double row_mm,
                                     double column_mm, float low, float high, int side);

// The row of one entry: axial (seen from above, nose up), coronal (from the front's back, top up) and sagittal (nose to the
// right) through the middle; the patient's left is left. Reads only the chunks of these slices. A volume that cannot be
// read has a `problem` instead.
SheetRow MakeSheetRow(const CatalogueEntry& entry, const Contract& contract, const std::filesystem::path& volumes);

}  // namespace amaes
