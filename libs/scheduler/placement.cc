#include "libs/scheduler/placement.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace amaes {
namespace {

enum Kind { kCpu, kGpu, kAny, kKinds };

const char* KindName(Kind kind) { return kind == kCpu ? "CPU " : kind == kGpu ? "GPU " : ""; }

std::string SlotsInWords(std::int64_t count, Kind kind) {
  return absl::StrCat(count, " ", KindName(kind), count == 1 ? "slot" : "slots");
}

bool Matches(const SlotView& slot, Kind kind) { return kind == kAny || slot.gpu == (kind == kGpu); }

// Number of slots by kind.
using Counts = std::array<std::int64_t, kKinds>;

void Add(const SlotView& slot, std::int64_t amount, Counts& counts) {
  counts[slot.gpu ? kGpu : kCpu] += amount;
  counts[kAny] += amount;
}

// The nodes while jobs are placed on them: ready ones in the order of their names, slots in the order of their indices.
class Cluster {
 public:
  explicit Cluster(const std::vector<NodeView>& nodes) {
    for (const NodeView& node : nodes) {
      for (const SlotView& slot : node.slots) {
        Add(slot, 1, node.ready ? known_ : known_away_);
        if (node.ready && slot.free) Add(slot, 1, free_);
      }
      if (node.ready) ready_.push_back(node);
    }
    away_nodes_ = static_cast<std::int64_t>(nodes.size() - ready_.size());
    std::sort(ready_.begin(), ready_.end(), [](const NodeView& a, const NodeView& b) { return a.node < b.node; });
    for (NodeView& node : ready_) {
      std::sort(node.slots.begin(), node.slots.end(),
                [](const SlotView& a, const SlotView& b) { return a.index < b.index; });
    }
  }

  std::int64_t ready_nodes() const { return static_cast<std::int64_t>(ready_.size()); }
  std::int64_t away_nodes() const { return away_nodes_; }
  std::int64_t Known(Kind kind) const { return known_[kind]; }
  std::int64_t KnownAway(Kind kind) const { return known_away_[kind]; }
  std::int64_t Free(Kind kind) const { return free_[kind]; }

  // Takes `count` free slots; there are that many.
  std::vector<SlotRef> Take(std::int64_t count, Kind kind) {
    std::vector<SlotRef> taken;
    for (std::size_t index : ChooseNodes(count, kind)) TakeFrom(ready_[index], count, kind, taken);
    return taken;
  }

 private:
  // The fewest nodes that hold `count` slots; among equal choices the one with the smallest names.
  std::vector<std::size_t> ChooseNodes(std::int64_t count, Kind kind) const {
    std::vector<std::int64_t> free;
    for (const NodeView& node : ready_) {
      free.push_back(std::count_if(node.slots.begin(), node.slots.end(),
                                   [&](const SlotView& slot) { return slot.free && Matches(slot, kind); }));
    }
    // What the `picks` fullest of the nodes from `first` on could give.
    const auto best = [&](std::size_t first, std::size_t picks) {
      if (picks == 0) return std::int64_t{0};
      std::vector<std::int64_t> rest(free.begin() + static_cast<std::ptrdiff_t>(first), free.end());
      std::sort(rest.rbegin(), rest.rend());
      rest.resize(std::min(picks, rest.size()));
      return std::accumulate(rest.begin(), rest.end(), std::int64_t{0});
    };
    std::size_t picks = 0;
    while (picks < free.size() && best(0, picks) < count) ++picks;
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < free.size() && count > 0; ++i) {
      if (free[i] + best(i + 1, picks - 1) < count) continue;
      chosen.push_back(i);
      count -= free[i];
      --picks;
    }
    return chosen;
  }

  void TakeFrom(NodeView& node, std::int64_t count, Kind kind, std::vector<SlotRef>& taken) {
    for (const bool gpu : {false, true}) {
      for (SlotView& slot : node.slots) {
        if (static_cast<std::int64_t>(taken.size()) == count) return;
        if (!slot.free || slot.gpu != gpu || !Matches(slot, kind)) continue;
        slot.free = false;
        Add(slot, -1, free_);
        taken.push_back({.node = node.node, .slot = slot.index, .gpu = slot.gpu});
      }
    }
  }

  std::vector<NodeView> ready_;
  std::int64_t away_nodes_ = 0;
  Counts known_{}, known_away_{}, free_{};
};

// The first job that waits although it would fit: nothing behind it starts.
struct Blocker {
  JobId job;
  std::string need;  // what it waits for, in words
};

std::string NodesInWords(std::int64_t count) { return absl::StrCat(count, count == 1 ? " node" : " nodes"); }

