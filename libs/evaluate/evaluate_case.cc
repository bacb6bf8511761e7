#include "libs/evaluate/evaluate_case.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/upsample_trilinear3d.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/status_macros.h"
#include "libs/evaluate/native_labels.h"
#include "libs/metrics/overlay.h"
#include "libs/models/torch_errors.h"
#include "libs/volume/native_grid.h"
#include "libs/volume/stored_volume.h"

namespace amaes {
namespace {

// The part of a channel that lies in the case, copied to its place.
absl::Status ReadChannel(StoredVolume& volume, const CasePart& part, const Shape3& shape, float* out) {
  Shape3 from{}, to{}, size{};
  for (int a = 0; a < 3; ++a) {
    from[a] = std::max<std::int64_t>(0, part.offset[a]);
    to[a] = from[a] - part.offset[a];
    size[a] = std::min(volume.shape()[a] - from[a], shape[a] - to[a]);
    if (size[a] <= 0) return absl::OkStatus();  // they do not meet
  }
  std::vector<float> box(static_cast<std::size_t>(VoxelCount(size)));
  AMAES_RETURN_IF_ERROR(volume.ReadBox(from, size, absl::MakeSpan(box)));
  const float* at = box.data();
  for (std::int64_t x = 0; x < size[0]; ++x) {
    for (std::int64_t y = 0; y < size[1]; ++y, at += size[2]) {
      std::copy_n(at, size[2], out + ((to[0] + x) * shape[1] + to[1] + y) * shape[2] + to[2]);
    }
  }
  return absl::OkStatus();
}

// The first channel on the scan's grid, for a picture.
absl::StatusOr<std::vector<float>> NativeImage(const at::Tensor& volume, const NativeGrid& grid) {
  std::vector<float> out;
  AMAES_RETURN_IF_ERROR(CatchTorch("picture", [&] {
    const c10::AutoGradMode no_gradients(false);
    const at::Tensor first = volume.narrow(1, 0, 1);
    at::Tensor canvas =
        at::full({grid.shape[0], grid.shape[1], grid.shape[2]}, first.min().item<float>(), first.options());
    at::Tensor box = canvas;
    for (int a = 0; a < 3; ++a) box = box.narrow(a, grid.box_start[a], grid.box_size[a]);
    box.copy_(at::upsample_trilinear3d(first, grid.box_size, /*align_corners=*/false)[0][0]);
    out.assign(canvas.const_data_ptr<float>(), canvas.const_data_ptr<float>() + canvas.numel());
  }));
  return out;
}

// Regions in the order in which they are painted.
absl::StatusOr<at::Tensor> Ordered(const at::Tensor& logits, const Scoring& scoring) {
  if (std::is_sorted(scoring.order.begin(), scoring.order.end())) return logits;
  at::Tensor out;
  AMAES_RETURN_IF_ERROR(CatchTorch("labels", [&] {
    out = at::index_select(logits, 1, at::tensor(scoring.order, at::TensorOptions(at::kLong)).to(logits.device()));
  }));
  return out;
}

std::int64_t WindowCount(const Shape3& shape, const SlidingWindowOptions& window) {
  std::int64_t count = 1;
  for (int a = 0; a < 3; ++a) {
    count *= static_cast<std::int64_t>(WindowStarts(shape[a], window.patch[a], window.overlap).size());
    count *= window.mirror[a] ? 2 : 1;
  }
  return count;
}

// The scan's own header where there is one; a scan in an archive or of DICOM has none that NIfTI could take.
std::filesystem::path HeaderOf(const CatalogueEntry& entry, const Companion& label, const Shape3& shape,
                               const Moved& moved, CaseResult& result) {
  const std::filesystem::path scan = moved.Now(entry.path);
  if (!entry.path.empty()) {
    const absl::StatusOr<NiftiInfo> info = InspectNifti(scan);
    if (info.ok() && info->shape == shape) return scan;
  }
  result.notes.push_back("the scan's file has no header to take over: the prediction has the label's");
  return moved.Now(label.path);
}

}  // namespace

absl::StatusOr<at::Tensor> ReadCaseVolume(const DatasetVersion& version, const LabelledCase& labelled,
                                          const std::filesystem::path& volumes) {
  const Shape3& n = labelled.shape;
  const auto channels = static_cast<std::int64_t>(labelled.channels.size());
  at::Tensor out;
  AMAES_RETURN_IF_ERROR(CatchTorch("case", [&] { out = at::empty({1, channels, n[0], n[1], n[2]}, at::kFloat); }));
  for (std::int64_t c = 0; c < channels; ++c) {
    const CasePart& part = labelled.channels[static_cast<std::size_t>(c)];
    const CatalogueEntry& entry = version.entries[static_cast<std::size_t>(part.entry)];
    AMAES_ASSIGN_OR_RETURN(const std::unique_ptr<StoredVolume> volume,
                           StoredVolume::Open(VolumePath(volumes, entry.volume), entry.chunk_checksums));
    float* to = out.mutable_data_ptr<float>() + c * VoxelCount(n);
    std::fill_n(to, VoxelCount(n), volume->minimum());
    AMAES_RETURN_IF_ERROR(Annotate(ReadChannel(*volume, part, n, to), absl::StrCat("volume ", entry.volume)));
  }
  return out;
}

absl::StatusOr<CaseOutcome> EvaluateCase(const Network& network, const EvaluationPlan& plan,
                                         const DatasetVersion& version, const LabelledCase& labelled,
                                         const EvaluateCaseOptions& options) {
  const auto named = [&](const absl::Status& status) { return Annotate(status, absl::StrCat("case ", labelled.key)); };
  const CatalogueEntry& first = version.entries[static_cast<std::size_t>(labelled.channels[0].entry)];
  const CatalogueEntry& owner = version.entries[static_cast<std::size_t>(labelled.label.entry)];
  const Companion& label = LabelOf(version, labelled);
  // The truth first: it is cheap, and what is wrong with it should be known before the network runs.
  const absl::StatusOr<NiftiVolume> original = ReadOriginal(owner, label, options.moved);
  if (!original.ok()) return named(original.status());
  const absl::StatusOr<std::vector<std::uint8_t>> truth = ToCodes(original->volume, plan.scoring);
  if (!truth.ok()) return named(truth.status());
  const absl::StatusOr<NativeGrid> grid =
      FindNativeGrid(labelled.shape, first.affine, original->volume.shape, original->volume.affine);
  if (!grid.ok()) return named(grid.status());
  AMAES_ASSIGN_OR_RETURN(const at::Tensor volume, ReadCaseVolume(version, labelled, options.volumes));
  AMAES_ASSIGN_OR_RETURN(at::Tensor logits, SlidingWindow(network, volume, options.window));
  AMAES_ASSIGN_OR_RETURN(logits, Ordered(logits, plan.scoring));
  CaseOutcome out;
  const LabelRule rule = plan.scoring.regions ? LabelRule::kRegions : LabelRule::kClasses;
  AMAES_ASSIGN_OR_RETURN(out.prediction, NativeLabels(logits, *grid, rule, plan.scoring.channels));
  CaseResult& result = out.result;
  result.key = labelled.key;
  result.subject = first.subject;
  result.session = first.session;
  result.modality = absl::StrJoin(labelled.channels, "+", [&](std::string* text, const CasePart& part) {
    absl::StrAppend(text, version.entries[static_cast<std::size_t>(part.entry)].modality);
  });
  result.source = first.source;
  result.shape = grid->shape;
  result.spacing = original->volume.spacing;
  result.windows = WindowCount(labelled.shape, options.window);
  for (int a = 0; a < 3; ++a) {
    if (labelled.shape[a] >= options.window.patch[a]) continue;
    result.notes.push_back(absl::StrCat("smaller than the patch (", absl::StrJoin(labelled.shape, " x "),
                                        " voxels as prepared): padded with zeros"));
    break;
  }
  result.regions = ScoreCase(*truth, out.prediction, result.shape, result.spacing, plan.scoring.scored);
  out.like = HeaderOf(owner, label, result.shape, options.moved, result);
  AMAES_ASSIGN_OR_RETURN(const std::vector<float> image, NativeImage(volume, *grid));
  AMAES_ASSIGN_OR_RETURN(
      out.overlay, OverlayPng({result.shape, result.spacing, image, *truth, out.prediction}, options.picture_side));
  return out;
}

}  // namespace amaes
