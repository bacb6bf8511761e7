#include "services/coordinator/dataset_record.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "libs/base/status_macros.h"
#include "libs/rpc/errors.h"

namespace amaes {
namespace {

std::string At(const std::string& name, std::int64_t version) { return absl::StrCat(name, "@", version); }

}  // namespace

DatasetRecord DescribeVersion(const DatasetVersion& version, const IngestReport& report) {
  DatasetRecord record;
  record.digest = version.digest;
  record.contract_json = ContractJson(version.contract);
  record.volumes = static_cast<std::int64_t>(version.entries.size());
  std::set<std::string> subjects, held_out;
  for (const CatalogueEntry& entry : version.entries) {
    record.stored_bytes += entry.stored_bytes;
    subjects.insert(entry.subject);
    if (entry.split == Split::kTrain) {
      ++record.training_volumes;
    } else {
      ++record.held_out_volumes;
      held_out.insert(entry.subject);
    }
  }
  record.subjects = static_cast<std::int64_t>(subjects.size());
  record.held_out_subjects = static_cast<std::int64_t>(held_out.size());
  record.quarantined = static_cast<std::int64_t>(report.quarantined.size());
  record.duplicates = static_cast<std::int64_t>(report.duplicates.size());
  record.skipped = static_cast<std::int64_t>(report.skipped.size());
  return record;
}

absl::StatusOr<DatasetRecord> FindDataset(StoreReader& store, const std::string& name, std::int64_t version) {
  absl::StatusOr<DatasetRecord> record = version < 0 ? absl::NotFoundError("") : store.GetDataset(name, version);
  if (!absl::IsNotFound(record.status())) return record;
  return ErrorWithReason(absl::StatusCode::kNotFound, "DATASET_NOT_FOUND",
                         absl::StrCat("no dataset '", name, version == 0 ? "" : absl::StrCat("@", version), "'"),
                         {{"dataset", name}, {"version", absl::StrCat(version)}});
}

absl::Status CheckNotRetired(const DatasetRecord& record) {
  if (!record.is_retired()) return absl::OkStatus();
  return ErrorWithReason(absl::StatusCode::kFailedPrecondition, "VERSION_RETIRED",
                         absl::StrCat("dataset ", At(record.name, record.version), " was given up on ",
                                      absl::FormatTime(absl::RFC3339_sec, record.retired, absl::UTCTimeZone()),
                                      "; only its record is left"),
                         {{"dataset", At(record.name, record.version)}});
}

absl::StatusOr<DatasetVersion> ReadCatalogue(const DatasetRecord& record, const std::filesystem::path& folder) {
  AMAES_RETURN_IF_ERROR(CheckNotRetired(record));
  absl::StatusOr<DatasetVersion> version = ReadVersion(folder);
  if (version.ok()) return version;
  return ErrorWithReason(absl::StatusCode::kDataLoss, "CATALOGUE_DAMAGED",
                         absl::StrCat("the catalogue of ", At(record.name, record.version),
                                      " cannot be read: ", version.status().message()),
                         {{"dataset", record.name}});
}

}  // namespace amaes
