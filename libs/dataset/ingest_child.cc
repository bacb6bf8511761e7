// The child of an ingest: reads one file and writes its stored volume.
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <new>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/types/span.h"
#include "libs/base/digest.h"
#include "libs/base/fault.h"
#include "libs/base/files.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/catalogue_json.h"
#include "libs/dataset/ingest.h"
#include "libs/dataset/ingest_answer.h"
#include "libs/volume/nifti.h"
#include "libs/volume/stored_volume.h"

namespace amaes {
namespace {

using Outcome = ReadAnswer::Outcome;

// How reading ended. `outcome` says what an error means for the ingest; it depends on where it happened.
struct Ending {
  Outcome outcome;
  absl::Status status;
};

// Spacing counts in micrometres: axis orders and header kinds round it differently.
std::string VoxelDigest(const Volume& volume) {
  Sha256 sha;
  sha.Update("amaes-voxels/1\n");
  for (const std::int64_t size : volume.shape) sha.Update(absl::StrCat(size, "\n"));
  for (const double spacing : volume.spacing) sha.Update(absl::StrCat(std::llround(spacing * 1000), "\n"));
  sha.Update(volume.voxels.data(), volume.voxels.size() * sizeof(float));
  return sha.Finish();
}

// Beside the stored volume, written after it: what a later ingest needs to use it again.
std::filesystem::path RecordPath(const std::filesystem::path& volumes, const std::string& volume) {
  return VolumePath(volumes, volume).replace_extension(".json");
}

// Statistics of what is on disk; at the same time the proof that it can be read.
absl::Status DescribeStored(const std::filesystem::path& path, CatalogueEntry& entry) {
  AMAES_ASSIGN_OR_RETURN(const std::unique_ptr<StoredVolume> stored, StoredVolume::Open(path, entry.chunk_checksums));
  entry.shape = stored->shape();
  std::vector<float> voxels(static_cast<std::size_t>(VoxelCount(entry.shape)));
  AMAES_RETURN_IF_ERROR(stored->ReadBox({0, 0, 0}, entry.shape, absl::MakeSpan(voxels)));
  double sum = 0, squares = 0;
  std::int64_t foreground = 0;
  for (const float voxel : voxels) {
    sum += voxel;
    squares += double{voxel} * voxel;
    if (voxel > stored->minimum()) ++foreground;
  }
  const auto count = static_cast<double>(voxels.size());
  entry.mean = sum / count;
  entry.standard_deviation = std::sqrt(std::max(0.0, squares / count - entry.mean * entry.mean));
  entry.foreground_share = static_cast<double>(foreground) / count;
  std::error_code error;
  entry.stored_bytes = static_cast<std::int64_t>(std::filesystem::file_size(path, error));
  return error ? files::ErrnoStatus(error.value(), "cannot stat", path) : absl::OkStatus();
}

// True when the volume is in the store already, whole and with its record; then `entry` has what the record says.
bool FindStored(const std::filesystem::path& volumes, CatalogueEntry& entry) {
  const absl::StatusOr<std::string> text = files::Read(RecordPath(volumes, entry.volume));
  if (!text.ok()) return false;
  const absl::StatusOr<CatalogueEntry> record = ParseEntry(*text);
  if (!record.ok() || record->volume != entry.volume || record->voxel_digest != entry.voxel_digest) return false;
  const auto stored = StoredVolume::Open(VolumePath(volumes, entry.volume), record->chunk_checksums);
  if (!stored.ok() || (*stored)->shape() != record->shape || !(*stored)->Verify().ok()) return false;
  entry.shape = record->shape;
  entry.mean = record->mean;
  entry.standard_deviation = record->standard_deviation;
  entry.foreground_share = record->foreground_share;
  entry.stored_bytes = record->stored_bytes;
  entry.chunk_checksums = record->chunk_checksums;
  return true;
}

Ending Store(const ReadRequest& request, const Volume& volume, CatalogueEntry& entry) {
  const std::filesystem::path path = VolumePath(request.volumes, entry.volume);
  if (absl::Status status = files::MakeFolders(path.parent_path()); !status.ok()) return {Outcome::kStore, status};
  absl::StatusOr<std::vector<std::uint32_t>> checksums =
      WriteStoredVolume(path, volume, StoredResolution(request.contract));
  if (absl::IsInvalidArgument(checksums.status())) return {Outcome::kRefused, checksums.status()};
  if (absl::IsInternal(checksums.status())) return {Outcome::kFailed, checksums.status()};
  if (!checksums.ok()) return {Outcome::kStore, checksums.status()};
  entry.chunk_checksums = *std::move(checksums);
  FaultPoint("ingest_stored", {.step = request.index});
  if (absl::Status status = DescribeStored(path, entry); !status.ok()) return {Outcome::kStore, status};
  return {Outcome::kStore, files::WriteAtomic(RecordPath(request.volumes, entry.volume), EntryJson(entry))};
}

Ending Process(const ReadRequest& request, ReadAnswer& answer) {
  absl::StatusOr<NiftiVolume> scan = ReadNifti(request.path);
  if (absl::IsResourceExhausted(scan.status())) return {Outcome::kMemory, scan.status()};
  if (absl::IsInvalidArgument(scan.status()) || absl::IsNotFound(scan.status()))
    return {Outcome::kRefused, scan.status()};
  if (!scan.ok()) return {Outcome::kFailed, scan.status()};
  CatalogueEntry& entry = answer.entry;
  entry.voxel_digest = VoxelDigest(scan->volume);
  entry.volume = Sha256Hex(absl::StrCat("amaes-volume/1\n", entry.voxel_digest, "\n", ContractJson(request.contract)));
  entry.source_shape = scan->volume.shape;
  entry.source_spacing = scan->volume.spacing;
  entry.nonfinite_voxels = scan->nonfinite_voxels;
  entry.frames = scan->frames;
  answer.reused = FindStored(request.volumes, entry);
  if (answer.reused) return {Outcome::kVolume, absl::OkStatus()};
  const absl::StatusOr<Volume> prepared = ApplyContract(scan->volume, request.contract);
  if (!prepared.ok()) return {Outcome::kRefused, prepared.status()};
  scan->volume.voxels = {};
  return Store(request, *prepared, entry);
}

ReadAnswer Answer(const ReadRequest& request) {
  ReadAnswer answer;
  try {
    const Ending ending = Process(request, answer);
    answer.outcome = ending.status.ok() ? Outcome::kVolume : ending.outcome;
    answer.code = ending.status.code();
    answer.reason = absl::StrReplaceAll(
        ending.status.message(),
        {{request.path.string(), "the file"}, {absl::StrCat(request.path.parent_path().string(), "/"), ""}});
  } catch (const std::bad_alloc&) {
    answer.outcome = Outcome::kMemory;
  } catch (const std::exception& error) {
    answer.outcome = Outcome::kFailed;
    answer.reason = absl::StrCat("reader failed: ", error.what());
  }
  return answer;
}

// Everything up to the end of standard input.
std::string ReadAll(int fd) {
  std::string text;
  char buffer[4096];
  while (true) {
    const ssize_t n = read(fd, buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
  }
}

bool WriteAll(int fd, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

int RunIngestChild() {
  // Libraries that print must not write between our lines.
  const int answers = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (answers < 0 || nowhere < 0 || dup2(nowhere, STDOUT_FILENO) < 0) return 3;
  const absl::StatusOr<ReadRequest> request = ParseRequest(ReadAll(STDIN_FILENO));
  if (!request.ok()) {
    LogError("ingest", "a request that cannot be read", {{"problem", request.status().message()}});
    return 2;
  }
  FaultPoint("ingest_read", {.step = request->index});
  return WriteAll(answers, absl::StrCat(AnswerJson(Answer(*request)), "\n")) ? 0 : 3;
}

}  // namespace amaes
