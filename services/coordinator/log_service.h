// amaes.v1.LogService on the log files.
#pragma once

#include "proto/amaes/v1/logs.grpc.pb.h"
#include "services/coordinator/engine.h"
#include "services/coordinator/log_reader.h"

namespace amaes {

class LogServiceImpl final : public v1::LogService::Service {
 public:
  explicit LogServiceImpl(Engine& engine) : engine_(engine) {}
  grpc::Status ReadLogs(grpc::ServerContext* context, const v1::ReadLogsRequest* request,
                        grpc::ServerWriter<v1::LogLine>* writer) override;

 private:
  absl::StatusOr<LogCursor> Begin(const v1::ReadLogsRequest& request, const JobView& job, const LogReader& reader);
  absl::Status Read(grpc::ServerContext* context, const v1::ReadLogsRequest& request,
                    grpc::ServerWriter<v1::LogLine>* writer);

  Engine& engine_;
};

}  // namespace amaes
