#include "libs/dataset/contact_sheet.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "libs/base/digest.h"
#include "libs/base/status_macros.h"
#include "libs/picture/gray_png.h"

namespace amaes {
namespace {

constexpr double kWhiteQuantile = 0.995;

// One plane through the middle of a volume.
struct Slice {
  int across = 0;             // the axis that it is cut across
  int row = 0, column = 0;    // axes of its rows and columns
  std::vector<float> values;  // row by row
};

absl::StatusOr<Slice> ReadSlice(StoredVolume& volume, int across, int row, int column) {
  Slice slice{across, row, column, {}};
  Shape3 start{}, size = volume.shape();
  start[across] = size[across] / 2;
  size[across] = 1;
  std::vector<float> box(static_cast<std::size_t>(VoxelCount(size)));
  AMAES_RETURN_IF_ERROR(volume.ReadBox(start, size, absl::MakeSpan(box)));
  const std::int64_t rows = size[row], columns = size[column];
  std::array<std::int64_t, 3> stride = {size[1] * size[2], size[2], 1};
  slice.values.reserve(box.size());
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) {
      slice.values.push_back(box[static_cast<std::size_t>(r * stride[row] + c * stride[column])]);
    }
  }
  return slice;
}

absl::Status ReadPictures(const CatalogueEntry& entry, const Contract& contract, const std::filesystem::path& volumes,
                          SheetRow& out) {
  AMAES_ASSIGN_OR_RETURN(const std::unique_ptr<StoredVolume> stored,
                         StoredVolume::Open(VolumePath(volumes, entry.volume), entry.chunk_checksums));
  std::vector<Slice> slices;
  for (const auto& [across, row, column] : {std::array{2, 1, 0}, std::array{1, 2, 0}, std::array{0, 2, 1}}) {
    AMAES_ASSIGN_OR_RETURN(Slice slice, ReadSlice(*stored, across, row, column));
    slices.push_back(std::move(slice));
  }
  std::vector<float> all;
  for (const Slice& slice : slices) all.insert(all.end(), slice.values.begin(), slice.values.end());
  const auto white = all.begin() + static_cast<std::ptrdiff_t>(kWhiteQuantile * static_cast<double>(all.size() - 1));
  std::nth_element(all.begin(), white, all.end());
  std::array<double, 3> spacing{};
  for (int a = 0; a < 3; ++a) {
    spacing[a] = contract.spacing_mm[a] > 0 ? contract.spacing_mm[a] : entry.source_spacing[a];
    if (!(spacing[a] > 0)) spacing[a] = 1;
  }
  std::string* pictures[] = {&out.axial, &out.coronal, &out.sagittal};
  for (std::size_t i = 0; i < slices.size(); ++i) {
    const Slice& slice = slices[i];
    AMAES_ASSIGN_OR_RETURN(*pictures[i], SlicePng(slice.values, static_cast<int>(stored->shape()[slice.row]),
                                                  static_cast<int>(stored->shape()[slice.column]), spacing[slice.row],
                                                  spacing[slice.column], stored->minimum(), *white, kSheetSide));
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<std::size_t> ChooseForSheet(const DatasetVersion& version, std::size_t limit) {
  std::map<std::string, std::vector<std::pair<std::string, std::size_t>>> by_modality;  // (hash, index)
  for (std::size_t i = 0; i < version.entries.size(); ++i) {
    const CatalogueEntry& entry = version.entries[i];
    by_modality[entry.modality].emplace_back(Sha256Hex("amaes-sheet/1\n" + entry.volume), i);
  }
  for (auto& [modality, entries] : by_modality) std::sort(entries.begin(), entries.end());
  std::vector<std::size_t> chosen;
  for (std::size_t turn = 0, before = 1; chosen.size() < limit && before > 0; ++turn) {
    before = 0;
    for (const auto& [modality, entries] : by_modality) {
      if (turn >= entries.size() || chosen.size() >= limit) continue;
      chosen.push_back(entries[turn].second);
      ++before;
    }
  }
  std::sort(chosen.begin(), chosen.end(), [&](std::size_t a, std::size_t b) {
    const std::string& left = version.entries[a].modality;
    const std::string& right = version.entries[b].modality;
    return left != right ? left < right : a < b;
  });
  return chosen;
}

absl::StatusOr<std::string> SlicePng(absl::Span<const float> values, int rows, int columns, double row_mm,
                                     double column_mm, float low, float high, int side) {
  const double height_mm = rows * row_mm, width_mm = columns * column_mm;
  const double pixel_mm = std::max({height_mm / side, width_mm / side, 1e-6});
  const int height = std::clamp(static_cast<int>(std::lround(height_mm / pixel_mm)), 1, side);
  const int width = std::clamp(static_cast<int>(std::lround(width_mm / pixel_mm)), 1, side);
  const double scale = high > low ? 255.0 / (static_cast<double>(high) - low) : 0;
  std::vector<std::uint8_t> pixels;
  pixels.reserve(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  // A pixel is the mean of the voxels that it covers, of the nearest one where it covers none.
  const auto range = [](int pixel, int pixels_in_all, int voxels) {
    const int first = static_cast<int>(static_cast<std::int64_t>(pixel) * voxels / pixels_in_all);
    const int last = static_cast<int>((static_cast<std::int64_t>(pixel) + 1) * voxels / pixels_in_all);
    return std::pair(first, std::max(first + 1, last));
  };
  for (int y = 0; y < height; ++y) {
    const auto [r0, r1] = range(height - 1 - y, height, rows);
    for (int x = 0; x < width; ++x) {
      const auto [c0, c1] = range(x, width, columns);
      double sum = 0;
      for (int r = r0; r < r1; ++r) {
        for (int c = c0; c < c1; ++c)
          sum += values[static_cast<std::size_t>(r) * static_cast<std::size_t>(columns) + static_cast<std::size_t>(c)];
      }
      const double mean = sum / ((r1 - r0) * (c1 - c0));
      pixels.push_back(static_cast<std::uint8_t>(std::clamp(std::lround((mean - low) * scale), 0L, 255L)));
    }
  }
  return EncodeGrayPng(width, height, pixels);
}

SheetRow MakeSheetRow(const CatalogueEntry& entry, const Contract& contract, const std::filesystem::path& volumes) {
  SheetRow row;
  row.volume = entry.volume;
  row.subject = entry.subject;
  row.session = entry.session;
  row.modality = entry.modality;
  row.source = entry.source;
  row.shape = entry.shape;
  row.flags = entry.flags;
  if (const absl::Status status = ReadPictures(entry, contract, volumes, row); !status.ok()) {
    row.axial.clear();
    row.coronal.clear();
    row.sagittal.clear();
    row.problem = std::string(status.message());
  }
  return row;
}

}  // namespace amaes
