// amaes.v1.DatasetService on the store and the dataset folders.
#pragma once

#include "proto/amaes/v1/datasets.grpc.pb.h"
#include "services/coordinator/engine.h"

namespace amaes {

class DatasetServiceImpl final : public v1::DatasetService::Service {
 public:
  explicit DatasetServiceImpl(Engine& engine) : engine_(engine) {}

  grpc::Status GetDatasetVersion(grpc::ServerContext*, const v1::GetDatasetVersionRequest* request,
                                 v1::DatasetVersion* out) override;
  grpc::Status ListDatasetVersions(grpc::ServerContext*, const v1::ListDatasetVersionsRequest* request,
                                   v1::ListDatasetVersionsResponse* out) override;
  grpc::Status ListVolumes(grpc::ServerContext*, const v1::ListVolumesRequest* request,
                           v1::ListVolumesResponse* out) override;
  grpc::Status GetIngestReport(grpc::ServerContext*, const v1::GetDatasetVersionRequest* request,
                               v1::IngestReport* out) override;

 private:
  absl::StatusOr<DatasetRecord> Find(const std::string& name, std::int64_t version);
  v1::DatasetVersion Show(const DatasetRecord& record);
  absl::Status ListVersions(const v1::ListDatasetVersionsRequest& request, v1::ListDatasetVersionsResponse* out);
  absl::Status Volumes(const v1::ListVolumesRequest& request, v1::ListVolumesResponse* out);
  absl::Status Report(const v1::GetDatasetVersionRequest& request, v1::IngestReport* out);

  Engine& engine_;
};

}  // namespace amaes
