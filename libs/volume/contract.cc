#include "libs/volume/contract.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/status_macros.h"
#include "libs/volume/resample.h"
#include "nlohmann/json.hpp"

namespace amaes {
namespace {

constexpr int kNewestVersion = 1;
constexpr std::int64_t kMaxTargetVoxels = std::int64_t{1} << 29;
constexpr double kGridToleranceMm = 1e-3;

struct Box {
  Shape3 start{};
  Shape3 size{};
};

// The smallest box around all voxels > 0; size 0 if there is none.
Box ForegroundBox(const Volume& volume) {
  Shape3 low = volume.shape;
  Shape3 high{-1, -1, -1};
  const float* p = volume.voxels.data();
  for (std::int64_t x = 0; x < volume.shape[0]; ++x) {
    for (std::int64_t y = 0; y < volume.shape[1]; ++y, p += volume.shape[2]) {
      std::int64_t first = 0;
      while (first < volume.shape[2] && !(p[first] > 0)) ++first;
      if (first == volume.shape[2]) continue;
      std::int64_t last = volume.shape[2] - 1;
      while (!(p[last] > 0)) --last;
      low = {std::min(low[0], x), std::min(low[1], y), std::min(low[2], first)};
      high = {std::max(high[0], x), std::max(high[1], y), std::max(high[2], last)};
    }
  }
  if (high[0] < 0) return {};
  return {low, {high[0] - low[0] + 1, high[1] - low[1] + 1, high[2] - low[2] + 1}};
}

Volume Crop(const Volume& volume, const Box& box) {
  Volume out;
  out.shape = box.size;
  out.spacing = volume.spacing;
  out.affine = volume.affine;
  for (int row = 0; row < 3; ++row) {
    for (int a = 0; a < 3; ++a) {
      out.affine[row * 4 + 3] += volume.affine[row * 4 + a] * static_cast<double>(box.start[a]);
    }
  }
  out.voxels.reserve(static_cast<std::size_t>(VoxelCount(box.size)));
  for (std::int64_t x = 0; x < box.size[0]; ++x) {
    for (std::int64_t y = 0; y < box.size[1]; ++y) {
      const std::int64_t first =
          ((box.start[0] + x) * volume.shape[1] + box.start[1] + y) * volume.shape[2] + box.start[2];
      const auto line = volume.voxels.begin() + first;
      out.voxels.insert(out.voxels.end(), line, line + box.size[2]);
    }
  }
  return out;
}

// The q-quantile with linear interpolation. `values` is not empty and is reordered.
double Quantile(std::vector<float>& values, double q) {
  const double position = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  std::nth_element(values.begin(), values.begin() + below, values.end());
  const double low = values[below];
  if (below + 1 == values.size()) return low;
  const double high = *std::min_element(values.begin() + below + 1, values.end());
  return low + (high - low) * (position - static_cast<double>(below));
}

// Clips above the quantile of the voxels that differ from the minimum, then scales to [0,1].
absl::Status Normalise(std::vector<float>& voxels, double clip_quantile) {
  const float background = *std::min_element(voxels.begin(), voxels.end());
  std::vector<float> foreground;
  foreground.reserve(voxels.size());
  for (const float v : voxels) {
    if (v != background) foreground.push_back(v);
  }
  if (foreground.empty()) return absl::InvalidArgumentError("no foreground: all voxels of the crop are equal");
  const float lowest = *std::min_element(foreground.begin(), foreground.end());
  const auto top = static_cast<float>(Quantile(foreground, clip_quantile));
  if (!(top > lowest)) {
    return absl::InvalidArgumentError(absl::StrCat("constant foreground: every voxel above the background is ", lowest,
                                                   " after clipping; is this a mask?"));
  }
  const double scale = 1.0 / (static_cast<double>(top) - background);
  for (float& v : voxels) v = static_cast<float>((static_cast<double>(std::min(v, top)) - background) * scale);
  return absl::OkStatus();
}

absl::StatusOr<Shape3> TargetShape(const Volume& volume, const std::array<double, 3>& spacing_mm) {
  Shape3 target{};
  double voxels = 1;
  for (int a = 0; a < 3; ++a) {
    const double wanted = spacing_mm[a] > 0 ? spacing_mm[a] : volume.spacing[a];
    const double size = std::nearbyint(volume.spacing[a] / wanted * static_cast<double>(volume.shape[a]));
    if (!(volume.spacing[a] > 0) || !std::isfinite(size)) {
      return absl::InvalidArgumentError(absl::StrCat("spacing ", volume.spacing[a], " mm along axis ", a));
    }
    voxels *= std::max(1.0, size);
    if (voxels > static_cast<double>(kMaxTargetVoxels)) {
      return absl::InvalidArgumentError(
          absl::StrCat("too large: more than ", kMaxTargetVoxels, " voxels at ", wanted, " mm; check the spacing"));
    }
    target[a] = static_cast<std::int64_t>(std::max(1.0, size));
  }
  return target;
}

absl::Status Check(const Contract& contract) {
  if (contract.name != "amaes") {
    return absl::InvalidArgumentError(absl::StrCat("contract: unknown name \"", contract.name, "\"; known: amaes"));
  }
  if (contract.version < 1 || contract.version > kNewestVersion) {
    return absl::InvalidArgumentError(
        absl::StrCat("contract: version ", contract.version, " is not known here (newest: ", kNewestVersion, ")"));
  }
  for (const double spacing : contract.spacing_mm) {
    if (!std::isfinite(spacing) || spacing < 0) {
      return absl::InvalidArgumentError(absl::StrCat("contract: spacing_mm ", spacing, " is negative or not finite"));
    }
  }
  if (!(contract.clip_quantile > 0 && contract.clip_quantile <= 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("contract: clip_quantile ", contract.clip_quantile, " is not in (0, 1]"));
  }
  return absl::OkStatus();
}

absl::Status WrongField(const char* name, const char* wanted) {
  return absl::InvalidArgumentError(absl::StrCat("contract: field \"", name, "\" is missing or not ", wanted));
}

}  // namespace

std::string ContractJson(const Contract& contract) {
  // nlohmann::json keeps keys sorted and prints the shortest text that reads back as the same double.
  return nlohmann::json{{"name", contract.name},
                        {"version", contract.version},
                        {"spacing_mm", contract.spacing_mm},
                        {"clip_quantile", contract.clip_quantile},
                        {"reference_crop", contract.reference_crop}}
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

absl::StatusOr<Contract> ParseContract(const std::string& json) {
  const nlohmann::json value = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!value.is_object()) return absl::InvalidArgumentError("contract: not a JSON object");
  const auto field = [&](const char* name) { return value.contains(name) ? value[name] : nlohmann::json(); };
  const nlohmann::json name = field("name"), version = field("version"), spacing = field("spacing_mm"),
                       quantile = field("clip_quantile"), crop = field("reference_crop");
  if (!name.is_string()) return WrongField("name", "a string");
  if (!version.is_number_integer()) return WrongField("version", "a whole number");
  // An unknown name or a newer version is said before the fields it may have changed.
  Contract contract;
  contract.name = name.get<std::string>();
  const double number = version.get<double>();
  if (number < 1 || number > kNewestVersion) {
    return absl::InvalidArgumentError(
        absl::StrCat("contract: version ", version.dump(), " is not known here (newest: ", kNewestVersion, ")"));
  }
  contract.version = static_cast<int>(number);
  AMAES_RETURN_IF_ERROR(Check(contract));
  const auto is_number = [](const nlohmann::json& item) { return item.is_number(); };
  if (!spacing.is_array() || spacing.size() != 3 || !std::all_of(spacing.begin(), spacing.end(), is_number)) {
    return WrongField("spacing_mm", "three numbers");
  }
  if (!quantile.is_number()) return WrongField("clip_quantile", "a number");
  if (!crop.is_boolean()) return WrongField("reference_crop", "true or false");
  for (const auto& [key, unused] : value.items()) {
    if (key != "name" && key != "version" && key != "spacing_mm" && key != "clip_quantile" && key != "reference_crop") {
      return absl::InvalidArgumentError(absl::StrCat("contract: unknown field \"", key, "\""));
    }
  }
  contract.spacing_mm = spacing.get<std::array<double, 3>>();
  contract.clip_quantile = quantile.get<double>();
  contract.reference_crop = crop.get<bool>();
  AMAES_RETURN_IF_ERROR(Check(contract));
  return contract;
}

double StoredResolution(const Contract& contract) { return contract.name == "zscore" ? 1.0 / 1024 : 1.0 / 4095; }

absl::StatusOr<Volume> ApplyContract(const Volume& volume, const Contract& contract, int threads) {
  AMAES_ASSIGN_OR_RETURN(Prepared prepared, ApplyContractTogether(volume, {}, contract, threads));
  return std::move(prepared.volume);
}

// Every corner of the companion's grid must lie on the volume's, whatever the affine's numbers are rounded to.
absl::Status CheckCompanion(const Volume& volume, const Volume& companion) {
  if (companion.shape != volume.shape) {
    return absl::InvalidArgumentError(absl::StrCat("has ", absl::StrJoin(companion.shape, " x "),
                                                   " voxels, the volume ", absl::StrJoin(volume.shape, " x "),
                                                   " (in RAS+); resample it to the volume's grid"));
  }
  double farthest = 0;
  for (int corner = 0; corner < 8; ++corner) {
    double square = 0;
    for (int row = 0; row < 3; ++row) {
      double off = companion.affine[row * 4 + 3] - volume.affine[row * 4 + 3];
      for (int a = 0; a < 3; ++a) {
        const double at = (corner >> a & 1) != 0 ? static_cast<double>(volume.shape[a] - 1) : 0.0;
        off += (companion.affine[row * 4 + a] - volume.affine[row * 4 + a]) * at;
      }
      square += off * off;
    }
    if (!(std::sqrt(square) <= farthest)) farthest = std::sqrt(square);
  }
  if (farthest <= kGridToleranceMm) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("does not lie on the volume's grid: its corners are up to ", farthest,
                                                 " mm away; resample it, or correct its affine"));
}

