// TCP connections between all ranks, through Gloo's transport; and the collectives over them. Only in the Gloo module.
//
// Of Gloo only the transport is used, not its algorithms: they sum in ring order, which differs by position and world
// size, and cannot be interrupted. Here rank r sums the r-th part of a buffer in rank order and sends it to all.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gloo/transport/context.h"
#include "gloo/transport/device.h"
#include "gloo/transport/unbound_buffer.h"
#include "libs/base/mutex.h"
#include "libs/collective/communicator.h"

namespace amaes {

// One thread calls the collectives; Abort may be called from any thread.
class GlooMesh {
 public:
  // Errors as MakeGlooCommunicator.
  static absl::StatusOr<std::unique_ptr<GlooMesh>> Connect(const CommunicatorOptions& options, RendezvousStore& store);

  // `sequence` numbers the collectives, equally on all ranks. Errors as Communicator::Wait.
  absl::Status AllReduceSum(const Buffer& buffer, std::uint64_t sequence);
  absl::Status Broadcast(const Buffer& buffer, int root, std::uint64_t sequence);

  // Ends the collective in progress and every later one, and closes the connections, so that the peers notice.
  void Abort();

 private:
  class Exchange;

  explicit GlooMesh(const CommunicatorOptions& options) : options_(options) {}
  absl::Status Meet(absl::Duration timeout);
  void AllReduceParts(const Buffer& buffer, std::uint64_t sequence, Exchange& exchange);

  const CommunicatorOptions options_;
  std::shared_ptr<gloo::transport::Device> device_;
  std::shared_ptr<gloo::transport::Context> context_;
  std::vector<char> scratch_;  // the peers' summands; grows to the largest buffer

  Mutex mutex_;
  bool aborted_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<gloo::transport::UnboundBuffer*> in_flight_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace amaes
