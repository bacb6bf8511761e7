#include "libs/loader/case_reader.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/draws/foreground.h"

namespace amaes {
namespace {

constexpr std::size_t kOpenVolumes = 64;
constexpr std::int64_t kForegroundBytes = std::int64_t{64} << 20;

// What a crop needs of one stored volume, whose voxel `offset` lies where the case's first voxel does.
struct Window {
  Shape3 from{}, size{};  // of the stored volume
  Shape3 to{};            // in the patch
  bool empty = false;
};

Window WindowOf(const CropDraw& crop, const Shape3& offset, const Shape3& stored) {
  Window window;
  for (int axis = 0; axis < 3; ++axis) {
    const std::int64_t first = crop.start[axis] + offset[axis];
    const std::int64_t low = std::max<std::int64_t>(0, first);
    const std::int64_t high = std::min(stored[axis], first + crop.read[axis]);
    window.from[axis] = low;
    window.size[axis] = std::max<std::int64_t>(0, high - low);
    window.to[axis] = crop.before[axis] + low - first;
    window.empty = window.empty || window.size[axis] == 0;
  }
  return window;
}

// Reads the crop into `patch`; `fill` where the volume is not.
absl::Status ReadPlaced(StoredVolume& volume, const CropDraw& crop, const Shape3& offset, float fill,
                        absl::Span<float> patch) {
  const Window window = WindowOf(crop, offset, volume.shape());
  if (!window.empty && window.size == crop.size) return volume.ReadBox(window.from, window.size, patch);
  std::fill(patch.begin(), patch.end(), fill);
  if (window.empty) return absl::OkStatus();
  std::vector<float> box(static_cast<std::size_t>(VoxelCount(window.size)));
  AMAES_RETURN_IF_ERROR(volume.ReadBox(window.from, window.size, absl::MakeSpan(box)));
  const float* from = box.data();
  for (std::int64_t x = 0; x < window.size[0]; ++x) {
    for (std::int64_t y = 0; y < window.size[1]; ++y) {
      const std::int64_t row = (window.to[0] + x) * crop.size[1] + window.to[1] + y;
      std::copy_n(from, window.size[2], patch.data() + row * crop.size[2] + window.to[2]);
      from += window.size[2];
    }
  }
  return absl::OkStatus();
}

}  // namespace

CaseReader::CaseReader(const DatasetVersion& version, const LabelSet& labels, const CaseReaderOptions& options)
    : version_(version),
      labels_(labels),
      skip_damaged_(options.skip_damaged),
      cache_(options.volumes, kOpenVolumes, options.cache_bytes) {}

absl::StatusOr<std::vector<std::uint8_t>> CaseReader::Labels(const LabelledCase& labelled, const CropDraw& crop) {
  const CatalogueEntry& owner = version_.entries[static_cast<std::size_t>(labelled.label.entry)];
  AMAES_ASSIGN_OR_RETURN(const std::shared_ptr<StoredVolume> volume, cache_.Get(owner, LabelOf(version_, labelled)));
  std::vector<float> values(static_cast<std::size_t>(VoxelCount(crop.size)));
  AMAES_RETURN_IF_ERROR(ReadPlaced(*volume, crop, labelled.label.offset, 0, absl::MakeSpan(values)));
  std::vector<std::uint8_t> codes(values.size());
  float value = 0;  // neighbours mostly agree
  std::uint8_t code = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] != value) {
      const std::optional<std::uint8_t> known = labels_.CodeOf(values[i]);
      if (!known) {
        return absl::FailedPreconditionError(absl::StrCat("the label map of case ", labelled.key, " has the value ",
                                                          values[i], ", and the classes are ", labels_.ClassesText(),
                                                          "; declare it in labels.classes, or in labels.background"));
      }
      value = values[i];
      code = *known;
    }
    codes[i] = code;
  }
  return codes;
}

absl::Status CaseReader::FillAll(const LabelledCase& labelled, Sample& sample) {
  const auto voxels = static_cast<std::size_t>(VoxelCount(sample.crop.size));
  sample.channels = static_cast<std::int64_t>(labelled.channels.size());
  sample.shape = sample.crop.size;
  sample.input.resize(voxels * labelled.channels.size());
  for (std::size_t i = 0; i < labelled.channels.size(); ++i) {
    const CasePart& part = labelled.channels[i];
    const CatalogueEntry& entry = version_.entries[static_cast<std::size_t>(part.entry)];
    const auto read = [&]() -> absl::Status {
      AMAES_ASSIGN_OR_RETURN(const std::shared_ptr<StoredVolume> volume, cache_.Get(entry));
      return ReadPlaced(*volume, sample.crop, part.offset, volume->minimum(),
                        absl::MakeSpan(sample.input).subspan(i * voxels, voxels));
    };
    AMAES_RETURN_IF_ERROR(Annotate(read(), absl::StrCat("volume ", entry.volume)));
  }
  AMAES_ASSIGN_OR_RETURN(sample.labels, Labels(labelled, sample.crop));
  return absl::OkStatus();
}

absl::Status CaseReader::Fill(const LabelledCase& labelled, Sample& sample) {
  const absl::Status status = FillAll(labelled, sample);
  if (status.ok()) return status;
  sample.input.clear();
  sample.labels.clear();
  if (absl::IsDataLoss(status) && skip_damaged_) {
    sample.skipped = true;
    return absl::OkStatus();
  }
  return Annotate(status, absl::StrCat("case ", labelled.key));
}

absl::StatusOr<std::shared_ptr<const std::vector<std::uint32_t>>> CaseReader::Foreground(const LabelledCase& labelled) {
  {
    MutexLock lock(mutex_);
    if (const auto known = found_.find(&labelled); known != found_.end()) return known->second;
  }
  CropDraw whole;
  whole.size = whole.read = labelled.shape;
  absl::StatusOr<std::vector<std::uint8_t>> codes = Labels(labelled, whole);
  if (!codes.ok()) return Annotate(codes.status(), absl::StrCat("case ", labelled.key));
  auto voxels = std::make_shared<const std::vector<std::uint32_t>>(ForegroundVoxels(*codes));
  MutexLock lock(mutex_);
  if (!found_.emplace(&labelled, voxels).second) return voxels;
  foregrounds_.emplace_front(&labelled, voxels);
  foreground_bytes_ += static_cast<std::int64_t>(voxels->size() * sizeof(std::uint32_t));
  while (foreground_bytes_ > kForegroundBytes && foregrounds_.size() > 1) {
    foreground_bytes_ -= static_cast<std::int64_t>(foregrounds_.back().second->size() * sizeof(std::uint32_t));
    found_.erase(foregrounds_.back().first);
    foregrounds_.pop_back();
  }
  return voxels;
}

}  // namespace amaes
