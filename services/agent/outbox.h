// Messages that the coordinator must not miss: kept until it says that they are durable, sent again after every reconnect.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>

#include "proto/amaes/v1/agents.pb.h"

namespace amaes {

// Not thread-safe.
class Outbox {
 public:
  // Numbers the message and keeps it.
  const v1::AgentMessage& Add(v1::AgentMessage message) {
    const std::int64_t sequence = ++last_;
    if (message.has_report()) message.mutable_report()->set_sequence(sequence);
    if (message.has_exit()) message.mutable_exit()->set_sequence(sequence);
    return kept_.emplace_back(sequence, std::move(message)).second;
  }
  // Forgets everything up to `sequence`.
  void Acknowledge(std::int64_t sequence) {
    while (!kept_.empty() && kept_.front().first <= sequence) kept_.pop_front();
  }
  const std::deque<std::pair<std::int64_t, v1::AgentMessage>>& kept() const { return kept_; }

 private:
  std::int64_t last_ = 0;
  std::deque<std::pair<std::int64_t, v1::AgentMessage>> kept_;
};

}  // namespace amaes
