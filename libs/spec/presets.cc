#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/spec/spec_io.h"

namespace amaes {
namespace {

struct Preset {
  const char* name;
  const char* text;
};

// One for each file in presets/, in the order of their names: made by CMakeLists.txt.
constexpr Preset kPresets[] = {
#include "generated/preset_files.inc"
};

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
