// The commit protocol. Order is everything: nothing is named before it is durable, and the marker comes last.
#include <set>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "libs/base/digest.h"
#include "libs/base/fault.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/checkpoint/checkpoint.h"
#include "libs/checkpoint/file_ops.h"

namespace amaes {
namespace {

std::filesystem::path Temporary(const std::filesystem::path& folder) { return folder.string() + ".tmp"; }

std::filesystem::path Parent(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

bool Exists(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(std::filesystem::symlink_status(path, ignored));
}

// The manifest's text, proven to be one that a reader accepts and understands as it was meant.
absl::StatusOr<std::string> CheckedJson(const CheckpointManifest& manifest) {
  const std::string json = ManifestToJson(manifest);
  const absl::StatusOr<CheckpointManifest> parsed = ManifestFromJson(json);
  if (!parsed.ok()) return absl::InvalidArgumentError(absl::StrCat("cannot commit: ", parsed.status().message()));
  if (ManifestToJson(*parsed) != json) return absl::InternalError("a manifest does not survive writing and reading");
  return json;
}

// Files of no manifest would be neither hashed nor kept in mind: they are refused.
absl::Status CheckNothingElse(const std::filesystem::path& folder, const CheckpointManifest& manifest) {
  std::set<std::string> known = {kManifestName};
  for (const CheckpointFile& file : manifest.files) known.insert(file.name);
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  if (error) return files::ErrnoStatus(error.value(), "cannot list", folder);
  for (; entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!known.contains(name))
      return absl::DataLossError(absl::StrCat(folder.string(), " holds ", name, ", which is not in the manifest"));
  }
  if (error) return files::ErrnoStatus(error.value(), "cannot list", folder);
  return absl::OkStatus();
}

absl::Status WriteManifest(const std::filesystem::path& temporary, const CheckpointManifest& manifest,
                           const std::string& json, FileOps& ops) {
  AMAES_RETURN_IF_ERROR(ops.Write(temporary / kManifestName, json));
  for (const CheckpointFile& file : manifest.files) AMAES_RETURN_IF_ERROR(ops.Sync(temporary / file.name));
  AMAES_RETURN_IF_ERROR(ops.Sync(temporary / kManifestName));
  return ops.Sync(temporary);
}

// Written beside itself and renamed, so that a marker is there as a whole or not at all.
absl::Status WriteMarker(const std::filesystem::path& folder, const std::string& json, FileOps& ops) {
  const std::filesystem::path marker = folder / kMarkerName;
  const std::filesystem::path beside = marker.string() + ".tmp";
  AMAES_RETURN_IF_ERROR(ops.Write(beside, absl::StrCat(Sha256Hex(json), "\n")));
  AMAES_RETURN_IF_ERROR(ops.Sync(beside));
  AMAES_RETURN_IF_ERROR(ops.Rename(beside, marker));
  return ops.Sync(folder);
}

}  // namespace

absl::Status CommitCheckpoint(const std::filesystem::path& folder, const CheckpointManifest& manifest, FileOps& ops) {
  const std::filesystem::path temporary = Temporary(folder);
  const FaultAddress address{manifest.step, -1, manifest.attempt};
  AMAES_ASSIGN_OR_RETURN(const std::string json, CheckedJson(manifest));
  if (Exists(folder / kMarkerName))
    return absl::AlreadyExistsError(absl::StrCat(folder.string(), " is already committed"));
  AMAES_RETURN_IF_ERROR(CheckNothingElse(temporary, manifest));
  AMAES_RETURN_IF_ERROR(CheckSizes(temporary, manifest));
  FaultPoint("checkpoint_write", address);
  AMAES_RETURN_IF_ERROR(WriteManifest(temporary, manifest, json, ops));
  if (Exists(folder)) AMAES_RETURN_IF_ERROR(ops.Remove(folder));
  AMAES_RETURN_IF_ERROR(ops.Rename(temporary, folder));
  AMAES_RETURN_IF_ERROR(ops.Sync(Parent(folder)));
  AMAES_RETURN_IF_ERROR(CheckContents(folder, manifest, /*from_disk=*/true));
  AMAES_ASSIGN_OR_RETURN(const std::string stored, files::Read(folder / kManifestName));
  if (stored != json) return absl::DataLossError(absl::StrCat(folder.string(), ": the manifest reads back otherwise"));
  FaultPoint("commit", address);
  return WriteMarker(folder, json, ops);
}

absl::Status CommitCheckpoint(const std::filesystem::path& folder, const CheckpointManifest& manifest) {
  return CommitCheckpoint(folder, manifest, RealFileOps());
}

absl::Status RemoveCheckpoint(const std::filesystem::path& folder, FileOps& ops) {
  if (!Exists(folder)) return absl::OkStatus();
  if (Exists(folder / kMarkerName)) {
    AMAES_RETURN_IF_ERROR(ops.Remove(folder / kMarkerName));
    AMAES_RETURN_IF_ERROR(ops.Sync(folder));
  }
  AMAES_RETURN_IF_ERROR(ops.Remove(folder));
  return ops.Sync(Parent(folder));
}

absl::Status RemoveCheckpoint(const std::filesystem::path& folder) { return RemoveCheckpoint(folder, RealFileOps()); }

}  // namespace amaes
