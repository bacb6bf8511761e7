// amaes.v1.DatasetService on the store and the dataset folders.
#pragma once

#include "proto/amaes/v1/datasets.grpc.pb.h"
#include "services/coordinator/dataset_changes.h"
#include "services/coordinator/engine.h"

namespace amaes {

class DatasetServiceImpl final : public v1::DatasetService::Service {
 public:
  DatasetServiceImpl(Engine& engine, DatasetChanges& changes) : engine_(engine), changes_(changes) {}

  grpc::Status GetDatasetVersion(grpc::ServerContext*, const v1::GetDatasetVersionRequest* request,
                                 v1::DatasetVersion* out) override;
  grpc::Status ListDatasetVersions(grpc::ServerContext*, const v1::ListDatasetVersionsRequest* request,
                                   v1::ListDatasetVersionsResponse* out) override;
  grpc::Status ListVolumes(grpc::ServerContext*, const v1::ListVolumesRequest* request,
                           v1::ListVolumesResponse* out) override;
  grpc::Status GetIngestReport(grpc::ServerContext*, const v1::GetDatasetVersionRequest* request,
                               v1::IngestReport* out) override;
  grpc::Status VerifyDataset(grpc::ServerContext* context, const v1::VerifyDatasetRequest* request,
                             grpc::ServerWriter<v1::VerifyDatasetUpdate>* writer) override;
  grpc::Status ExcludeVolumes(grpc::ServerContext*, const v1::ChangeDatasetRequest* request,
                              v1::DatasetChange* out) override;
  grpc::Status ForgetVolumes(grpc::ServerContext*, const v1::ChangeDatasetRequest* request,
                             v1::DatasetChange* out) override;
  grpc::Status RemoveDataset(grpc::ServerContext*, const v1::RemoveDatasetRequest* request,
                             v1::DatasetChange* out) override;
  grpc::Status GetDatasetReport(grpc::ServerContext*, const v1::GetDatasetVersionRequest* request,
                                v1::DatasetReport* out) override;
  grpc::Status ReadContactSheet(grpc::ServerContext* context, const v1::GetDatasetVersionRequest* request,
                                grpc::ServerWriter<v1::ContactSheetRow>* writer) override;

 private:
  v1::DatasetVersion Show(const DatasetRecord& record);
  absl::Status ListVersions(const v1::ListDatasetVersionsRequest& request, v1::ListDatasetVersionsResponse* out);
  absl::Status Volumes(const v1::ListVolumesRequest& request, v1::ListVolumesResponse* out);
  absl::Status Report(const v1::GetDatasetVersionRequest& request, v1::IngestReport* out);
  // dataset_verify_rpc.cc
  absl::Status Verify(grpc::ServerContext& context, const v1::VerifyDatasetRequest& request,
                      grpc::ServerWriter<v1::VerifyDatasetUpdate>& writer);
  // dataset_report_rpc.cc
  absl::Status Count(const v1::GetDatasetVersionRequest& request, v1::DatasetReport* out);
  absl::Status Sheet(grpc::ServerContext& context, const v1::GetDatasetVersionRequest& request,
                     grpc::ServerWriter<v1::ContactSheetRow>& writer);

  Engine& engine_;
  DatasetChanges& changes_;
};

}  // namespace amaes
