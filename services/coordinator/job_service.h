// amaes.v1.JobService on the engine.
#pragma once

#include "proto/amaes/v1/jobs.grpc.pb.h"
#include "services/coordinator/engine.h"

namespace amaes {

class JobServiceImpl final : public v1::JobService::Service {
 public:
  explicit JobServiceImpl(Engine& engine) : engine_(engine) {}

  grpc::Status CreateJob(grpc::ServerContext*, const v1::CreateJobRequest* request,
                         v1::CreateJobResponse* out) override;
  grpc::Status GetJob(grpc::ServerContext*, const v1::GetJobRequest* request, v1::Job* out) override;
  grpc::Status ListJobs(grpc::ServerContext*, const v1::ListJobsRequest* request, v1::ListJobsResponse* out) override;
  grpc::Status WatchJob(grpc::ServerContext* context, const v1::GetJobRequest* request,
                        grpc::ServerWriter<v1::Job>* writer) override;
  grpc::Status CancelJob(grpc::ServerContext*, const v1::CancelJobRequest* request, v1::Job* out) override;
  grpc::Status GetShardPlan(grpc::ServerContext*, const v1::GetShardPlanRequest* request, v1::ShardPlan* out) override;
  grpc::Status AuditJob(grpc::ServerContext*, const v1::AuditJobRequest* request, v1::AuditReport* out) override;
  grpc::Status ReadReport(grpc::ServerContext*, const v1::ReadReportRequest* request,
                          grpc::ServerWriter<v1::ReportPiece>* writer) override;
  grpc::Status ListJobEvents(grpc::ServerContext*, const v1::ListJobEventsRequest* request,
                             v1::ListJobEventsResponse* out) override;
  grpc::Status ListJobPictures(grpc::ServerContext*, const v1::ListJobPicturesRequest* request,
                               v1::ListJobPicturesResponse* out) override;
  grpc::Status ReadJobPicture(grpc::ServerContext*, const v1::ReadJobPictureRequest* request,
                              grpc::ServerWriter<v1::FileChunk>* writer) override;

 private:
  v1::Job Show(const JobView& view);
  absl::Status List(const v1::ListJobsRequest& request, v1::ListJobsResponse* out);
  absl::Status SendReport(const v1::ReadReportRequest& request, grpc::ServerWriter<v1::ReportPiece>& writer);
  absl::Status Plan(const v1::GetShardPlanRequest& request, v1::ShardPlan* out);
  absl::Status ListEvents(const v1::ListJobEventsRequest& request, v1::ListJobEventsResponse* out);
  absl::Status Pictures(const v1::ListJobPicturesRequest& request, v1::ListJobPicturesResponse* out);
  absl::Status Read(const v1::ReadJobPictureRequest& request, grpc::ServerWriter<v1::FileChunk>* writer);

  Engine& engine_;
};

}  // namespace amaes
