// What a checkpoint holds, to compare runs bit for bit.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "libs/base/testing/status_matchers.h"
#include "libs/checkpoint/checkpoint.h"
#include "libs/checkpoint/safetensors.h"
#include "libs/checkpoint/weights_file.h"

namespace amaes {

// All tensors of the job's checkpoint `name`: weights, moments, average, as bytes by name; those of the average begin with "ema/".
inline std::map<std::string, std::string> CheckpointTensors(const std::filesystem::path& job, const std::string& name) {
  std::map<std::string, std::string> tensors;
  const auto folder = job / "checkpoints" / name;
  const absl::StatusOr<CheckpointManifest> manifest = VerifyCheckpoint(folder);
  EXPECT_OK(manifest);
  if (!manifest.ok()) return tensors;
  for (const CheckpointFile& file : manifest->files) {
    const absl::StatusOr<SafetensorsFile> content = ReadSafetensors(folder / file.name);
    EXPECT_OK(content);
    const std::string prefix = file.name == kAverageFile ? "ema/" : "";
    for (const TensorView& view : content->tensors) tensors.emplace(prefix + view.name, std::string(view.bytes));
  }
  return tensors;
}

}  // namespace amaes
