// amaes.v1.NodeService on the engine.
#pragma once

#include "proto/amaes/v1/nodes.grpc.pb.h"
#include "services/coordinator/engine.h"

namespace amaes {

class NodeServiceImpl final : public v1::NodeService::Service {
 public:
  explicit NodeServiceImpl(Engine& engine) : engine_(engine) {}
  grpc::Status ListNodes(grpc::ServerContext*, const v1::ListNodesRequest*, v1::ListNodesResponse* out) override;

 private:
  Engine& engine_;
};

}  // namespace amaes
