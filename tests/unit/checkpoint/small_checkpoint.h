// A checkpoint of a few hundred bytes.
#pragma once

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/checkpoint/checkpoint.h"
#include "libs/checkpoint/safetensors.h"

namespace amaes {

// Writes the files of a checkpoint to NAME.tmp in `checkpoints`; the manifest describes them.
inline absl::StatusOr<CheckpointManifest> StageCheckpoint(const std::filesystem::path& checkpoints, std::int64_t step,
                                                          AttemptNumber attempt) {
  const std::filesystem::path folder = (checkpoints / CheckpointName(step, attempt)).string() + ".tmp";
  AMAES_RETURN_IF_ERROR(files::MakeFolders(folder));
  const std::string values = absl::StrCat("step ", 10000000 + step);  // 13 bytes
  const std::string moments = absl::StrCat(values, values, "xy");
  AMAES_RETURN_IF_ERROR(WriteSafetensors(folder / "model.safetensors", {{"w", TensorType::kU8, {13}, values}}));
  AMAES_RETURN_IF_ERROR(
      WriteSafetensors(folder / "optimizer-0-of-1.safetensors", {{"w.moments", TensorType::kF32, {7}, moments}}));
  CheckpointManifest manifest;
  manifest.job = "job-abc";
  manifest.attempt = attempt;
  manifest.step = step;
  manifest.position = step * 2;
  manifest.spec_json = "{\"kind\":\"pretrain\"}";
  manifest.metrics = {{"loss_masked", 0.25}};
  manifest.ledger = {{"ledger-0", 96}};
  for (const char* name : {"model.safetensors", "optimizer-0-of-1.safetensors"}) {
    AMAES_ASSIGN_OR_RETURN(CheckpointFile file, DescribeFile(folder / name));
    manifest.files.push_back(std::move(file));
  }
  return manifest;
}

inline absl::Status MakeCheckpoint(const std::filesystem::path& checkpoints, std::int64_t step, AttemptNumber attempt) {
  AMAES_ASSIGN_OR_RETURN(const CheckpointManifest manifest, StageCheckpoint(checkpoints, step, attempt));
  return CommitCheckpoint(checkpoints / CheckpointName(step, attempt), manifest);
}

// Name of the checkpoint that a loader would use, "" when there is none.
inline std::string Newest(const std::filesystem::path& checkpoints) {
  const CheckpointSearch search = FindCheckpoints(checkpoints, true);
  return search.verified.empty() ? "" : search.verified[0].folder.filename().string();
}

}  // namespace amaes
