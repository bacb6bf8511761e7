#include "services/coordinator/dataset_witnesses.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>

#include "libs/base/status_macros.h"
#include "libs/checkpoint/checkpoint.h"
#include "libs/dataset/ledger.h"

namespace amaes {
namespace {

constexpr char kTrained[] = "trained";
constexpr char kNotRead[] = "not_read";
constexpr char kHeldOut[] = "held_out";
constexpr char kUnknown[] = "unknown";

// `ledgers`: file to the length that counts; -1 = all of it.
std::string WhatLedgersTell(const std::map<std::filesystem::path, std::int64_t>& ledgers, const SeenVolumes& seen) {
  if (seen.training.empty()) return seen.held_out ? kHeldOut : kNotRead;
  if (ledgers.empty()) return kUnknown;
  bool unreadable = false;
  for (const auto& [path, length] : ledgers) {
    const auto records = ReadLedger(path, length);
    if (!records.ok()) {
      unreadable = true;
      continue;
    }
    const bool read = std::any_of(records->begin(), records->end(), [&](const LedgerRecord& record) {
      return !record.skipped && seen.training.contains(record.volume);
    });
    if (read) return kTrained;
  }
  if (unreadable) return kUnknown;
  return seen.held_out ? kHeldOut : kNotRead;
}

std::string WhatJobSaw(const std::filesystem::path& folder, const JobRecord& job, const SeenVolumes& seen) {
  std::map<std::filesystem::path, std::int64_t> ledgers;
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(folder / "ledger", error)) {
    if (file.path().extension() == ".ledger") ledgers[file.path()] = -1;
  }
  if (job.attempt == 0 && ledgers.empty()) return kNotRead;  // never started
  return WhatLedgersTell(ledgers, seen);
}

std::string WhatCheckpointSaw(const std::filesystem::path& folder, const std::string& name, const SeenVolumes& seen) {
  const auto manifest = ReadManifest(folder / "checkpoints" / name);
  if (!manifest.ok()) return seen.training.empty() && seen.held_out ? kHeldOut : kUnknown;
  if (manifest->step == 0) return seen.held_out ? kHeldOut : kNotRead;
  std::map<std::filesystem::path, std::int64_t> ledgers;
  for (const auto& [file, length] : manifest->ledger) ledgers[folder / "ledger" / file] = length;
  return WhatLedgersTell(ledgers, seen);
}

v1::DatasetChange::Witness Witness(const JobRecord& job, const std::string& checkpoint, const std::string& saw) {
  v1::DatasetChange::Witness out;
  out.set_job(job.id.value);
  out.set_dataset_version(job.dataset);
  out.set_checkpoint(checkpoint);
  out.set_saw(saw);
  return out;
}

// Calls `visit` with every record of a paged list.
template <typename Record, typename List, typename Visit>
absl::Status ForEach(const List& list, const Visit& visit) {
  std::string cursor;
  do {
    AMAES_ASSIGN_OR_RETURN(const Page<Record> page, list(cursor));
    for (const Record& record : page.records) AMAES_RETURN_IF_ERROR(visit(record));
    cursor = page.next_cursor;
  } while (!cursor.empty());
  return absl::OkStatus();
}

constexpr int kPageSize = 1000;

}  // namespace

absl::StatusOr<std::vector<v1::DatasetChange::Witness>> FindWitnesses(Engine& engine,
                                                                      const std::string& name_at_version,
                                                                      const SeenVolumes& seen) {
  std::vector<v1::DatasetChange::Witness> out;
  const auto checkpoint = [&](const JobRecord& job, const CheckpointRecord& record) {
    if (record.state == CheckpointState::kDeleted) return absl::OkStatus();
    out.push_back(Witness(job, record.name, WhatCheckpointSaw(engine.JobFolder(job.id), record.name, seen)));
    return absl::OkStatus();
  };
  const auto visit = [&](const JobRecord& job) -> absl::Status {
    if (job.dataset != name_at_version) return absl::OkStatus();
    out.push_back(Witness(job, "", WhatJobSaw(engine.JobFolder(job.id), job, seen)));
    return ForEach<CheckpointRecord>(
        [&](const std::string& cursor) {
          return engine.store().ListCheckpoints({job.id.value, std::nullopt}, kPageSize, cursor);
        },
        [&](const CheckpointRecord& record) { return checkpoint(job, record); });
  };
  AMAES_RETURN_IF_ERROR(ForEach<JobRecord>(
      [&](const std::string& cursor) {
        return engine.store().ListJobs({std::nullopt, "pretrain", ""}, kPageSize, cursor);
      },
      visit));
  return out;
}

absl::StatusOr<std::vector<v1::DatasetChange::Witness>> UnknownWitnesses(Engine& engine,
                                                                         const std::string& name_at_version) {
  std::vector<v1::DatasetChange::Witness> out;
  AMAES_RETURN_IF_ERROR(ForEach<JobRecord>(
      [&](const std::string& cursor) {
        return engine.store().ListJobs({std::nullopt, "pretrain", ""}, kPageSize, cursor);
      },
      [&](const JobRecord& job) {
        if (job.dataset == name_at_version) out.push_back(Witness(job, "", kUnknown));
        return absl::OkStatus();
      }));
  return out;
}

}  // namespace amaes
