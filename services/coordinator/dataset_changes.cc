#include "services/coordinator/dataset_changes.h"

#include <google/protobuf/util/json_util.h>

#include <set>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "libs/base/digest.h"
#include "libs/base/fault.h"
#include "libs/base/files.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/ingest_files.h"
#include "libs/rpc/errors.h"
#include "services/coordinator/dataset_record.h"
#include "services/coordinator/request_id.h"

namespace amaes {
namespace {

using State = DatasetChangeRecord::State;

// Equal for equal requests, whatever their request id.
template <typename Request>
std::string BodyDigest(const std::string& kind, Request request) {
  request.clear_request_id();
  return Sha256Hex(absl::StrCat("amaes-dataset-change/1\n", kind, "\n", request.SerializeAsString()));
}

// Without what names a subject or a file.
std::string ResultJson(v1::DatasetChange result) {
  result.clear_selected();
  result.clear_kept();
  std::string json;
  AMAES_CHECK(google::protobuf::util::MessageToJsonString(result, &json).ok());
  return json;
}

absl::StatusOr<v1::DatasetChange> ParseResult(const std::string& json) {
  v1::DatasetChange result;
  if (google::protobuf::util::JsonStringToMessage(json, &result).ok()) return result;
  return absl::DataLossError("what a change of a dataset did cannot be read");
}

absl::Status Remove(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  return error ? files::ErrnoStatus(error.value(), "cannot remove", path) : absl::OkStatus();
}

std::filesystem::path StagingOf(Engine& engine, const std::string& dataset, const std::string& request_id) {
  return engine.options().home / "datasets" / dataset / absl::StrCat(".change-", Sha256Hex(request_id).substr(0, 16));
}

}  // namespace

DatasetChanges::DatasetChanges(Engine& engine, Clock& clock) : engine_(engine), clock_(clock) {
  // No ingest runs while a change is pending: none was let start.
  engine_.HoldIngests("", /*all=*/false).IgnoreError();
}

absl::StatusOr<v1::DatasetChange> DatasetChanges::Exclude(const v1::ChangeDatasetRequest& request) {
  return Run({"exclude", request.name(), request.request_id(), BodyDigest("exclude", request), request.validate_only(),
              false, [&](v1::DatasetChange& out) { return PlanExclude(engine_, request, clock_.Now(), out); }});
}

absl::StatusOr<v1::DatasetChange> DatasetChanges::Forget(const v1::ChangeDatasetRequest& request) {
  return Run({"forget", request.name(), request.request_id(), BodyDigest("forget", request), request.validate_only(),
              true, [&](v1::DatasetChange& out) { return PlanForget(engine_, request, clock_.Now(), out); }});
}

absl::StatusOr<v1::DatasetChange> DatasetChanges::Remove(const v1::RemoveDatasetRequest& request) {
  return Run({"remove", request.name(), request.request_id(), BodyDigest("remove", request), request.validate_only(),
              true, [&](v1::DatasetChange& out) { return PlanRemove(engine_, request, out); }});
}

absl::StatusOr<v1::DatasetChange> DatasetChanges::Replay(const StoreReader::RequestRecord& known, const Call& call) {
  if (known.body_digest != call.body_digest) return RequestIdReused(call.request_id, known);
  AMAES_ASSIGN_OR_RETURN(const DatasetChangeRecord change, engine_.store().GetDatasetChange(call.request_id));
  AMAES_ASSIGN_OR_RETURN(v1::DatasetChange result, ParseResult(change.result_json));
  result.set_replayed(true);
  return result;
}

absl::StatusOr<v1::DatasetChange> DatasetChanges::Run(const Call& call) {
  if (!call.validate_only) AMAES_RETURN_IF_ERROR(CheckRequestId(call.request_id));
  MutexLock lock(mutex_);
  AMAES_RETURN_IF_ERROR(FinishAll());
  if (!call.validate_only) {
    const absl::StatusOr<StoreReader::RequestRecord> known = engine_.store().GetRequest(call.request_id);
    if (known.ok()) return Replay(*known, call);
    if (!absl::IsNotFound(known.status())) return known.status();
    AMAES_RETURN_IF_ERROR(engine_.HoldIngests(call.dataset, call.all_ingests));
  }
  const absl::Cleanup release = [&] {
    if (!call.validate_only && !pending_) engine_.ReleaseIngests();
  };
  v1::DatasetChange result;
  AMAES_ASSIGN_OR_RETURN(const DatasetPlan plan, call.plan(result));
  if (call.validate_only) return result;
  AMAES_RETURN_IF_ERROR(CheckNotInUse(plan.dataset, {result.jobs_in_use().begin(), result.jobs_in_use().end()}));
  DatasetChangeRecord change{.request_id = call.request_id, .dataset = call.dataset, .kind = call.kind};
  change.plan_json = PlanJson(plan);
  change.result_json = ResultJson(result);
  change.created = clock_.Now();
  change.state = plan.nothing() ? State::kDone : State::kPlanned;
  const absl::Status planned = engine_.Commit([&](StoreTransaction& transaction) -> absl::Status {
    AMAES_RETURN_IF_ERROR(transaction.PutRequest(call.request_id, {call.body_digest, JobId()}));
    return transaction.PutDatasetChange(change);
  });
  if (!planned.ok()) return planned;
  FaultPoint("dataset_change_planned", {});
  if (plan.nothing()) return result;
  const absl::Status carried = Carry(change);
  if (!carried.ok() && ReasonOf(carried) != "VERSION_IN_USE") {
    // The intent is stored: ingests are held back until it is done.
    pending_ = true;
    return absl::UnavailableError(
        absl::StrCat("the change is stored but not finished yet, and will be tried again: ", carried.message()));
  }
  if (!carried.ok()) return carried;
  AMAES_ASSIGN_OR_RETURN(const DatasetChangeRecord done, engine_.store().GetDatasetChange(call.request_id));
  AMAES_ASSIGN_OR_RETURN(v1::DatasetChange stored, ParseResult(done.result_json));
  result.set_version(stored.version());
  return result;
}

absl::Status DatasetChanges::FinishPending() {
  if (!pending_) return absl::OkStatus();  // without waiting for a change under way
  MutexLock lock(mutex_);
  return FinishAll();
}

absl::Status DatasetChanges::FinishAll() {
  if (!pending_) return absl::OkStatus();
  AMAES_ASSIGN_OR_RETURN(const std::vector<DatasetChangeRecord> changes, engine_.store().PendingDatasetChanges());
  for (const DatasetChangeRecord& change : changes) {
    LogInfo("coordinator", "finishes a change of a dataset", {{"dataset", change.dataset}, {"kind", change.kind}});
    const absl::Status carried = Carry(change);
    if (!carried.ok() && ReasonOf(carried) != "VERSION_IN_USE") return carried;
  }
  pending_ = false;
  engine_.ReleaseIngests();
  return absl::OkStatus();
}

absl::Status DatasetChanges::Carry(DatasetChangeRecord change) {
  AMAES_ASSIGN_OR_RETURN(const DatasetPlan plan, ParsePlan(change.plan_json));
  if (change.state == State::kPlanned) AMAES_RETURN_IF_ERROR(Publish(plan, change));
  if (change.state == State::kPublished) {
    AMAES_RETURN_IF_ERROR(RemoveFiles(plan));
    FaultPoint("dataset_change_removed", {});
    change.state = State::kDone;
    AMAES_RETURN_IF_ERROR(
        engine_.Commit([&](StoreTransaction& transaction) { return transaction.PutDatasetChange(change); }));
  }
  return amaes::Remove(StagingOf(engine_, plan.dataset, change.request_id));
}

// The new version's folder is in its place; its record.
absl::StatusOr<DatasetRecord> DatasetChanges::PlaceVersion(const DatasetPlan& plan, const std::string& request_id) {
  const std::filesystem::path folder = engine_.DatasetFolder(plan.dataset, plan.base);
  AMAES_ASSIGN_OR_RETURN(const DatasetVersion base, ReadVersion(folder));
  AMAES_ASSIGN_OR_RETURN(const IngestReport report, ReadReport(folder));
  DatasetVersion next = WithoutExcluded(base, plan.exclusions);
  next.base = plan.base;
  const std::filesystem::path staging = StagingOf(engine_, plan.dataset, request_id);
  AMAES_RETURN_IF_ERROR(amaes::Remove(staging));
  AMAES_RETURN_IF_ERROR(files::MakeFolders(staging));
  AMAES_RETURN_IF_ERROR(
      WriteVersion(staging, next, ReportWithout(report, base, next, plan.reason, plan.kind == "forget")));
  // So that the next ingest need not read again what made no volume.
  AMAES_ASSIGN_OR_RETURN(auto unused, ReadUnused(folder));
  std::set<std::string> gone;
  for (const CatalogueEntry& entry : base.entries) gone.insert(entry.voxel_digest);
  for (const CatalogueEntry& entry : next.entries) gone.erase(entry.voxel_digest);
  std::erase_if(unused, [&](const auto& item) { return gone.contains(item.second.entry.voxel_digest); });
  AMAES_RETURN_IF_ERROR(WriteUnused(staging, unused));
  AMAES_ASSIGN_OR_RETURN(const Engine::PlacedVersion placed,
                         engine_.PlaceVersion(staging, plan.dataset, plan.digest, plan.base));
  DatasetRecord record = DescribeVersion(placed.version, placed.report);
  record.name = plan.dataset;
  record.version = placed.number;
  record.created = clock_.Now();
  record.made_by = plan.kind;
  return record;
}

absl::Status DatasetChanges::Publish(const DatasetPlan& plan, DatasetChangeRecord& change) {
  DatasetChangeRecord next = change;
  next.state = plan.retire.empty() ? State::kDone : State::kPublished;
  DatasetRecord made;
  if (plan.base > 0) {
    AMAES_ASSIGN_OR_RETURN(made, PlaceVersion(plan, change.request_id));
    AMAES_ASSIGN_OR_RETURN(v1::DatasetChange result, ParseResult(change.result_json));
    result.set_version(made.version);
    next.result_json = ResultJson(result);
  }
  FaultPoint("dataset_change_placed", {});
  std::vector<std::string> jobs;
  const absl::Status published = engine_.Commit([&](StoreTransaction& transaction) -> absl::Status {
    AMAES_ASSIGN_OR_RETURN(jobs, JobsInUse(transaction, plan.dataset, plan.retire));
    if (!jobs.empty()) return transaction.DropDatasetChange(change.request_id);
    if (plan.base > 0) AMAES_RETURN_IF_ERROR(transaction.PutDataset(made));
    for (const std::int64_t version : plan.retire) {
      AMAES_ASSIGN_OR_RETURN(DatasetRecord record, transaction.GetDataset(plan.dataset, version));
      record.retired = clock_.Now();
      AMAES_RETURN_IF_ERROR(transaction.PutDataset(record));
    }
    return transaction.PutDatasetChange(next);
  });
  if (!published.ok()) return published;
  if (!jobs.empty()) {
    // A job took one of the versions up in the last moment: all is as it was.
    if (plan.base > 0) AMAES_RETURN_IF_ERROR(amaes::Remove(engine_.DatasetFolder(made.name, made.version)));
    return CheckNotInUse(plan.dataset, jobs);
  }
  change = next;
  FaultPoint("dataset_change_published", {});
  LogInfo("coordinator", "dataset changed",
          {{"dataset", plan.dataset}, {"kind", plan.kind}, {"version", made.version}, {"retired", plan.retire.size()}});
  return absl::OkStatus();
}

absl::Status DatasetChanges::RemoveFiles(const DatasetPlan& plan) {
  engine_.catalogues().Clear();
  for (const std::int64_t version : plan.retire) {
    AMAES_RETURN_IF_ERROR(amaes::Remove(engine_.DatasetFolder(plan.dataset, version)));
    FaultPoint("dataset_catalogue_removed", {.step = version});
  }
  const std::filesystem::path volumes = engine_.options().home / "volumes";
  std::set<std::filesystem::path> folders;
  std::int64_t removed = 0;
  for (const std::string& volume : plan.remove) {
    std::filesystem::path path = VolumePath(volumes, volume);
    AMAES_RETURN_IF_ERROR(amaes::Remove(path));
    AMAES_RETURN_IF_ERROR(amaes::Remove(path.replace_extension(".json")));
    if (std::filesystem::exists(path.parent_path())) folders.insert(path.parent_path());
    FaultPoint("dataset_volume_removed", {.step = ++removed});
  }
  for (const std::filesystem::path& folder : folders) AMAES_RETURN_IF_ERROR(files::Sync(folder));
  return absl::OkStatus();
}

}  // namespace amaes
