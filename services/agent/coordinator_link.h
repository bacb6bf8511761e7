// The agent's connection: dials, attaches, dials again. All gRPC of the agent is here.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "proto/amaes/v1/agents.pb.h"

namespace amaes {

class CoordinatorLink {
 public:
  // Called from the link's threads; must not block.
  struct Callbacks {
    // A stream is open: what to say first.
    std::function<v1::AgentMessage()> on_connected;
    std::function<void(v1::AgentCommand)> on_command;
    // The stream ended. Aborted: another agent took this node over, stop for good. Otherwise the link dials again.
    std::function<void(const absl::Status&)> on_disconnected;
  };
  static std::unique_ptr<CoordinatorLink> Create(const std::string& address, Callbacks callbacks);
  virtual ~CoordinatorLink() = default;  // closes the stream in order and joins

  // Never blocks. Dropped while there is no stream and before Resume; lost with a stream that breaks.
  virtual void Send(v1::AgentMessage message) = 0;
  // From now on Send goes to the stream there is. To be called on every new stream, before what was kept is sent again:
  // anything sent earlier would overtake it.
  virtual void Resume() = 0;
};

}  // namespace amaes
