// Which waiting jobs start now, and where. Pure: state in, decisions with reasons out.
//
// Gangs are placed whole or not at all. Order: priority (high first), then age, then id. A job that cannot be placed
// although the ready nodes could hold it when empty blocks every job behind it, so that a large gang never starves; a
// job that could never fit blocks nobody.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/base/ids.h"

namespace amaes {

struct SlotView {
  int index = 0;
  bool gpu = false;
  bool free = true;
};
struct NodeView {
  NodeId node{};
  bool ready = true;
  std::vector<SlotView> slots{};
};
struct WaitingJob {
  JobId job{};
  int priority = 50;
  absl::Time queued{};
  int slots = 1;
  std::string device = "auto";  // auto: GPUs if that many are known, else CPU slots; cpu; gpu; any (ingest)
  absl::Time not_before = absl::InfinitePast();  // back-off after a failure
};

struct SlotRef {
  NodeId node{};
  int slot = 0;
  bool gpu = false;
  bool operator==(const SlotRef&) const = default;
};
struct Decision {
  JobId job{};
  std::vector<SlotRef> ranks{};  // rank r runs on ranks[r]; empty = waits
  // WAITING_FOR_SLOTS, BEHIND_JOB, NEVER_FITS, NO_NODES, BACKOFF; PLACED.
  std::string reason{};
  std::string message{};  // the same in words, with numbers and what would help
};

// One decision per waiting job, in queue order. Uses as few nodes as possible; ties by node name and slot index.
std::vector<Decision> Place(absl::Time now, std::vector<WaitingJob> waiting, const std::vector<NodeView>& nodes);

}  // namespace amaes
