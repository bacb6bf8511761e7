// The explicit table of communicators.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "libs/collective/communicator.h"

namespace amaes {

// W communicators that meet in this process; used by tests, one thread per rank. Sums in rank order: deterministic.
std::vector<std::unique_ptr<Communicator>> MakeLocalCommunicators(int world_size, absl::Duration collective_timeout);

// World size 1: every collective is the identity.
std::unique_ptr<Communicator> MakeSingleCommunicator();

// Opens the module libamaes_gloo.so (beside the program, or in $AMAES_MODULE_DIR) and meets the other ranks through
// `store`, which must outlive the call only.
//   - NotFound: no module.   - DeadlineExceeded: not all ranks came within start_timeout.   - Unavailable: connection failed.
absl::StatusOr<std::unique_ptr<Communicator>> MakeGlooCommunicator(const CommunicatorOptions& options, RendezvousStore& store);

}  // namespace amaes
