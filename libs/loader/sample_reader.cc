#include "libs/loader/sample_reader.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "libs/base/status_macros.h"
#include "libs/draws/crop_choice.h"

namespace amaes {
namespace {

constexpr char kAnonymisationRole[] = "anonymisation_mask";  // CompanionFile::role

// Copies `box`, of crop.read voxels, to its place in the patch.
void Place(const CropDraw& crop, const std::vector<float>& box, std::vector<float>& patch) {
  const float* from = box.data();
  for (std::int64_t x = 0; x < crop.read[0]; ++x) {
    for (std::int64_t y = 0; y < crop.read[1]; ++y) {
      const std::int64_t row = (crop.before[0] + x) * crop.size[1] + crop.before[1] + y;
      std::copy_n(from, crop.read[2], patch.data() + row * crop.size[2] + crop.before[2]);
      from += crop.read[2];
    }
  }
}

// `fill` where the volume is not.
absl::Status ReadPatch(StoredVolume& volume, const CropDraw& crop, float fill, std::vector<float>& patch) {
  const auto voxels = static_cast<std::size_t>(VoxelCount(crop.size));
  if (VoxelCount(crop.read) == 0) {  // nothing of it lies in the volume
    patch.assign(voxels, fill);
    return absl::OkStatus();
  }
  if (crop.read == crop.size) {
    patch.resize(voxels);
    return volume.ReadBox(crop.start, crop.read, absl::MakeSpan(patch));
  }
  std::vector<float> box(static_cast<std::size_t>(VoxelCount(crop.read)));
  AMAES_RETURN_IF_ERROR(volume.ReadBox(crop.start, crop.read, absl::MakeSpan(box)));
  patch.assign(voxels, fill);
  Place(crop, box, patch);
  return absl::OkStatus();
}

// Voxels of the mask that are not 0; all of the volume's where that is not known.
std::int64_t MostExcluded(const CatalogueEntry& entry, const Companion& mask) {
  if (mask.values.empty()) return VoxelCount(entry.shape);
  std::int64_t voxels = 0;
  for (const LabelValue& value : mask.values) voxels += value.value == 0 ? 0 : value.voxels;
  return voxels;
}

}  // namespace

absl::Status CheckLoaderOptions(const LoaderOptions& options) {
  const auto refuse = [](auto... parts) { return absl::InvalidArgumentError(absl::StrCat("loader: ", parts...)); };
  for (const std::int64_t side : options.patch) {
    if (side < 1 || options.token < 1 || side % options.token != 0) {
      return refuse("patch ", ShapeText(options.patch), " is no multiple of token ", options.token);
    }
  }
  if (!(options.mask_ratio >= 0 && options.mask_ratio <= 1)) return refuse("mask ratio ", options.mask_ratio);
  return absl::OkStatus();
}

std::vector<const Companion*> AnonymisationMasks(const CatalogueEntry& entry) {
  std::vector<const Companion*> masks;
  for (const Companion& companion : entry.companions) {
    if (companion.role == kAnonymisationRole && MostExcluded(entry, companion) > 0) masks.push_back(&companion);
  }
  return masks;
}

absl::StatusOr<std::vector<std::uint8_t>> SampleReader::Excluded(const CatalogueEntry& entry, const CropDraw& crop) {
  std::vector<std::uint8_t> excluded;
  if (!exclude_anonymised_) return excluded;
  std::vector<float> values;
  for (const Companion* mask : AnonymisationMasks(entry)) {
    const auto read = [&]() -> absl::Status {
      AMAES_ASSIGN_OR_RETURN(const std::shared_ptr<StoredVolume> volume, cache_.Get(entry, *mask));
      return ReadPatch(*volume, crop, 0, values);
    };
    AMAES_RETURN_IF_ERROR(Annotate(read(), absl::StrCat("its anonymisation mask ", mask->volume)));
    if (std::all_of(values.begin(), values.end(), [](float value) { return value == 0; })) continue;
    excluded.resize(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) excluded[i] |= values[i] != 0 ? 1 : 0;
  }
  return excluded;
}

absl::StatusOr<double> SampleReader::ExcludedShare(const CatalogueEntry& entry, const CropDraw& core) {
  if (VoxelCount(core.size) == 0) return 0.0;
  AMAES_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> excluded, Excluded(entry, core));
  return static_cast<double>(std::count(excluded.begin(), excluded.end(), 1)) /
         static_cast<double>(VoxelCount(core.size));
}

absl::Status SampleReader::Failed(const absl::Status& status, const CatalogueEntry& entry, Sample& sample) const {
  sample.input.clear();
  sample.excluded.clear();
  if (absl::IsDataLoss(status) && skip_damaged_) {
    sample.skipped = true;
    return absl::OkStatus();
  }
  return Annotate(status, absl::StrCat("volume ", entry.volume));
}

absl::Status SampleReader::Choose(const CatalogueEntry& entry, const std::vector<CropDraw>& candidates,
                                  Sample& sample) {
  sample.crop = candidates.front();
  if (!exclude_anonymised_) return absl::OkStatus();
  double most = 0;
  for (const Companion* mask : AnonymisationMasks(entry)) most += static_cast<double>(MostExcluded(entry, *mask));
  // However they lie, the first candidate has few enough of them: nothing is read.
  const CropDraw core = CoreOf(candidates.front(), patch_);
  if (most <= kMostExcludedShare * static_cast<double>(VoxelCount(core.size))) return absl::OkStatus();
  const absl::StatusOr<std::size_t> chosen =
      ChooseCrop(candidates.size(), [&](std::size_t i) { return ExcludedShare(entry, CoreOf(candidates[i], patch_)); });
  if (!chosen.ok()) return Failed(chosen.status(), entry, sample);
  sample.crop = candidates[*chosen];
  return absl::OkStatus();
}

absl::Status SampleReader::Fill(const CatalogueEntry& entry, Sample& sample) {
  const auto read = [&]() -> absl::Status {
    AMAES_ASSIGN_OR_RETURN(const std::shared_ptr<StoredVolume> volume, cache_.Get(entry));
    AMAES_RETURN_IF_ERROR(ReadPatch(*volume, sample.crop, volume->minimum(), sample.input));
    AMAES_ASSIGN_OR_RETURN(sample.excluded, Excluded(entry, sample.crop));
    return absl::OkStatus();
  };
  const absl::Status status = read();
  return status.ok() ? status : Failed(status, entry, sample);
}

}  // namespace amaes
