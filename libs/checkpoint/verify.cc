#include <sys/stat.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/base/digest.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/checkpoint/checkpoint.h"
#include "libs/checkpoint/file_ops.h"

namespace amaes {
namespace {

constexpr std::size_t kMaxManifestBytes = std::size_t{1} << 28;

absl::Status Damaged(const std::filesystem::path& folder, absl::string_view what) {
  return absl::DataLossError(absl::StrCat("checkpoint ", folder.filename().string(), ": ", what));
}

// A missing file of a committed checkpoint is damage; an I/O error stays one.
absl::Status FileError(const std::filesystem::path& folder, const std::string& name, const absl::Status& status) {
  if (absl::IsNotFound(status)) return Damaged(folder, absl::StrCat(name, " is missing"));
  return Annotate(status, absl::StrCat("checkpoint ", folder.filename().string()));
}

// What differs between a file and its description, "" when nothing does.
std::string Difference(const CheckpointFile& wanted, const CheckpointFile& found) {
  if (wanted.size != found.size) return absl::StrCat("has ", found.size, " bytes, the manifest says ", wanted.size);
  for (std::size_t i = 0; i < found.block_crc32c.size() && i < wanted.block_crc32c.size(); ++i) {
    if (wanted.block_crc32c[i] == found.block_crc32c[i]) continue;
    return absl::StrCat("is damaged in the block at byte ", static_cast<std::int64_t>(i) * kCheckpointBlockBytes,
                        ": CRC-32C ", found.block_crc32c[i], ", the manifest says ", wanted.block_crc32c[i]);
  }
  if (wanted.block_crc32c != found.block_crc32c) return "has another number of blocks than the manifest says";
  if (wanted.sha256 != found.sha256)
    return absl::StrCat("has SHA-256 ", found.sha256, ", the manifest says ", wanted.sha256);
  return "";
}

}  // namespace

bool IsPlainFileName(absl::string_view name) {
  return !name.empty() && name.size() <= 255 && name[0] != '.' && name.find('/') == absl::string_view::npos &&
         name.find('\0') == absl::string_view::npos && name != kManifestName && name != kMarkerName;
}

absl::StatusOr<CheckpointFile> DescribeFile(const std::filesystem::path& path, bool from_disk) {
  CheckpointFile out;
  out.name = path.filename().string();
  Sha256 sha;
  AMAES_RETURN_IF_ERROR(ReadBlocks(path, from_disk, [&](absl::string_view block) {
    out.size += static_cast<std::int64_t>(block.size());
    sha.Update(block);
    out.block_crc32c.push_back(absl::StrFormat("%08x", Crc32c(block.data(), block.size())));
  }));
  out.sha256 = sha.Finish();
  return out;
}

absl::StatusOr<CheckpointFile> DescribeFile(const std::filesystem::path& path) { return DescribeFile(path, false); }

absl::Status CheckSizes(const std::filesystem::path& folder, const CheckpointManifest& manifest) {
  for (const CheckpointFile& file : manifest.files) {
    struct stat info {};
    if (stat((folder / file.name).c_str(), &info) != 0) {
      return FileError(folder, file.name, files::ErrnoStatus(errno, "cannot look at", folder / file.name));
    }
    if (!S_ISREG(info.st_mode)) return Damaged(folder, absl::StrCat(file.name, " is not a file"));
    if (info.st_size != file.size) {
      return Damaged(folder, absl::StrCat(file.name, " has ", info.st_size, " bytes, the manifest says ", file.size));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckContents(const std::filesystem::path& folder, const CheckpointManifest& manifest, bool from_disk) {
  AMAES_RETURN_IF_ERROR(CheckSizes(folder, manifest));
  for (const CheckpointFile& file : manifest.files) {
    const absl::StatusOr<CheckpointFile> found = DescribeFile(folder / file.name, from_disk);
    if (!found.ok()) return FileError(folder, file.name, found.status());
    const std::string difference = Difference(file, *found);
    if (!difference.empty()) return Damaged(folder, absl::StrCat(file.name, " ", difference));
  }
  return absl::OkStatus();
}

absl::StatusOr<CheckpointManifest> ReadManifest(const std::filesystem::path& folder) {
  const absl::StatusOr<std::string> marker = files::Read(folder / kMarkerName, 4096);
  if (absl::IsNotFound(marker.status())) {
    return absl::NotFoundError(
        absl::StrCat(folder.string(), " is not a committed checkpoint: it has no file ", kMarkerName));
  }
  if (absl::IsResourceExhausted(marker.status())) return Damaged(folder, absl::StrCat(kMarkerName, " is too long"));
  if (!marker.ok()) return FileError(folder, kMarkerName, marker.status());
  const absl::StatusOr<std::string> json = files::Read(folder / kManifestName, kMaxManifestBytes);
  if (absl::IsResourceExhausted(json.status())) return Damaged(folder, absl::StrCat(kManifestName, " is too long"));
  if (!json.ok()) return FileError(folder, kManifestName, json.status());
  if (*marker != absl::StrCat(Sha256Hex(*json), "\n")) {
    return Damaged(folder,
                   absl::StrCat(kManifestName, " and ", kMarkerName, " do not fit each other: one of them is damaged"));
  }
  absl::StatusOr<CheckpointManifest> manifest = ManifestFromJson(*json);
  if (!manifest.ok()) return Annotate(manifest.status(), absl::StrCat("checkpoint ", folder.filename().string()));
  AMAES_RETURN_IF_ERROR(CheckSizes(folder, *manifest));
  return manifest;
}

absl::StatusOr<CheckpointManifest> VerifyCheckpoint(const std::filesystem::path& folder) {
  AMAES_ASSIGN_OR_RETURN(CheckpointManifest manifest, ReadManifest(folder));
  AMAES_RETURN_IF_ERROR(CheckContents(folder, manifest, /*from_disk=*/false));
  return manifest;
}

}  // namespace amaes
