// amaes.v1.AgentService: one stream per agent, between the wire and the engine.
#pragma once

#include "proto/amaes/v1/agents.grpc.pb.h"
#include "services/coordinator/engine.h"

namespace amaes {

// Attach is a reactor, since commands are sent from whatever thread the engine is in and a stream may end at any time.
class AgentServiceImpl final : public v1::AgentService::WithCallbackMethod_Attach<v1::AgentService::Service> {
 public:
  explicit AgentServiceImpl(Engine& engine) : engine_(engine) {}
  grpc::ServerBidiReactor<v1::AgentMessage, v1::AgentCommand>* Attach(grpc::CallbackServerContext*) override;

 private:
  Engine& engine_;
};

}  // namespace amaes
