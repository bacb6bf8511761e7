// Nodes and the agents on them.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/rpc/errors.h"
#include "services/coordinator/engine.h"

namespace amaes {
namespace {

absl::Status Replaced(const NodeId& node) {
  return ErrorWithReason(absl::StatusCode::kAborted, "AGENT_REPLACED",
                         absl::StrCat("another agent registered as node '", node.value, "'; two agents need two names"),
                         {{"node", node.value}});
}

}  // namespace

absl::Status Engine::Register(const NodeInfo& info, const std::vector<HeldWorker>& held,
                              std::shared_ptr<AgentSink> sink) {
  MutexLock lock(mutex_);
  const NodeState* before = nodes_.Find(info.node);
  const Incarnation known = before == nullptr ? Incarnation() : before->info.incarnation;
  if (const absl::Status status = nodes_.Register(info, clock_.Monotonic(), clock_.Now()); !status.ok()) {
    return ErrorWithReason(absl::StatusCode::kInvalidArgument, "BAD_REGISTRATION", status.message(),
                           {{"node", info.node.value}});
  }
  Attached& attached = attached_[info.node];
  if (attached.sink != nullptr && attached.sink != sink) attached.sink->End(info.node, Replaced(info.node));
  attached = {std::move(sink), false};
  LogInfo("coordinator", "agent registered",
          {{"node", info.node.value}, {"slots", info.slots.size()}, {"workers", held.size()}});
  // After a restart of the coordinator the incarnation is not known: its exits may be on their way.
  const bool same_process = known.empty() || known == info.incarnation;
  SendTo(info.node, RegisteredCommand{Reconcile(info.node, same_process, held), options_.heartbeat});
  std::vector<JobId> ids;
  for (auto& [id, job] : live_) {
    const bool here = job.attempt && std::any_of(job.attempt->record.ranks.begin(), job.attempt->record.ranks.end(),
                                                 [&](const SlotRef& place) { return place.node == info.node; });
    if (!here) continue;
    if (job.attempt->stop_sent) SendStop(job);
    ids.push_back(id);
  }
  for (const JobId& id : ids) {
    if (LiveJob* job = FindLive(id); job != nullptr) AMAES_RETURN_IF_ERROR(Advance(*job));
  }
  Wake();
  return absl::OkStatus();
}

// Which of the workers that the agent holds may stay. Ranks that it should hold and does not are on their way out.
std::vector<WorkerName> Engine::Reconcile(const NodeId& node, bool same_process, const std::vector<HeldWorker>& held) {
  std::vector<WorkerName> keep;
  for (auto& [id, job] : live_) {
    if (!job.attempt) continue;
    for (int rank = 0; rank < static_cast<int>(job.attempt->ranks.size()); ++rank) {
      if (job.attempt->record.ranks[rank].node != node || job.progress.ranks[rank].exited) continue;
      RankState& state = job.attempt->ranks[rank];
      const WorkerName name{id, job.record.attempt, rank};
      const auto found = std::find_if(held.begin(), held.end(), [&](const HeldWorker& w) { return w.worker == name; });
      if (found == held.end()) {
        if (!same_process) {
          FailRank(job, rank, "NODE_LOST", absl::StrCat("the agent of ", node.value, " was restarted"), true, false,
                   true);
        } else if (!state.missing_until) {
          state.missing_until = clock_.Monotonic() + options_.lost_after;
        }
        continue;
      }
      state.missing_until.reset();
      state.heard = true;
      state.training = state.training || found->started;
      if (job.attempt->taken_up && job.record.state == JobState::kStarting && !found->started) {
        // The values that it waits for were in the memory of the coordinator before.
        FailRank(job, rank, "COORDINATOR_LOST", "the coordinator was restarted before the workers had met", true, false,
                 false);
        continue;
      }
      keep.push_back(name);
    }
  }
  return keep;
}

absl::Status Engine::CheckSink(const NodeId& node, const AgentSink* sink) {
  const auto attached = attached_.find(node);
  return attached != attached_.end() && attached->second.sink.get() == sink ? absl::OkStatus() : Replaced(node);
}

absl::Status Engine::Heartbeat(const NodeId& node, const AgentSink* sink) {
  MutexLock lock(mutex_);
  AMAES_RETURN_IF_ERROR(CheckSink(node, sink));
  const NodeState* state = nodes_.Find(node);
  const absl::Status status = nodes_.Heartbeat(node, state->info.incarnation, clock_.Monotonic(), clock_.Now());
  // It was taken for lost: it has to say what it holds.
  return absl::IsNotFound(status) ? absl::UnavailableError(status.message()) : status;
}

absl::Status Engine::Drain(const NodeId& node, const AgentSink* sink) {
  MutexLock lock(mutex_);
  AMAES_RETURN_IF_ERROR(CheckSink(node, sink));
  attached_[node].draining = true;
  LogInfo("coordinator", "agent is stopping", {{"node", node.value}});
  return absl::OkStatus();
}

void Engine::Detach(const NodeId& node, const AgentSink* sink) {
  MutexLock lock(mutex_);
  if (!CheckSink(node, sink).ok()) return;
  attached_.erase(node);
  Wake();
}

void Engine::SendTo(const NodeId& node, const AgentCommand& command) {
  const auto attached = attached_.find(node);
  if (attached != attached_.end()) attached->second.sink->Send(node, command);
}

void Engine::ExpireNodes() {
  for (const NodeId& node : nodes_.ExpireSilent(clock_.Monotonic())) {
    LogWarning("coordinator", "node lost", {{"node", node.value}});
    if (const auto attached = attached_.find(node); attached != attached_.end()) {
      attached->second.sink->End(node, absl::UnavailableError("no heartbeat came for too long: register again"));
    }
    for (auto& [id, job] : live_) {
      if (!job.attempt) continue;
      for (int rank = 0; rank < static_cast<int>(job.attempt->ranks.size()); ++rank) {
        if (job.attempt->record.ranks[rank].node != node || job.progress.ranks[rank].exited) continue;
        FailRank(job, rank, "NODE_LOST",
                 absl::StrCat("nothing was heard of ", node.value, " for ", absl::FormatDuration(options_.lost_after)),
                 true, false, true);
      }
    }
  }
}

void Engine::ExpireRanks(LiveJob& job) {
  const absl::Duration now = clock_.Monotonic();
  LiveAttempt& attempt = *job.attempt;
  for (int rank = 0; rank < static_cast<int>(attempt.ranks.size()); ++rank) {
    if (job.progress.ranks[rank].exited) continue;
    const RankState& state = attempt.ranks[rank];
    const std::string& node = attempt.record.ranks[rank].node.value;
    if (state.missing_until && now > *state.missing_until) {
      FailRank(job, rank, "NODE_LOST", absl::StrCat(node, " no longer has this worker and never said how it ended"),
               true, false, true);
    } else if (!state.heard && !attempt.taken_up && now - attempt.begun > options_.start_timeout) {
      FailRank(job, rank, "NEVER_STARTED",
               absl::StrCat("no message came for ", absl::FormatDuration(options_.start_timeout)), true, true, false);
    }
  }
  if (!attempt.stop_sent || now - *attempt.stop_sent <= options_.stop_again || job.AllExited()) return;
  // Either the command or the answer was lost: the agent dials again and says what it holds.
  attempt.stop_sent = now;
  for (int rank = 0; rank < static_cast<int>(attempt.ranks.size()); ++rank) {
    const NodeId& node = attempt.record.ranks[rank].node;
    const auto attached = attached_.find(node);
    if (job.progress.ranks[rank].exited || attached == attached_.end()) continue;
    attached->second.sink->End(node,
                               absl::UnavailableError("workers that were to stop are still there: register again"));
  }
}

}  // namespace amaes
