#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/spec/spec_io.h"

namespace amaes {
namespace {

struct Preset {
  const char* name;
  const char* text;
};

constexpr std::array<Preset, 4> kPresets = {{
    {"pretrain", R"(# The defaults: U-Net B on patches of 128 voxels a side.
kind: pretrain
)"},
    {"reference-b", R"(# The published recipe (arXiv 2408.00640) with U-Net B: 100 passes, 5 of them warm-up.
kind: pretrain
network: {name: unet_b}
patch: 128
mask: {ratio: 0.6, token: 4}
loss: {region: whole}
optimizer: {learning_rate: 1e-4}
schedule: {passes: 100, warmup_steps: -1, warmup_start_factor: 1e-3}
global_batch: 16
device: gpu
precision: bf16
)"},
    {"reference-xl", R"(# The published recipe (arXiv 2408.00640) with U-Net XL: 100 passes, 5 of them warm-up.
kind: pretrain
network: {name: unet_xl}
patch: 128
mask: {ratio: 0.6, token: 4}
loss: {region: whole}
optimizer: {learning_rate: 1e-4}
schedule: {passes: 100, warmup_steps: -1, warmup_start_factor: 1e-3}
global_batch: 16
device: gpu
precision: bf16
)"},
    {"demo", R"(# A few minutes on two CPU cores: a narrow U-Net that learns to fill in what is masked.
kind: pretrain
network: {name: unet, filters: 8}
patch: 64
optimizer: {learning_rate: 2e-3}
schedule: {steps: 350, warmup_steps: 10}
global_batch: 2
workers: 2
device: cpu
threads_per_worker: 1
checkpoint: {every_steps: 50}
validation: {every_steps: 50, crops: 16}
)"},
}};

}  // namespace

absl::StatusOr<std::string> PresetText(const std::string& name) {
  for (const Preset& preset : kPresets) {
    if (name == preset.name) return std::string(preset.text);
  }
  return absl::NotFoundError(
      absl::StrCat("no preset is named \"", name, "\"; there are ", absl::StrJoin(PresetNames(), ", ")));
}

std::vector<std::string> PresetNames() {
  std::vector<std::string> names;
  for (const Preset& preset : kPresets) names.emplace_back(preset.name);
  return names;
}

}  // namespace amaes
