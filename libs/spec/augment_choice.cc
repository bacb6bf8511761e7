#include "libs/spec/augment_choice.h"

#include "libs/base/log.h"

namespace amaes {
namespace {

AugmentPreset PresetOf(const std::string& name) {
  if (name == "none") return AugmentPreset::kNone;
  if (name == "spatial") return AugmentPreset::kSpatial;
  if (name == "basic") return AugmentPreset::kBasic;
  if (name == "intended") return AugmentPreset::kIntended;
  AMAES_CHECK(name == "reference");
  return AugmentPreset::kReference;
}

}  // namespace

Augmentation AugmentationOf(const JobSpec& spec) {
  const TrainingSpec::Augment& augment = spec.training().augment;
  Augmentation out = AugmentationOf(PresetOf(augment.preset));
  const auto set = [](const std::string& choice, const char* on, bool& what) {
    if (choice != "preset") what = choice == on;
  };
  set(augment.grid, "half", out.half_voxel);
  set(augment.border, "crop", out.crop_border);
  set(augment.ringing, "absolute", out.absolute_ringing);
  if (augment.gamma_epsilon > 0) out.gamma_epsilon = augment.gamma_epsilon;
  out.reversal = spec.kind != JobKind::kPretrain || spec.pretrain.loss.target == "before";
  if (spec.kind == JobKind::kFinetune) out.wide_crop = out.clip = false;
  return out;
}

}  // namespace amaes
