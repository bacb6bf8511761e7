#include "libs/loader/sample_reader.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "libs/base/status_macros.h"

namespace amaes {
namespace {

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

absl::Status ReadPatch(StoredVolume& volume, const CropDraw& crop, std::vector<float>& patch) {
  const auto voxels = static_cast<std::size_t>(VoxelCount(crop.size));
  if (VoxelCount(crop.read) == 0) {  // nothing of it lies in the volume
    patch.assign(voxels, volume.minimum());
    return absl::OkStatus();
  }
  if (crop.read == crop.size) {
    patch.resize(voxels);
    return volume.ReadBox(crop.start, crop.read, absl::MakeSpan(patch));
  }
  std::vector<float> box(static_cast<std::size_t>(VoxelCount(crop.read)));
  AMAES_RETURN_IF_ERROR(volume.ReadBox(crop.start, crop.read, absl::MakeSpan(box)));
  patch.assign(voxels, volume.minimum());
  Place(crop, box, patch);
  return absl::OkStatus();
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

absl::Status SampleReader::Fill(const CatalogueEntry& entry, Sample& sample) {
  const auto read = [&]() -> absl::Status {
    AMAES_ASSIGN_OR_RETURN(const std::shared_ptr<StoredVolume> volume, cache_.Get(entry));
    return ReadPatch(*volume, sample.crop, sample.input);
  };
  const absl::Status status = read();
  if (status.ok()) return status;
  sample.input.clear();
  if (absl::IsDataLoss(status) && skip_damaged_) {
    sample.skipped = true;
    return absl::OkStatus();
  }
  return Annotate(status, absl::StrCat("volume ", entry.volume));
}

}  // namespace amaes
