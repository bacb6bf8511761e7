// A checkpoint of a few hundred bytes, and quick ways to make one: a test that commits hundreds does not wait for the disk.
#pragma once

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/checkpoint/checkpoint.h"
#include "libs/checkpoint/file_ops.h"

namespace amaes {

// The file system without flushes: what a process that is not cut short sees.
class UnflushedFileOps final : public FileOps {
 public:
  absl::Status Write(const std::filesystem::path& path, absl::string_view content) override {
    return RealFileOps().Write(path, content);
  }
  absl::Status Sync(const std::filesystem::path&) override { return absl::OkStatus(); }
  absl::Status Rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    return RealFileOps().Rename(from, to);
  }
  absl::Status Remove(const std::filesystem::path& path) override { return RealFileOps().Remove(path); }
};

// A safetensors file of one tensor of bytes.
inline std::string SmallTensorFile(const std::string& name, const std::string& data) {
  std::string header = absl::StrCat("{\"", name, "\":{\"dtype\":\"U8\",\"shape\":[", data.size(),
                                    "],\"data_offsets\":[0,", data.size(), "]}}");
  header.append((8 - header.size() % 8) % 8, ' ');
  return absl::StrCat(std::string(1, static_cast<char>(header.size())), std::string(7, '\0'), header, data);
}

// Writes the files of a checkpoint to NAME.tmp in `checkpoints`; the manifest describes them.
inline absl::StatusOr<CheckpointManifest> StageCheckpoint(const std::filesystem::path& checkpoints, std::int64_t step,
                                                          AttemptNumber attempt) {
  const std::filesystem::path folder = (checkpoints / CheckpointName(step, attempt)).string() + ".tmp";
  AMAES_RETURN_IF_ERROR(files::MakeFolders(folder));
  const std::string values = absl::StrCat("step ", 10000000 + step);
  AMAES_RETURN_IF_ERROR(RealFileOps().Write(folder / "model.safetensors", SmallTensorFile("w", values)));
  AMAES_RETURN_IF_ERROR(
      RealFileOps().Write(folder / "optimizer-0-of-1.safetensors", SmallTensorFile("w.moments", values + values)));
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
  UnflushedFileOps ops;
  return CommitCheckpoint(checkpoints / CheckpointName(step, attempt), manifest, ops);
}

// Name of the checkpoint that a loader would use, "" when there is none.
inline std::string Newest(const std::filesystem::path& checkpoints) {
  const CheckpointSearch search = FindCheckpoints(checkpoints, true);
  return search.verified.empty() ? "" : search.verified[0].folder.filename().string();
}

}  // namespace amaes
