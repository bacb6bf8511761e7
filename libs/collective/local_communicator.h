// Communicators that meet in this process, one thread per rank. No thread of their own: the rank that comes last to a
// collective does its work for all.
#pragma once

#include <memory>
#include <string>

#include "libs/collective/communicator.h"

namespace amaes {

class LocalGroup;

class LocalCommunicator final : public Communicator {
 public:
  LocalCommunicator(std::shared_ptr<LocalGroup> group, int rank);
  // Leaves the group: what its peers still wait for fails with Unavailable.
  ~LocalCommunicator() override;

  int rank() const override { return rank_; }
  int world_size() const override;
  absl::StatusOr<Ticket> StartAllReduceSum(Buffer buffer) override;
  absl::Status Wait(Ticket ticket) override;
  absl::Status Synchronize() override;
  absl::Status Broadcast(Buffer buffer, int root) override;
  void Abort(absl::string_view reason) override;

 private:
  const std::shared_ptr<LocalGroup> group_;
  const int rank_;
};

}  // namespace amaes
