#include "libs/train/make_objective.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/labels.h"
#include "libs/dataset/sample_stream.h"
#include "libs/evaluate/masked_objective.h"
#include "libs/evaluate/segmentation_objective.h"
#include "libs/evaluate/swin_objective.h"
#include "libs/spec/spec_io.h"

namespace amaes {

absl::StatusOr<std::unique_ptr<Objective>> MakeObjective(const JobSpec& spec, c10::Device device,
                                                         std::vector<std::string> groups) {
  if (spec.kind == JobKind::kPretrain) {
    const PretrainSpec& pretrain = spec.pretrain;
    if (pretrain.objective.name == "swinunetr") {
      const std::string& dataset = pretrain.dataset.digest;
      return std::make_unique<SwinObjective>(
          SwinObjectiveOptions{.views = {.draw_seed = SampleStream(pretrain.seed, dataset, 1).draw_seed(),
                                         .fixed_seed = FixedCropStream(dataset, 1).draw_seed(),
                                         .group = pretrain.objective.group},
                               .bf16 = pretrain.precision == "bf16",
                               .device = device});
    }
    const LossRegion region = pretrain.loss.region == "masked" ? LossRegion::kMasked : LossRegion::kWhole;
    return std::make_unique<MaskedObjective>(MaskedObjectiveOptions{.token = pretrain.mask.token,
                                                                    .region = region,
                                                                    .bf16 = pretrain.precision == "bf16",
                                                                    .device = device,
                                                                    .groups = std::move(groups)});
  }
  if (spec.kind == JobKind::kFinetune) {
    const FinetuneSpec& finetune = spec.finetune;
    AMAES_ASSIGN_OR_RETURN(const LabelSet labels,
                           ParseLabels(finetune.labels.classes, finetune.labels.regions, finetune.labels.background));
    SegmentationObjectiveOptions options{
        .classes = {}, .regions = labels.regions, .bf16 = finetune.precision == "bf16", .device = device};
    for (const LabelClass& one : labels.classes) options.classes.push_back(one.name);
    return std::make_unique<SegmentationObjective>(std::move(options));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("a job of kind ", JobKindName(spec.kind), " has no objective to train for"));
}

}  // namespace amaes
