// amaes.v1.CheckpointService on the store and the checkpoint folders.
#pragma once

#include "proto/amaes/v1/checkpoints.grpc.pb.h"
#include "services/coordinator/engine.h"

namespace amaes {

class CheckpointServiceImpl final : public v1::CheckpointService::Service {
 public:
  explicit CheckpointServiceImpl(Engine& engine) : engine_(engine) {}

  grpc::Status GetCheckpoint(grpc::ServerContext*, const v1::GetCheckpointRequest* request,
                             v1::Checkpoint* out) override;
  grpc::Status ListCheckpoints(grpc::ServerContext*, const v1::ListCheckpointsRequest* request,
                               v1::ListCheckpointsResponse* out) override;
  grpc::Status ReadCheckpointFile(grpc::ServerContext*, const v1::ReadCheckpointFileRequest* request,
                                  grpc::ServerWriter<v1::FileChunk>* writer) override;

 private:
  std::filesystem::path Folder(const CheckpointRecord& record) const;
  // `name` empty: the newest committed one.   - NotFound, JOB_NOT_FOUND, CHECKPOINT_NOT_FOUND.
  absl::StatusOr<CheckpointRecord> Find(const std::string& job, const std::string& name);
  absl::StatusOr<std::string> BestOf(const std::string& job);
  absl::Status Get(const v1::GetCheckpointRequest& request, v1::Checkpoint* out);
  absl::Status List(const v1::ListCheckpointsRequest& request, v1::ListCheckpointsResponse* out);
  absl::Status Read(const v1::ReadCheckpointFileRequest& request, grpc::ServerWriter<v1::FileChunk>* writer);

  Engine& engine_;
};

}  // namespace amaes
