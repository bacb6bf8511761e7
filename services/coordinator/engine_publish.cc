// From a staged folder to a dataset version. Files are moved without the engine's lock; only Tick's thread comes here.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/fault.h"
#include "libs/base/files.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/catalogue.h"
#include "libs/rpc/errors.h"
#include "services/coordinator/dataset_record.h"
#include "services/coordinator/engine.h"
#include "services/coordinator/metric_names.h"

namespace amaes {
namespace {

// The last word on every file, after duplicates between ranks have been found.
IngestCount CountOf(const IngestReport& report, IngestCount count) {
  count.files = count.done = report.files;
  count.volumes = report.volumes;
  count.quarantined = static_cast<std::int64_t>(report.quarantined.size());
  count.duplicates = static_cast<std::int64_t>(report.duplicates.size());
  count.skipped = static_cast<std::int64_t>(report.skipped.size());
  count.unchanged = report.unchanged;
  return count;
}

bool MayPassByItself(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status);
}

// Equal but for what follows from where the files lay and when they were written.
bool SameContent(const DatasetVersion& a, const DatasetVersion& b) {
  const auto same = [](CatalogueEntry left, const CatalogueEntry& right) {
    left.stamp = right.stamp;
    left.source = right.source;
    return left == right;
  };
  return a.digest == b.digest && a.exclusions == b.exclusions &&
         std::equal(a.entries.begin(), a.entries.end(), b.entries.begin(), b.entries.end(), same);
}

// What a version was made from is no longer the newest: its volumes would get lost.
constexpr char kDatasetChanged[] = "DATASET_CHANGED";

constexpr absl::Duration kFirstPause = absl::Seconds(1), kLongestPause = absl::Minutes(1);

}  // namespace

struct Engine::Publication {
  DatasetRecord record;
  IngestReport report;
  bool nothing_new = false;  // `record` is the newest version, which has the same content
};

absl::Status Engine::HoldIngests(const std::string& dataset, bool all) {
  MutexLock lock(mutex_);
  for (const auto& [id, job] : live_) {
    if (job.spec.kind != JobKind::kIngest || job.record.state == JobState::kQueued) continue;
    if (!all && job.spec.ingest.dataset != dataset) continue;
    return ErrorWithReason(absl::StatusCode::kFailedPrecondition, "INGEST_RUNNING",
                           absl::StrCat("job ", id.value, " is ingesting scans into ", job.spec.ingest.dataset,
                                        ": wait for its end, or cancel it first"),
                           {{"job", id.value}, {"dataset", job.spec.ingest.dataset}});
  }
  hold_ingests_ = true;
  return absl::OkStatus();
}

void Engine::ReleaseIngests() {
  MutexLock lock(mutex_);
  hold_ingests_ = false;
  Wake();
}

std::filesystem::path Engine::StagingFolder(const LiveJob& job) const {
  return options_.home / "datasets" / job.spec.ingest.dataset / absl::StrCat(".staging-", job.record.id.value);
}

void Engine::DropStaging(const LiveJob& job) const {
  std::error_code ignored;
  if (job.spec.kind == JobKind::kIngest) std::filesystem::remove_all(StagingFolder(job), ignored);
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
      if (job.publishing && clock_.Monotonic() >= job.publish_again)
        waiting.push_back({id, StagingFolder(job), job.spec.ingest.dataset, job.progress.staged_digest});
    }
  }
  for (const Waiting& item : waiting) {
    const absl::StatusOr<Publication> publication = Publish(item.staging, item.dataset, item.digest);
    bool last = false;  // no other ingest needs what is finished of this dataset
    {
      MutexLock lock(mutex_);
      LiveJob* job = FindLive(item.id);
      if (job == nullptr) continue;
      if (const absl::Status status = FinishIngest(*job, publication); !status.ok()) {
        DelayPublication(*job, status);
      } else if (publication.ok()) {
        last = std::none_of(live_.begin(), live_.end(), [&](const auto& other) {
          return other.second.spec.kind == JobKind::kIngest && other.second.spec.ingest.dataset == item.dataset;
        });
      }
    }
    std::error_code ignored;  // records that stay only take space
    if (last) std::filesystem::remove_all(item.staging.parent_path() / kIngestRecords, ignored);
  }
}

