#include "libs/dataset/volume_store.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/types/span.h"
#include "libs/base/fault.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/catalogue_json.h"
#include "libs/volume/stored_volume.h"

namespace amaes {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kLongestWriter = absl::Hours(24);

// Beside the stored volume, written after it: what a later ingest needs to use it again.
fs::path RecordPath(const fs::path& volumes, const std::string& volume) {
  return VolumePath(volumes, volume).replace_extension(".json");
}

// Statistics of what is on disk; at the same time the proof that it can be read.
absl::Status Describe(const fs::path& path, CatalogueEntry& entry) {
  AMAES_ASSIGN_OR_RETURN(const std::unique_ptr<StoredVolume> stored, StoredVolume::Open(path, entry.chunk_checksums));
  entry.shape = stored->shape();
  entry.affine = stored->affine();
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
  entry.stored_bytes = static_cast<std::int64_t>(fs::file_size(path, error));
  return error ? files::ErrnoStatus(error.value(), "cannot stat", path) : absl::OkStatus();
}

// The process number in NAME.tmp-PID-N; 0 for every other name.
pid_t WriterOf(const std::string& name) {
  const std::size_t at = name.rfind(".tmp-");
  if (at == std::string::npos) return 0;
  const std::vector<std::string> numbers = absl::StrSplit(name.substr(at + 5), '-');
  pid_t writer = 0;
  std::int64_t count = 0;
  const bool ours =
      numbers.size() == 2 && absl::SimpleAtoi(numbers[0], &writer) && absl::SimpleAtoi(numbers[1], &count);
  return ours && writer > 0 ? writer : 0;
}

bool IsAbandoned(const fs::path& path, absl::Time now) {
  const pid_t writer = WriterOf(path.filename().string());
  struct stat info {};
  if (writer == 0 || lstat(path.c_str(), &info) != 0) return false;
  if (now - absl::TimeFromTimespec(info.st_mtim) <= kLongestWriter) return false;
  return kill(writer, 0) != 0 && errno == ESRCH;
}

}  // namespace

bool FindStored(const fs::path& volumes, CatalogueEntry& entry) {
  const absl::StatusOr<std::string> text = files::Read(RecordPath(volumes, entry.volume));
  if (!text.ok()) return false;
  const absl::StatusOr<CatalogueEntry> record = ParseEntry(*text);
  if (!record.ok() || record->volume != entry.volume || record->voxel_digest != entry.voxel_digest) return false;
  const auto stored = StoredVolume::Open(VolumePath(volumes, entry.volume), record->chunk_checksums);
  if (!stored.ok() || (*stored)->shape() != record->shape || !(*stored)->Verify().ok()) return false;
  entry.shape = record->shape;
  entry.affine = (*stored)->affine();
  entry.mean = record->mean;
  entry.standard_deviation = record->standard_deviation;
  entry.foreground_share = record->foreground_share;
  entry.stored_bytes = record->stored_bytes;
  entry.chunk_checksums = record->chunk_checksums;
  return true;
}

absl::Status StoreVolume(const fs::path& volumes, const Volume& volume, double resolution, std::int64_t index,
                         CatalogueEntry& entry) {
  const fs::path path = VolumePath(volumes, entry.volume);
  AMAES_RETURN_IF_ERROR(files::MakeFolders(path.parent_path()));
  AMAES_ASSIGN_OR_RETURN(entry.chunk_checksums, WriteStoredVolume(path, volume, resolution));
  FaultPoint("ingest_stored", {.step = index});
  AMAES_RETURN_IF_ERROR(Describe(path, entry));
  return files::WriteAtomic(RecordPath(volumes, entry.volume), EntryJson(entry));
}

absl::StatusOr<std::vector<LabelValue>> CountValues(const fs::path& volumes, const CatalogueEntry& entry) {
  AMAES_ASSIGN_OR_RETURN(const std::unique_ptr<StoredVolume> stored,
                         StoredVolume::Open(VolumePath(volumes, entry.volume), entry.chunk_checksums));
  std::vector<float> voxels(static_cast<std::size_t>(VoxelCount(stored->shape())));
  AMAES_RETURN_IF_ERROR(stored->ReadBox({0, 0, 0}, stored->shape(), absl::MakeSpan(voxels)));
  std::map<float, std::int64_t> counts;
  auto last = counts.end();
  for (const float voxel : voxels) {
    // Neighbours mostly agree.
    if (last == counts.end() || last->first != voxel) last = counts.try_emplace(voxel, 0).first;
    ++last->second;
    if (counts.size() > kMostLabelValues) return std::vector<LabelValue>();
  }
  std::vector<LabelValue> values;
  for (const auto& [value, count] : counts) values.push_back({value, count});
  return values;
}

std::int64_t RemoveAbandoned(const fs::path& volumes, absl::Time now) {
  std::vector<fs::path> abandoned;
  std::error_code error;
  // Volumes lie one level down; scratch folders of readers at the top.
  for (fs::recursive_directory_iterator i(volumes, fs::directory_options::skip_permission_denied, error), end;
       !error && i != end; i.increment(error)) {
    if (IsAbandoned(i->path(), now)) {
      abandoned.push_back(i->path());
      i.disable_recursion_pending();
    }
    if (i.depth() >= 1) i.disable_recursion_pending();
  }
  std::int64_t removed = 0;
  for (const fs::path& path : abandoned) {
    fs::remove_all(path, error);
    removed += error ? 0 : 1;
  }
  return removed;
}

}  // namespace amaes
