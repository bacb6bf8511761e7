// The attempt's key-value table, reached through the agent.
#pragma once

#include <string>

#include "libs/collective/communicator.h"
#include "libs/worker_protocol/channel.h"

namespace amaes {

class AgentStore final : public RendezvousStore {
 public:
  explicit AgentStore(AgentLink& link) : link_(link) {}
  absl::Status Set(const std::string& key, const std::string& value) override { return link_.Set(key, value); }
  absl::StatusOr<std::string> Wait(const std::string& key, absl::Duration timeout) override {
    return link_.Wait(key, timeout);
  }

 private:
  AgentLink& link_;
};

}  // namespace amaes
