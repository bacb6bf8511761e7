// The explicit table of communicators.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "libs/collective/communicator.h"

namespace amaes {

// W communicators that meet in this process; used by tests, one thread per rank. Buffers on the host, unless world_size
// is 1. Sums in rank order: deterministic.
std::vector<std::unique_ptr<Communicator>> MakeLocalCommunicators(int world_size, absl::Duration collective_timeout);

// World size 1: every collective is the identity and touches no buffer, so that they may lie on a GPU.
std::unique_ptr<Communicator> MakeSingleCommunicator();

// Opens the module libamaes_gloo.so (in $AMAES_MODULE_DIR if that is set, else beside the program, else in ../lib) and
// meets the other ranks through `store`, which must outlive the call only. A thread of its own runs the collectives, so
// they overlap with what the caller computes.
//   - InvalidArgument: bad options.   - NotFound: no module.   - FailedPrecondition: the module does not load.
//   - DeadlineExceeded: not all ranks came within start_timeout.   - Unavailable: connection failed.
//   - Errors of the store.
absl::StatusOr<std::unique_ptr<Communicator>> MakeGlooCommunicator(const CommunicatorOptions& options,
                                                                   RendezvousStore& store);

// Opens the module libamaes_cuda.so, found likewise, and meets the other ranks on GPU options.device_index. Collectives
// run on a stream of their own, after what is on LibTorch's current stream of the calling thread when they are started.
// Destroy it before LibTorch's GPU memory goes; after an error leave the process with _exit.
//   - InvalidArgument: bad options.   - NotFound: no module: this build has no GPU part.
//   - FailedPrecondition: no such GPU, no NCCL, or the module does not load.
//   - DeadlineExceeded: not all ranks came within start_timeout.   - Unavailable: connection failed.
//   - Errors of the store.
absl::StatusOr<std::unique_ptr<Communicator>> MakeNcclCommunicator(const CommunicatorOptions& options,
                                                                   RendezvousStore& store);

}  // namespace amaes
