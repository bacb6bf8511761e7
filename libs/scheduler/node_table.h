// The nodes, their slots and their heartbeats. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/base/ids.h"
#include "libs/scheduler/placement.h"

namespace amaes {

struct SlotInfo {
  int index = 0;
  bool gpu = false;
  std::string model{}, gpu_uuid{};
  std::int64_t memory_bytes = 0;
};
struct NodeInfo {
  NodeId node{};
  Incarnation incarnation{};
  std::string address{}, version{};
  int cores = 0;
  std::int64_t memory_bytes = 0;
  std::vector<SlotInfo> slots{};
};
struct SlotUse {
  JobId job{};
  AttemptNumber attempt = 0;
  int rank = 0;
  bool operator==(const SlotUse&) const = default;
};
struct NodeState {
  NodeInfo info{};
  bool ready = false;               // takes part in placement; false: lost, or expected
  bool expected = false;            // known from the store only; its agent may still come
  absl::Duration last_heartbeat{};  // Clock::Monotonic
  absl::Time last_heartbeat_time{};
  std::map<int, SlotUse> used{};  // by slot index
};

class NodeTable {
 public:
  // `lost_after`: a node that is silent for longer is lost.
  explicit NodeTable(absl::Duration lost_after = absl::Seconds(10)) : lost_after_(lost_after) {}

  // A new or returning agent. An older incarnation of the same node is replaced; slots that are in use stay so.
  //   - InvalidArgument: no name, no slot, or two slots with one index.
  absl::Status Register(const NodeInfo& info, absl::Duration now, absl::Time wall);
  // - NotFound: never registered, or lost since: what it holds may be given away, so it must register again.
  // - Aborted: another incarnation is registered; this one must end.
  absl::Status Heartbeat(const NodeId& node, const Incarnation& incarnation, absl::Duration now, absl::Time wall);
  // Marks nodes that are silent for too long as lost; returns those that became so, by name. A node whose stream
  // ended stays ready until then: it may come back.
  std::vector<NodeId> ExpireSilent(absl::Duration now);

  // A node that is known from the store only, before its agent came back: holds slots, lost when it does not come in
  // time. Does nothing if it is registered.
  void Expect(const NodeId& node, absl::Duration now, absl::Time wall);
  // The node is known, and the slot is free or has this very use: anything else is our own mistake and ends the
  // program.
  void Occupy(const NodeId& node, int slot, const SlotUse& use);
  // Frees every slot of this (job, attempt).
  void Release(const JobId& job, AttemptNumber attempt);
  // Frees the slot of one rank.
  void Release(const JobId& job, AttemptNumber attempt, int rank);

  std::vector<NodeView> Views() const;
  const std::map<NodeId, NodeState>& nodes() const { return nodes_; }
  const NodeState* Find(const NodeId& node) const;

 private:
  absl::Duration lost_after_;
  std::map<NodeId, NodeState> nodes_;
};

}  // namespace amaes
