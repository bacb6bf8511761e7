// What the NCCL communicator needs of NCCL and the CUDA runtime, as a table of functions without their types: so its
// logic builds everywhere, and tests run it against a stand-in. The real table is filled in cuda/nccl_loader.cc.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/collective/communicator.h"

namespace amaes {

using NcclId = std::array<char, 128>;
using NcclComm = void*;
using GpuStream = void*;
using GpuEvent = void*;

// A table is for one device. Errors: Unavailable for what a lost peer or the network can cause, else Internal.
// Every function may be called from any thread that called enter_thread; none blocks for long but `abort`.
struct NcclApi {
  // Makes the table's device the current one of the calling thread.
  std::function<absl::Status()> enter_thread;

  std::function<absl::StatusOr<NcclId>()> make_id;
  // Begins to join the other ranks. `ready` says when all are there.
  std::function<absl::StatusOr<NcclComm>(int world_size, const NcclId& id, int rank)> init;
  // False while the last call on `comm` is still in progress; an error if any operation on it failed.
  std::function<absl::StatusOr<bool>(NcclComm comm)> ready;
  // These two put work on `stream`, which is there once `ready` says so. In place.
  std::function<absl::Status(NcclComm comm, const Buffer& buffer, GpuStream stream)> all_reduce_sum;
  std::function<absl::Status(NcclComm comm, const Buffer& buffer, int root, GpuStream stream)> broadcast;
  // The orderly end: finalize, `ready`, destroy.
  std::function<absl::Status(NcclComm comm)> finalize;
  std::function<absl::Status(NcclComm comm)> destroy;
  // The end after an error. Ends kernels that wait for peers. May block for ever.
  std::function<absl::Status(NcclComm comm)> abort;

  // The stream that the calling thread's GPU work goes to now.
  std::function<GpuStream()> compute_stream;
  std::function<absl::StatusOr<GpuStream>()> make_stream;
  std::function<void(GpuStream stream)> free_stream;
  std::function<absl::StatusOr<GpuEvent>()> make_event;
  std::function<void(GpuEvent event)> free_event;
  // `event` is done when all that is on `stream` now is done.
  std::function<absl::Status(GpuEvent event, GpuStream stream)> record;
  // What is put on `stream` from now on waits for `event`.
  std::function<absl::Status(GpuStream stream, GpuEvent event)> wait_for;
  std::function<absl::StatusOr<bool>(GpuEvent event)> done;
};

}  // namespace amaes
