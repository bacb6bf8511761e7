#include "libs/scheduler/node_table.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "libs/base/log.h"

namespace amaes {
namespace {

absl::Status CheckRegistration(const NodeInfo& info) {
  if (info.node.empty()) return absl::InvalidArgumentError("a node registers without a name; give its agent one");
  if (info.incarnation.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("node ", info.node.value, " registers without an incarnation"));
  }
  if (info.slots.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("node ", info.node.value, " registers without a slot; give it at least one"));
  }
  std::set<int> indices;
  for (const SlotInfo& slot : info.slots) {
    if (!indices.insert(slot.index).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("node ", info.node.value, " registers two slots with the index ", slot.index));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status NodeTable::Register(const NodeInfo& info, absl::Duration now, absl::Time wall) {
  if (absl::Status status = CheckRegistration(info); !status.ok()) return status;
  NodeState& state = nodes_[info.node];
  state.info = info;
  state.ready = true;
  state.expected = false;
  state.last_heartbeat = now;
  state.last_heartbeat_time = wall;
  return absl::OkStatus();
}

absl::Status NodeTable::Heartbeat(const NodeId& node, const Incarnation& incarnation, absl::Duration now,
                                  absl::Time wall) {
  const auto found = nodes_.find(node);
  if (found == nodes_.end() || found->second.info.incarnation.empty()) {
    return absl::NotFoundError(absl::StrCat("node ", node.value, " is not registered; its agent must register first"));
  }
  NodeState& state = found->second;
  if (state.info.incarnation != incarnation) {
    return absl::AbortedError(absl::StrCat("node ", node.value, " was taken over by the agent with incarnation ",
                                           state.info.incarnation.value, "; ", incarnation.value, " must end"));
  }
  if (!state.ready) {
    return absl::NotFoundError(absl::StrCat("node ", node.value, " was silent for more than ",
                                            absl::FormatDuration(lost_after_),
                                            " and is lost; its agent must register again"));
  }
  state.last_heartbeat = now;
  state.last_heartbeat_time = wall;
  return absl::OkStatus();
}

std::vector<NodeId> NodeTable::ExpireSilent(absl::Duration now) {
  std::vector<NodeId> lost;
  for (auto& [node, state] : nodes_) {
    if ((!state.ready && !state.expected) || now - state.last_heartbeat <= lost_after_) continue;
    state.ready = false;
    state.expected = false;
    lost.push_back(node);
  }
  return lost;
}

void NodeTable::Expect(const NodeId& node, absl::Duration now, absl::Time wall) {
  const auto [entry, added] = nodes_.try_emplace(node);
  NodeState& state = entry->second;
  if (!added && (state.ready || state.expected)) return;
  state.info.node = node;
  state.expected = true;
  state.last_heartbeat = now;
  state.last_heartbeat_time = wall;
}

void NodeTable::Occupy(const NodeId& node, int slot, const SlotUse& use) {
  const auto found = nodes_.find(node);
  AMAES_CHECK(found != nodes_.end());
  const auto [entry, added] = found->second.used.try_emplace(slot, use);
  AMAES_CHECK(added || entry->second == use);
}

void NodeTable::Release(const JobId& job, AttemptNumber attempt) {
  for (auto& [node, state] : nodes_) {
    std::erase_if(state.used,
                  [&](const auto& entry) { return entry.second.job == job && entry.second.attempt == attempt; });
  }
}

void NodeTable::Release(const JobId& job, AttemptNumber attempt, int rank) {
  const SlotUse use{.job = job, .attempt = attempt, .rank = rank};
  for (auto& [node, state] : nodes_) {
    std::erase_if(state.used, [&](const auto& entry) { return entry.second == use; });
  }
}

std::vector<NodeView> NodeTable::Views() const {
  std::vector<NodeView> views;
  views.reserve(nodes_.size());
  for (const auto& [node, state] : nodes_) {
    NodeView view{.node = node, .ready = state.ready};
    for (const SlotInfo& slot : state.info.slots) {
      view.slots.push_back({.index = slot.index, .gpu = slot.gpu, .free = !state.used.contains(slot.index)});
    }
    views.push_back(std::move(view));
  }
  return views;
}

const NodeState* NodeTable::Find(const NodeId& node) const {
  const auto found = nodes_.find(node);
  return found == nodes_.end() ? nullptr : &found->second;
}

}  // namespace amaes
