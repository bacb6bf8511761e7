#include <algorithm>
#include <system_error>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "libs/checkpoint/checkpoint.h"
#include "libs/checkpoint/file_ops.h"

namespace amaes {
namespace {

struct Named {
  std::string name;
  CheckpointId id;
};

bool Newer(const Named& a, const Named& b) {
  return std::tie(a.id.attempt, a.id.step) > std::tie(b.id.attempt, b.id.step);
}

// Names in a folder, a missing folder being empty.
std::vector<std::string> List(const std::filesystem::path& folder) {
  std::vector<std::string> out;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    out.push_back(entry->path().filename().string());
  }
  return out;
}

// Those that are checkpoints' names, newest first.
std::vector<Named> NewestFirst(const std::vector<std::string>& names) {
  std::vector<Named> out;
  for (const std::string& name : names) {
    const absl::StatusOr<CheckpointId> id = ParseCheckpointName(name);
    if (id.ok()) out.push_back({name, *id});
  }
  std::sort(out.begin(), out.end(), Newer);
  return out;
}

}  // namespace

std::string CheckpointName(std::int64_t step, AttemptNumber attempt) {
  return absl::StrFormat("%08d-%03d", step, attempt);
}

absl::StatusOr<CheckpointId> ParseCheckpointName(const std::string& name) {
  const std::vector<std::string> parts = absl::StrSplit(name, '-');
  CheckpointId id;
  // Only the name that we would write: no sign, no space, no other number of zeros.
  if (parts.size() == 2 && absl::SimpleAtoi(parts[0], &id.step) && absl::SimpleAtoi(parts[1], &id.attempt) &&
      CheckpointName(id.step, id.attempt) == name) {
    return id;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", name, "\" is no checkpoint's name (STEP-ATTEMPT, e.g. 00000500-002)"));
}

CheckpointSearch FindCheckpoints(const std::filesystem::path& checkpoints, bool first_only) {
  CheckpointSearch out;
  for (const Named& named : NewestFirst(List(checkpoints))) {
    const std::filesystem::path folder = checkpoints / named.name;
    absl::StatusOr<CheckpointManifest> manifest = VerifyCheckpoint(folder);
    if (absl::IsNotFound(manifest.status())) continue;
    if (!manifest.ok()) {
      out.rejected.push_back({named.name, std::string(manifest.status().message())});
      continue;
    }
    if (manifest->step != named.id.step || manifest->attempt != named.id.attempt) {
      out.rejected.push_back({named.name, absl::StrCat("the folder holds step ", manifest->step, " of attempt ",
                                                       manifest->attempt, ", which is not what its name says")});
      continue;
    }
    out.verified.push_back({folder, *std::move(manifest)});
    if (first_only) break;
  }
  return out;
}

std::vector<std::string> CheckpointsToDelete(const std::vector<std::string>& names, std::int64_t keep,
                                             std::int64_t best_step) {
  const std::vector<Named> sorted = NewestFirst(names);
  std::vector<std::string> out;
  for (std::size_t i = static_cast<std::size_t>(std::max<std::int64_t>(1, keep)); i < sorted.size(); ++i) {
    if (sorted[i].id.step != best_step) out.push_back(sorted[i].name);
  }
  return out;
}

std::vector<std::string> RemoveLeftovers(const std::filesystem::path& checkpoints, AttemptNumber before) {
  std::vector<std::string> removed;
  for (const std::string& name : List(checkpoints)) {
    const absl::StatusOr<CheckpointId> id = ParseCheckpointName(std::string(absl::StripSuffix(name, ".tmp")));
    if (!id.ok() || id->attempt >= before) continue;
    std::error_code ignored;
    const bool temporary = absl::EndsWith(name, ".tmp");
    if (!temporary && std::filesystem::exists(checkpoints / name / kMarkerName, ignored)) continue;
    if (RealFileOps().Remove(checkpoints / name).ok()) removed.push_back(name);
  }
  std::sort(removed.begin(), removed.end());
  return removed;
}

}  // namespace amaes