// Which slots the job may take, now that these nodes are known.   Empty: no such device.
std::vector<Kind> KindsOf(const WaitingJob& job, const Cluster& cluster) {
  if (job.device == "cpu") return {kCpu};
  if (job.device == "gpu") return {kGpu};
  if (job.device == "auto") return {cluster.Known(kGpu) >= job.slots ? kGpu : kCpu};
  if (job.device == "any") return {kCpu, kAny};
  return {};
}

std::string NeverFits(const WaitingJob& job, Kind kind, const Cluster& cluster) {
  std::string message = absl::StrCat("needs ", SlotsInWords(job.slots, kind), ", ", cluster.ready_nodes(),
                                     cluster.ready_nodes() == 1 ? " ready node has " : " ready nodes have ",
                                     cluster.Known(kind), " in total");
  if (job.device == "auto") absl::StrAppend(&message, " and ", SlotsInWords(cluster.Known(kGpu), kGpu));
  if (cluster.KnownAway(kind) > 0) {
    absl::StrAppend(&message, "; ", NodesInWords(cluster.away_nodes()), " with ",
                    SlotsInWords(cluster.KnownAway(kind), kind), " would have to come back");
  }
  return absl::StrCat(message, "; add nodes or ask for fewer workers");
}

Decision Placed(const WaitingJob& job, Kind kind, Cluster& cluster) {
  Decision decision{.job = job.job, .ranks = cluster.Take(job.slots, kind), .reason = "PLACED"};
  std::vector<std::string> names;
  for (const SlotRef& rank : decision.ranks) {
    if (names.empty() || names.back() != rank.node.value) names.push_back(rank.node.value);
  }
  decision.message = absl::StrCat("takes ", SlotsInWords(job.slots, kind), " on ", absl::StrJoin(names, ", "));
  return decision;
}

Decision Decide(absl::Time now, const WaitingJob& job, Cluster& cluster, std::optional<Blocker>& blocker) {
  const auto waits = [&](const char* reason, std::string message) {
    return Decision{.job = job.job, .ranks = {}, .reason = reason, .message = std::move(message)};
  };
  const std::vector<Kind> kinds = KindsOf(job, cluster);
  if (kinds.empty()) {
    return waits("NEVER_FITS", absl::StrCat("device '", job.device, "' is none of auto, cpu, gpu, any"));
  }
  if (job.slots < 1) return waits("NEVER_FITS", absl::StrCat("asks for ", job.slots, " slots; the smallest gang is 1"));
  const Kind widest = kinds.back();
  if (cluster.ready_nodes() == 0) {
    return waits("NO_NODES", absl::StrCat("needs ", SlotsInWords(job.slots, widest), ", no node is ready (",
                                          cluster.away_nodes(), " known); start an agent: amaes agent"));
  }
  if (cluster.Known(widest) < job.slots) return waits("NEVER_FITS", NeverFits(job, widest, cluster));
  if (job.not_before > now) {
    // A point in time, not a rest of it: the message stays the same while the job waits.
    return waits("BACKOFF", absl::StrCat("waits until ", absl::FormatTime(job.not_before, absl::UTCTimeZone()),
                                         " after a failure"));
  }
  if (blocker) {
    return waits("BEHIND_JOB", absl::StrCat("waits behind ", blocker->job.value, ", which ", blocker->need));
  }
  for (Kind kind : kinds) {
    if (cluster.Free(kind) >= job.slots) return Placed(job, kind, cluster);
  }
  const std::int64_t free = cluster.Free(widest);
  const std::string need =
      absl::StrCat("needs ", SlotsInWords(job.slots, widest), "; ", free, " of ", cluster.Known(widest),
                   " are free on ", NodesInWords(cluster.ready_nodes()), ", short by ", job.slots - free);
  blocker = {.job = job.job, .need = need};
  return waits("WAITING_FOR_SLOTS", absl::StrCat(need, "; starts when running jobs give them back or a node joins"));
}

}  // namespace

std::vector<Decision> Place(absl::Time now, std::vector<WaitingJob> waiting, const std::vector<NodeView>& nodes) {
  std::sort(waiting.begin(), waiting.end(), [](const WaitingJob& a, const WaitingJob& b) {
    return std::tie(b.priority, a.queued, a.job) < std::tie(a.priority, b.queued, b.job);
  });
  Cluster cluster(nodes);
  std::optional<Blocker> blocker;
  std::vector<Decision> decisions;
  decisions.reserve(waiting.size());
  for (const WaitingJob& job : waiting) decisions.push_back(Decide(now, job, cluster, blocker));
  return decisions;
}

}  // namespace amaes