// A disk that is full for an hour is one line in the log.
void Engine::DelayPublication(LiveJob& job, const absl::Status& status) {
  job.publish_pause = std::clamp(2 * job.publish_pause, kFirstPause, kLongestPause);
  job.publish_again = clock_.Monotonic() + job.publish_pause;
  if (std::exchange(job.publish_error, std::string(status.message())) == status.message()) return;
  LogError("coordinator", "cannot publish a dataset; will try again",
           {{"job", job.record.id.value}, {"error", status.message()}});
}

absl::StatusOr<Engine::PlacedVersion> Engine::PlaceVersion(const std::filesystem::path& staged_folder,
                                                           const std::string& dataset, const std::string& digest,
                                                           std::int64_t base) {
  AMAES_ASSIGN_OR_RETURN(const std::int64_t last, store_.LastDatasetVersion(dataset));
  PlacedVersion placed;
  placed.number = last + 1;
  // A coordinator that died between rename and commit has left the folder under its number already.
  std::filesystem::path folder = DatasetFolder(dataset, placed.number);
  absl::StatusOr<DatasetVersion> found = ReadVersion(folder);
  std::error_code error;
  while (std::filesystem::exists(folder, error) && !(found.ok() && found->digest == digest && found->base == base)) {
    folder = DatasetFolder(dataset, ++placed.number);  // not ours: a number is skipped rather than a folder overwritten
    found = ReadVersion(folder);
  }
  if (!found.ok()) {
    AMAES_ASSIGN_OR_RETURN(found, ReadVersion(staged_folder));
    if (found->digest != digest) {
      return absl::DataLossError(
          absl::StrCat("the staged dataset has the digest ", found->digest, ", announced was ", digest));
    }
    if (found->base != base) {
      return absl::AbortedError(absl::StrCat("it was made from version ", found->base, " of ", dataset,
                                             ", and the newest is ", base, " by now"));
    }
    AMAES_RETURN_IF_ERROR(files::Rename(staged_folder, folder));
    FaultPoint("dataset_renamed", {});
  }
  AMAES_ASSIGN_OR_RETURN(placed.report, ReadReport(folder));
  placed.version = *std::move(found);
  return placed;
}

absl::StatusOr<Engine::Publication> Engine::Publish(const std::filesystem::path& staging, const std::string& dataset,
                                                    const std::string& digest) {
  if (digest.empty()) return absl::FailedPreconditionError("the worker finished without staging a dataset");
  const std::filesystem::path staged_folder = staging / kStagedVersion;
  const absl::StatusOr<DatasetVersion> staged = ReadVersion(staged_folder);
  const absl::StatusOr<DatasetRecord> newest = store_.GetDataset(dataset, 0);
  if (!newest.ok() && !absl::IsNotFound(newest.status())) return newest.status();
  Publication out;
  if (newest.ok() && newest->digest == digest) {
    const absl::StatusOr<DatasetVersion> known = ReadVersion(DatasetFolder(dataset, newest->version));
    if (known.ok() && staged.ok() && SameContent(*known, *staged)) {
      AMAES_ASSIGN_OR_RETURN(out.report, ReadReport(staged_folder));
      out.record = *newest;
      out.nothing_new = true;
      return out;
    }
  }
  AMAES_ASSIGN_OR_RETURN(PlacedVersion placed,
                         PlaceVersion(staged_folder, dataset, digest, newest.ok() ? newest->version : 0));
  out.record = DescribeVersion(placed.version, placed.report);
  out.record.name = dataset;
  out.record.version = placed.number;
  out.report = std::move(placed.report);
  return out;
}

absl::Status Engine::FinishIngest(LiveJob& job, const absl::StatusOr<Publication>& publication) {
  if (!publication.ok()) {
    if (MayPassByItself(publication.status())) return publication.status();
    // As if its worker had failed: what is staged is not good, another attempt stages again.
    FailRank(job, 0, absl::IsAborted(publication.status()) ? kDatasetChanged : "PUBLISH_FAILED",
             std::string(publication.status().message()), true, true, true);
    job.publishing = false;
    return Advance(job);
  }
  DatasetRecord dataset = publication->record;
  const std::string name = absl::StrCat(dataset.name, "@", dataset.version);
  JobChange change = Change(job);
  AMAES_ASSIGN_OR_RETURN(change.record.state, NextJobState(job.record.state, JobEvent::kAllFinished));
  change.record.reason = "SUCCEEDED";
  change.record.dataset = name;
  change.progress.ingest = CountOf(publication->report, job.progress.ingest);
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
  return EndAttempt(job, std::move(change), {"FINISHED", "", -1});
}

}  // namespace amaes
