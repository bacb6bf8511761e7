#include "services/coordinator/checkpoint_reference.h"

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/digest.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/checkpoint/choose.h"

namespace amaes {
namespace {

constexpr char kManifest[] = "manifest.json";

}  // namespace

absl::StatusOr<JobRecord> FindReferencedJob(StoreReader& store, const std::string& name) {
  absl::StatusOr<JobRecord> record = store.GetJob(JobId(name));
  if (absl::IsNotFound(record.status())) record = store.FindJobByName(name);
  if (absl::IsNotFound(record.status())) return absl::NotFoundError(absl::StrCat("there is no job '", name, "'"));
  return record;
}

namespace {

// Newest first.
absl::StatusOr<std::vector<CheckpointRecord>> Committed(StoreReader& store, const JobId& job) {
  std::vector<CheckpointRecord> out;
  std::string cursor;
  do {
    AMAES_ASSIGN_OR_RETURN(Page<CheckpointRecord> page,
                           store.ListCheckpoints({job.value, CheckpointState::kCommitted}, 1000, cursor));
    out.insert(out.end(), page.records.begin(), page.records.end());
    cursor = page.next_cursor;
  } while (!cursor.empty());
  return out;
}

absl::StatusOr<std::filesystem::path> FolderOfJob(StoreReader& store, const std::filesystem::path& home,
                                                  const JobReference& reference) {
  AMAES_ASSIGN_OR_RETURN(const JobRecord job, FindReferencedJob(store, reference.job));
  AMAES_ASSIGN_OR_RETURN(const std::vector<CheckpointRecord> all, Committed(store, job.id));
  std::vector<CheckpointChoice> choices;
  for (const CheckpointRecord& one : all) choices.push_back({one.step, one.attempt, one.metrics});
  const absl::StatusOr<std::size_t> chosen = ChooseCheckpoint(choices, reference.which);
  if (!chosen.ok()) {
    return Annotate(chosen.status(), absl::StrCat("job ", job.name, " is ", JobStateName(job.state)));
  }
  return home / "jobs" / job.id.value / "checkpoints" / all[*chosen].name;
}

}  // namespace

absl::StatusOr<ReferencedCheckpoint> FindReferencedCheckpoint(StoreReader& store, const std::filesystem::path& home,
                                                              const std::string& reference) {
  ReferencedCheckpoint out;
  if (absl::StartsWith(reference, "job:")) {
    AMAES_ASSIGN_OR_RETURN(const JobReference job, ParseJobReference(reference));
    AMAES_ASSIGN_OR_RETURN(out.folder, FolderOfJob(store, home, job));
  } else if (absl::StartsWith(reference, "/")) {
    out.folder = std::filesystem::path(reference).lexically_normal();
  } else {
    return absl::InvalidArgumentError(absl::StrCat("'", reference, "' is neither job:NAME nor an absolute path"));
  }
  absl::StatusOr<CheckpointManifest> manifest = ReadManifest(out.folder);
  if (!manifest.ok()) return Annotate(manifest.status(), absl::StrCat("checkpoint ", out.folder.string()));
  out.manifest = *std::move(manifest);
  AMAES_ASSIGN_OR_RETURN(const std::string text, files::Read(out.folder / kManifest));
  out.manifest_sha256 = Sha256Hex(text);
  return out;
}

}  // namespace amaes
