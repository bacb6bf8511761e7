// The daemon of a node: registers its slots, starts workers, forwards what they say, reports how they end, ends them on
// command. Survives a coordinator restart; no worker survives it.
#pragma once

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/scheduler/node_table.h"

namespace amaes {

struct AgentOptions {
  NodeInfo node;                              // with a fresh incarnation
  std::string coordinator;                    // HOST:PORT
  std::vector<std::string> pretrain_command;  // amaes-worker
  std::vector<std::string> ingest_command;    // amaes ingest-worker
  int cores_per_slot = 1;
  absl::Duration orderly_stop = absl::Seconds(15);  // after the stop message, before SIGTERM
  absl::Duration term_grace = absl::Seconds(5);     // after SIGTERM, before SIGKILL
};

// Runs until `stop` turns true (then: no new workers, an orderly stop of those there are, their last reports delivered) or
// another agent takes the node over. Call from the main thread: workers die with the thread that started them.
//   - Aborted: the node was taken over.
absl::Status RunAgent(const AgentOptions& options, Clock& clock, const std::atomic<bool>& stop);

}  // namespace amaes
