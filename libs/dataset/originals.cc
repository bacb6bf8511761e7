#include "libs/dataset/originals.h"

#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "libs/base/digest.h"
#include "libs/base/status_macros.h"

namespace amaes {

std::string VoxelDigest(const Volume& volume) {
  Sha256 sha;
  sha.Update("amaes-voxels/1\n");
  for (const std::int64_t size : volume.shape) sha.Update(absl::StrCat(size, "\n"));
  for (const double spacing : volume.spacing) sha.Update(absl::StrCat(std::llround(spacing * 1000), "\n"));
  sha.Update(volume.voxels.data(), volume.voxels.size() * sizeof(float));
  return sha.Finish();
}

std::string CompanionName(const std::string& role, const std::string& voxel_digest, const std::string& volume) {
  return Sha256Hex(absl::StrCat("amaes-companion/1\n", role, "\n", voxel_digest, "\n", volume));
}

std::filesystem::path Moved::Now(const std::string& path) const {
  if (from.empty() || !absl::StartsWith(path, from)) return path;
  // Whole names only: /data/a is not the beginning of /data/ab.
  const std::string rest = path.substr(from.size());
  return rest.empty() || rest[0] == '/' || from.back() == '/' ? to + rest : path;
}

absl::StatusOr<Moved> ParseMoved(const std::string& text) {
  if (text.empty()) return Moved();
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits('=', 1));
  if (!absl::StartsWith(parts.first, "/") || !absl::StartsWith(parts.second, "/")) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", text, "' is not FROM=TO, two absolute folders: where the files were ingested, where they are now"));
  }
  return Moved{parts.first, parts.second};
}

absl::StatusOr<NiftiVolume> ReadOriginal(const CatalogueEntry& entry, const Companion& companion, const Moved& moved) {
  if (companion.path.empty()) {
    return absl::FailedPreconditionError(
        "the catalogue does not know where its file lies: it was written by an older program; add the folder to the "
        "dataset "
        "again, which reads nothing twice");
  }
  const std::filesystem::path path = moved.Now(companion.path);
  NiftiOptions options;
  options.allow_constant = true;
  absl::StatusOr<NiftiVolume> read = ReadNifti(path, options);
  if (absl::IsNotFound(read.status())) {
    return absl::FailedPreconditionError(
        "its file is not where it was ingested: put it back, or say where it is with dataset.moved");
  }
  if (!read.ok()) {
    return absl::Status(read.status().code(),
                        absl::StrReplaceAll(read.status().message(), {{path.string(), "its file"}}));
  }
  if (CompanionName(companion.role, VoxelDigest(read->volume), entry.volume) != companion.volume) {
    return absl::FailedPreconditionError(
        "its file has changed since it was ingested: add the folder to the dataset again");
  }
  return read;
}

}  // namespace amaes
