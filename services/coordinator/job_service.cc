#include "services/coordinator/job_service.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/digest.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/checkpoint/init_plan.h"
#include "libs/rpc/convert.h"
#include "libs/rpc/errors.h"
#include "libs/rpc/paging.h"
#include "libs/spec/fields.h"
#include "services/coordinator/job_audit.h"
#include "services/coordinator/job_pictures.h"
#include "services/coordinator/job_view.h"
#include "services/coordinator/shard_plan.h"

namespace amaes {
namespace {

// At most five times a second.
constexpr absl::Duration kWatchPeriod = absl::Milliseconds(200);
constexpr std::size_t kChunkBytes = std::size_t{1} << 20;

}  // namespace

v1::Job JobServiceImpl::Show(const JobView& view) { return ToProto(view, engine_.JobFolder(view.record.id)); }

grpc::Status JobServiceImpl::CreateJob(grpc::ServerContext*, const v1::CreateJobRequest* request,
                                       v1::CreateJobResponse* out) {
  const absl::StatusOr<CreateResult> result =
      engine_.CreateJob({ToJobSpec(request->spec()), request->request_id(), request->validate_only()});
  if (!result.ok()) return ToGrpcStatus(result.status());
  *out->mutable_job() = Show(result->job);
  *out->mutable_job()->mutable_estimate() = ToProto(result->estimate);
  if (request->validate_only()) {
    out->mutable_job()->clear_state();
    out->mutable_job()->clear_folder();
  }
  out->set_replayed(result->replayed);
  return grpc::Status::OK;
}

grpc::Status JobServiceImpl::GetJob(grpc::ServerContext*, const v1::GetJobRequest* request, v1::Job* out) {
  const absl::StatusOr<JobView> view = engine_.GetJob(request->id());
  if (view.ok()) {
    *out = Show(*view);
    const absl::StatusOr<std::string> report = files::Read(engine_.JobFolder(view->record.id) / kInitReport);
    for (std::string& line : InitReportLines(report.value_or(""))) out->add_initialisation(std::move(line));
  }
  return ToGrpcStatus(view.status());
}

grpc::Status JobServiceImpl::ListJobs(grpc::ServerContext*, const v1::ListJobsRequest* request,
                                      v1::ListJobsResponse* out) {
  return ToGrpcStatus(List(*request, out));
}

absl::Status JobServiceImpl::List(const v1::ListJobsRequest& request, v1::ListJobsResponse* out) {
  AMAES_ASSIGN_OR_RETURN(const Filter filter, ParseFilter(request.filter(), {"state", "kind", "name"}));
  StoreReader::JobFilter wanted;
  for (const auto& [key, value] : filter) {
    if (key == "name") wanted.name = value;
    if (key == "kind") {
      const std::vector<std::string>& kinds = SpecFields().front().choices;
      if (std::find(kinds.begin(), kinds.end(), value) == kinds.end()) {
        return BadFilterValue(key, value, absl::StrJoin(kinds, ", "));
      }
      wanted.kind = value;
    }
    if (key == "state") {
      const absl::StatusOr<JobState> state = ParseJobState(value);
      if (!state.ok()) return BadFilterValue(key, value, std::string(state.status().message()));
      wanted.state = *state;
    }
  }
  const std::string scope = absl::StrCat("jobs ", request.filter());
  AMAES_ASSIGN_OR_RETURN(const PageRequest page, ParsePage(request.page_size(), request.page_token(), scope));
  AMAES_ASSIGN_OR_RETURN(const Page<JobRecord> found, engine_.store().ListJobs(wanted, page.page_size, page.cursor));
  for (const JobRecord& record : found.records) {
    AMAES_ASSIGN_OR_RETURN(const JobView view, engine_.View(record));
    *out->add_jobs() = Show(view);
  }
  out->set_next_page_token(MakePageToken(found.next_cursor, scope));
  return absl::OkStatus();
}

grpc::Status JobServiceImpl::WatchJob(grpc::ServerContext* context, const v1::GetJobRequest* request,
                                      grpc::ServerWriter<v1::Job>* writer) {
  absl::StatusOr<JobView> view = engine_.GetJob(request->id());
  while (view.ok()) {
    const absl::Duration sent = SystemClock().Monotonic();
    if (!writer->Write(Show(*view))) return grpc::Status::CANCELLED;
    if (IsTerminal(view->record.state)) return grpc::Status::OK;
    while (true) {
      if (context->IsCancelled()) return grpc::Status::CANCELLED;
      if (engine_.stopped()) return ToGrpcStatus(absl::UnavailableError("the coordinator is stopping"));
      const bool changed = engine_.WaitForChange(view->record.id, view->change, kWatchPeriod);
      if (changed && SystemClock().Monotonic() - sent >= kWatchPeriod) break;
      // Changed too soon after the last message: wait for the rest of the period.
      if (changed) engine_.WaitForStop(kWatchPeriod - (SystemClock().Monotonic() - sent));
    }
    view = engine_.GetJob(view->record.id.value);
  }
  return ToGrpcStatus(view.status());
}

grpc::Status JobServiceImpl::CancelJob(grpc::ServerContext*, const v1::CancelJobRequest* request, v1::Job* out) {
  const absl::StatusOr<JobView> view = engine_.CancelJob(request->id());
  if (view.ok()) *out = Show(*view);
  return ToGrpcStatus(view.status());
}

grpc::Status JobServiceImpl::GetShardPlan(grpc::ServerContext*, const v1::GetShardPlanRequest* request,
                                          v1::ShardPlan* out) {
  return ToGrpcStatus(Plan(*request, out));
}

absl::Status JobServiceImpl::Plan(const v1::GetShardPlanRequest& request, v1::ShardPlan* out) {
  AMAES_ASSIGN_OR_RETURN(const JobView view, engine_.GetJob(request.id()));
  AMAES_RETURN_IF_ERROR(CheckTrainingJob(view));
  std::vector<SlotRef> ranks;
  if (view.record.attempt > 0) {
    AMAES_ASSIGN_OR_RETURN(const AttemptRecord attempt,
                           engine_.store().GetAttempt(view.record.id, view.record.attempt));
    ranks = attempt.ranks;
  }
  AMAES_ASSIGN_OR_RETURN(const JobData data, DataOf(engine_, view));
  *out = MakeShardPlan(view.spec, view.progress.training.step, view.record.attempt, ranks, *data.version,
                       data.selection, data.entries);
  return absl::OkStatus();
}

grpc::Status JobServiceImpl::AuditJob(grpc::ServerContext*, const v1::AuditJobRequest* request, v1::AuditReport* out) {
  const absl::StatusOr<JobView> view = engine_.GetJob(request->id());
  if (!view.ok()) return ToGrpcStatus(view.status());
  const absl::StatusOr<AuditReport> report = AuditJobOf(engine_, *view);
  if (report.ok()) *out = ToProto(*report);
  return ToGrpcStatus(report.status());
}

grpc::Status JobServiceImpl::ListJobEvents(grpc::ServerContext*, const v1::ListJobEventsRequest* request,
                                           v1::ListJobEventsResponse* out) {
  return ToGrpcStatus(ListEvents(*request, out));
}

absl::Status JobServiceImpl::ListEvents(const v1::ListJobEventsRequest& request, v1::ListJobEventsResponse* out) {
  AMAES_ASSIGN_OR_RETURN(const JobView view, engine_.GetJob(request.id()));
  const JobId& id = view.record.id;
  const std::string scope = absl::StrCat("events ", id.value);
  AMAES_ASSIGN_OR_RETURN(const PageRequest page, ParsePage(request.page_size(), request.page_token(), scope));
  AMAES_ASSIGN_OR_RETURN(const Page<EventRecord> found, engine_.store().ListEvents(id, page.page_size, page.cursor));
  for (const EventRecord& record : found.records) *out->add_events() = ToProto(record);
  out->set_next_page_token(MakePageToken(found.next_cursor, scope));
  return absl::OkStatus();
}

grpc::Status JobServiceImpl::ListJobPictures(grpc::ServerContext*, const v1::ListJobPicturesRequest* request,
                                             v1::ListJobPicturesResponse* out) {
  return ToGrpcStatus(Pictures(*request, out));
}

absl::Status JobServiceImpl::Pictures(const v1::ListJobPicturesRequest& request, v1::ListJobPicturesResponse* out) {
  AMAES_ASSIGN_OR_RETURN(const JobView view, engine_.GetJob(request.id()));
  const JobId& id = view.record.id;
  const std::string scope = absl::StrCat("pictures ", id.value);
  AMAES_ASSIGN_OR_RETURN(const PageRequest page, ParsePage(request.page_size(), request.page_token(), scope));
  // After a picture, not a count: one that was thinned out meanwhile does not shift the pages.
  for (const JobPicture& picture : ListPictures(engine_.JobFolder(id), page.cursor)) {
    if (out->pictures_size() == page.page_size) {
      out->set_next_page_token(MakePageToken(out->pictures().rbegin()->name(), scope));
      break;
    }
    v1::JobPicture* added = out->add_pictures();
    added->set_name(picture.name);
    added->set_step(picture.step);
    added->set_split(picture.split);
    added->set_size(picture.size);
  }
  return absl::OkStatus();
}

grpc::Status JobServiceImpl::ReadJobPicture(grpc::ServerContext*, const v1::ReadJobPictureRequest* request,
                                            grpc::ServerWriter<v1::FileChunk>* writer) {
  return ToGrpcStatus(Read(*request, writer));
}

absl::Status JobServiceImpl::Read(const v1::ReadJobPictureRequest& request, grpc::ServerWriter<v1::FileChunk>* writer) {
  AMAES_ASSIGN_OR_RETURN(const JobView view, engine_.GetJob(request.id()));
  AMAES_ASSIGN_OR_RETURN(const std::string png, ReadPicture(engine_.JobFolder(view.record.id), request.name()));
  for (std::size_t offset = 0; offset < png.size(); offset += kChunkBytes) {
    v1::FileChunk chunk;
    chunk.set_data(png.substr(offset, kChunkBytes));
    chunk.set_offset(static_cast<std::int64_t>(offset));
    chunk.set_crc32c(Crc32c(chunk.data().data(), chunk.data().size()));
    if (!writer->Write(chunk)) return absl::CancelledError("the client went away");
  }
  return absl::OkStatus();
}

}  // namespace amaes