absl::StatusOr<Prepared> ApplyContractTogether(const Volume& volume, absl::Span<const Volume> companions,
                                               const Contract& contract, int threads) {
  AMAES_RETURN_IF_ERROR(Check(contract));
  for (std::size_t i = 0; i < companions.size(); ++i) {
    const absl::Status fits = CheckCompanion(volume, companions[i]);
    if (!fits.ok()) return absl::InvalidArgumentError(absl::StrCat("companion ", i, " ", fits.message()));
  }
  Box box = ForegroundBox(volume);
  if (box.size[0] == 0) return absl::InvalidArgumentError("no foreground: no voxel is above 0");
  if (contract.reference_crop) {
    for (int a = 0; a < 3; ++a) box.size[a] = std::min(box.size[a] + 1, volume.shape[a] - box.start[a]);
  }
  Volume crop = Crop(volume, box);
  AMAES_RETURN_IF_ERROR(Normalise(crop.voxels, contract.clip_quantile));
  AMAES_ASSIGN_OR_RETURN(const Shape3 target, TargetShape(crop, contract.spacing_mm));
  Prepared out;
  AMAES_ASSIGN_OR_RETURN(out.volume, Resample(crop, target, threads));
  for (const Volume& companion : companions) {
    AMAES_ASSIGN_OR_RETURN(Volume labels, ResampleNearest(Crop(companion, box), target));
    labels.spacing = out.volume.spacing;
    labels.affine = out.volume.affine;
    out.companions.push_back(std::move(labels));
  }
  return out;
}

}  // namespace amaes
