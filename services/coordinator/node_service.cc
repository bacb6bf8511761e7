#include "services/coordinator/node_service.h"

#include "libs/rpc/convert.h"

namespace amaes {

grpc::Status NodeServiceImpl::ListNodes(grpc::ServerContext*, const v1::ListNodesRequest*, v1::ListNodesResponse* out) {
  for (const NodeState& node : engine_.Nodes()) *out->add_nodes() = ToProto(node);
  return grpc::Status::OK;
}

}  // namespace amaes
