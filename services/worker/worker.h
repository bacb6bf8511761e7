// A training process on one slot: takes its orders from the agent over the inherited socket, trains, reports.
#pragma once

#include "libs/base/clock.h"
#include "libs/worker_protocol/channel.h"

namespace amaes {

// What the process ends with. A report was sent before, except for 2 and 4.
inline constexpr int kExitFinished = 0;   // all steps done, or stopped on command with a checkpoint
inline constexpr int kExitFailed = 1;     // another attempt would fail the same way
inline constexpr int kExitUsage = 2;      // not started by an agent
inline constexpr int kExitRetryable = 3;  // failed, e.g. a peer was lost: another attempt may succeed
inline constexpr int kExitAgentGone = 4;  // nobody owns this process any more

// Waits for the agent's order and carries it out. Returns one of the above.
int RunWorker(AgentLink& link, Clock& clock);

}  // namespace amaes
