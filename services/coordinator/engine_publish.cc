// From a staged folder to a dataset version. Files are moved without the engine's lock; only Tick's thread comes here.
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/fault.h"
#include "libs/base/files.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/catalogue.h"
#include "services/coordinator/engine.h"
#include "services/coordinator/metric_names.h"

namespace amaes {
namespace {

DatasetRecord Describe(const DatasetVersion& version, const IngestReport& report) {
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

bool MayPassByItself(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status);
}

}  // namespace

struct Engine::Publication {
  DatasetRecord record;
  bool nothing_new = false;  // `record` is the newest version, which has the same content
};

std::filesystem::path Engine::StagingFolder(const LiveJob& job) const {
  return options_.home / "datasets" / job.spec.ingest.dataset / absl::StrCat(".staging-", job.record.id.value);
}

void Engine::PublishWaiting() {
  struct Waiting {
    JobId id;
    std::filesystem::path staging;
    std::string dataset, digest;
  };
  std::vector<Waiting> waiting;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, job] : live_) {
      if (job.publishing)
        waiting.push_back({id, StagingFolder(job), job.spec.ingest.dataset, job.progress.staged_digest});
    }
  }
  for (const Waiting& item : waiting) {
    const absl::StatusOr<Publication> publication = Publish(item.staging, item.dataset, item.digest);
    MutexLock lock(mutex_);
    LiveJob* job = FindLive(item.id);
    if (job == nullptr) continue;
    if (const absl::Status status = FinishIngest(*job, publication); !status.ok()) {
      LogError("coordinator", "cannot publish a dataset; will try again",
               {{"job", item.id.value}, {"error", status.message()}});
    }
  }
}

absl::StatusOr<Engine::Publication> Engine::Publish(const std::filesystem::path& staging, const std::string& dataset,
                                                    const std::string& digest) {
  if (digest.empty()) return absl::FailedPreconditionError("the worker finished without staging a dataset");
  Publication out;
  std::int64_t version = 1;
  const absl::StatusOr<DatasetRecord> newest = store_.GetDataset(dataset, 0);
  if (newest.ok()) {
    version = newest->version + 1;
    if (newest->digest == digest) {
      out.record = *newest;
      out.nothing_new = true;
      return out;
    }
  } else if (!absl::IsNotFound(newest.status())) {
    return newest.status();
  }
  // A coordinator that died between rename and commit has left the folder under its number already.
  std::filesystem::path folder = DatasetFolder(dataset, version);
  absl::StatusOr<DatasetVersion> found = ReadVersion(folder);
  std::error_code error;
  while (std::filesystem::exists(folder, error) && !(found.ok() && found->digest == digest)) {
    folder = DatasetFolder(dataset, ++version);  // not ours: a number is skipped rather than a folder overwritten
    found = ReadVersion(folder);
  }
  if (!found.ok()) {
    AMAES_ASSIGN_OR_RETURN(found, ReadVersion(staging));
    if (found->digest != digest) {
      return absl::DataLossError(
          absl::StrCat("the staged dataset has the digest ", found->digest, ", announced was ", digest));
    }
    AMAES_RETURN_IF_ERROR(files::Rename(staging, folder));
    FaultPoint("dataset_renamed", {});
  }
  AMAES_ASSIGN_OR_RETURN(const IngestReport report, ReadReport(folder));
  out.record = Describe(*found, report);
  out.record.name = dataset;
  out.record.version = version;
  return out;
}

absl::Status Engine::FinishIngest(LiveJob& job, const absl::StatusOr<Publication>& publication) {
  if (!publication.ok()) {
    if (MayPassByItself(publication.status())) return publication.status();
    // As if its worker had failed: what is staged is not good, another attempt stages again.
    FailRank(job, 0, "PUBLISH_FAILED", std::string(publication.status().message()), true, true, true);
    job.publishing = false;
    return Advance(job);
  }
  DatasetRecord dataset = publication->record;
  const std::string name = absl::StrCat(dataset.name, "@", dataset.version);
  JobChange change = Change(job);
  AMAES_ASSIGN_OR_RETURN(change.record.state, NextJobState(job.record.state, JobEvent::kAllFinished));
  change.record.reason = "SUCCEEDED";
  change.record.dataset = name;
  if (publication->nothing_new) {
    change.record.message = absl::StrCat("nothing new: equals ", name);
  } else {
    change.record.message =
        absl::StrCat("made ", name, ": ", dataset.volumes, " volumes of ", dataset.subjects, " subjects");
    dataset.job = job.record.id;
    dataset.created = clock_.Now();
    change.also = [&](StoreTransaction& transaction) { return transaction.PutDataset(dataset); };
  }
  change.events.emplace_back("SUCCEEDED", change.record.message);
  const std::filesystem::path staging = StagingFolder(job);
  AMAES_RETURN_IF_ERROR(EndAttempt(job, std::move(change), {"FINISHED", "", -1}));
  std::error_code ignored;
  std::filesystem::remove_all(staging, ignored);
  return absl::OkStatus();
}

}  // namespace amaes
