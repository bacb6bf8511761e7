#include "tests/unit/scheduler/simulation.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace amaes {

Simulation::Simulation(std::uint64_t seed) : random_(seed, Purpose::kPhantom, 1) {
  const std::uint32_t nodes = 1 + random_.UniformInt(4), jobs = 1 + random_.UniformInt(8);
  for (std::uint32_t n = 0; n < nodes; ++n) {
    SimulatedAgent agent;
    agent.info.node = NodeId(absl::StrCat("node-", n));
    const int slots = 1 + static_cast<int>(random_.UniformInt(4));
    const bool gpus = Chance(3);
    for (int s = 0; s < slots; ++s) agent.info.slots.push_back({.index = s, .gpu = gpus && s > 0});
    agent.info.incarnation = Incarnation(absl::StrCat(++incarnations_));
    agents_.push_back(agent);
  }
  const char* const devices[] = {"auto", "cpu", "gpu", "any"};
  for (std::uint32_t j = 0; j < jobs; ++j) {
    SimulatedJob job;
    job.spec = {.job = JobId(absl::StrCat("job-", j)),
                .priority = static_cast<int>(random_.UniformInt(3)),
                .queued = clock_.Now() + absl::Seconds(random_.UniformInt(5)),
                .slots = 1 + static_cast<int>(random_.UniformInt(5)),
                .device = devices[random_.UniformInt(4)]};
    job.work_left = 1 + static_cast<int>(random_.UniformInt(20));
    job.budget.max_restarts = static_cast<std::int64_t>(random_.UniformInt(6));
    jobs_[job.spec.job] = job;
  }
}

void Simulation::Tick(bool faults) {
  clock_.Advance(absl::Seconds(1));
  if (faults) InjectFaults();
  AgentsSpeak();
  for (const NodeId& lost : table_.ExpireSilent(clock_.Monotonic())) {
    const std::map<int, SlotUse> used = table_.Find(lost)->used;
    for (const auto& [slot, use] : used) RankFailed(use, "NODE_LOST", /*retryable=*/true, /*counts=*/false);
  }
  WorkersRun();
  Schedule();
  CheckInvariants();
}

void Simulation::EndFaults() {
  for (SimulatedAgent& agent : agents_) {
    agent.alive = true;
    agent.silent_ticks = 0;
  }
}

void Simulation::InjectFaults() {
  for (SimulatedAgent& agent : agents_) {
    if (agent.silent_ticks > 0) --agent.silent_ticks;
    if (!agent.alive) {
      if (Chance(8)) agent.alive = true;
    } else if (Chance(40)) {  // dies, and its workers with it; comes back as another incarnation
      ++faults_;
      agent.alive = agent.registered = false;
      agent.workers.clear();
      agent.info.incarnation = Incarnation(absl::StrCat(++incarnations_));
    } else if (Chance(40)) {
      ++faults_;
      agent.registered = false;  // its stream broke: it will dial again
      agent.silent_ticks = 1 + static_cast<int>(random_.UniformInt(25));
    }
  }
  BreakWorkerOrJob();
}

void Simulation::BreakWorkerOrJob() {
  for (SimulatedAgent& agent : agents_) {
    if (!agent.alive || agent.silent_ticks > 0 || agent.workers.empty() || !Chance(15)) continue;
    ++faults_;
    const auto victim = agent.workers.begin();
    const SlotUse use = victim->second.use;
    agent.workers.erase(victim);
    RankFailed(use, "KILLED", /*retryable=*/!Chance(10), /*counts=*/true);
  }
  for (auto& [id, job] : jobs_) {
    if (IsTerminal(job.state) || !Chance(150)) continue;
    ++faults_;
    job.cancel_requested = true;
    Apply(job, JobEvent::kCancelRequested);
    StopGang(job);
  }
}

void Simulation::AgentsSpeak() {
  for (SimulatedAgent& agent : agents_) {
    if (!agent.alive || agent.silent_ticks > 0) continue;
    const absl::Status beat =
        agent.registered ? table_.Heartbeat(agent.info.node, agent.info.incarnation, clock_.Monotonic(), clock_.Now())
                         : absl::NotFoundError("not registered yet");
    if (!beat.ok()) RegisterAgent(agent);
  }
}

void Simulation::RegisterAgent(SimulatedAgent& agent) {
  if (!table_.Register(agent.info, clock_.Monotonic(), clock_.Now()).ok())
    broken_.push_back("a registration was refused");
  agent.registered = true;
  // Keep what the coordinator still counts on, end the rest.
  std::erase_if(agent.workers, [&](const auto& entry) {
    const SlotUse& use = entry.second.use;
    const SimulatedJob& job = jobs_[use.job];
    return job.attempt != use.attempt || !job.live.contains(use.rank);
  });
  // Ranks that are believed to run here, and do not.
  const std::map<int, SlotUse> used = table_.Find(agent.info.node)->used;
  for (const auto& [slot, use] : used) {
    if (!agent.workers.contains(slot)) RankFailed(use, "NODE_LOST", /*retryable=*/true, /*counts=*/false);
  }
  for (auto& [slot, worker] : agent.workers) worker.told_to_stop |= jobs_[worker.use.job].state == JobState::kStopping;
}

void Simulation::WorkersRun() {
  for (SimulatedAgent& agent : agents_) {
    if (!agent.alive || agent.silent_ticks > 0) continue;
    std::vector<SlotUse> stopped;
    std::erase_if(agent.workers, [&](const auto& entry) {
      if (entry.second.told_to_stop) stopped.push_back(entry.second.use);
      return entry.second.told_to_stop;
    });
    for (const SlotUse& use : stopped) RankFailed(use, "STOPPED", /*retryable=*/true, /*counts=*/false);
  }
  for (auto& [id, job] : jobs_) {
    const bool whole = static_cast<int>(job.live.size()) == job.spec.slots;
    if (job.state == JobState::kStarting && whole) {
      Apply(job, JobEvent::kFirstStep);
    } else if (job.state == JobState::kRunning && whole && --job.work_left <= 0) {
      for (int rank = 0; rank < job.spec.slots; ++rank) RankFinished(job, rank);
    } else if (job.state == JobState::kRunning) {
      job.progressed = true;
    }
  }
}

void Simulation::RankFinished(SimulatedJob& job, int rank) {
  const SlotRef where = job.live.at(rank);
  AgentOf(where.node)->workers.erase(where.slot);
  ++job.finished_ranks;
  RankEnded(job, rank);
}

void Simulation::RankFailed(const SlotUse& use, const std::string& cause, bool retryable, bool counts) {
  SimulatedJob& job = jobs_[use.job];
  if (job.attempt != use.attempt || !job.live.contains(use.rank)) return;  // fenced
  if (job.end.cause.empty()) {
    job.end = {.cause = cause, .message = absl::StrCat("rank ", use.rank), .retryable = retryable, .counts = counts};
  }
  if (job.state != JobState::kStopping) {
    Apply(job, JobEvent::kWorkerFailed);
    StopGang(job);
  }
  RankEnded(job, use.rank);
}

void Simulation::RankEnded(SimulatedJob& job, int rank) {
  job.live.erase(rank);
  table_.Release(job.spec.job, job.attempt, rank);
  if (job.live.empty()) Settle(job);
}

void Simulation::Settle(SimulatedJob& job) {
  job.end.cancelled = job.cancel_requested;
  job.end.all_finished = job.finished_ranks == job.spec.slots;
  job.end.progressed = job.progressed;
  const RestartDecision decision = DecideRestart(job.end, job.budget);
  job.budget = decision.budget;
  job.last_message = decision.message;
  job.spec.not_before = clock_.Now() + decision.back_off;
  switch (decision.outcome) {
    case RestartDecision::Outcome::kSucceed:
      return Apply(job, JobEvent::kAllFinished);
    case RestartDecision::Outcome::kRestart:
      return Apply(job, JobEvent::kGangGoneRestart);
    case RestartDecision::Outcome::kFail:
      return Apply(job, JobEvent::kGangGoneFail);
    case RestartDecision::Outcome::kCancel:
      return Apply(job, JobEvent::kGangGoneCancel);
  }
}

void Simulation::StopGang(const SimulatedJob& job) {
  for (const auto& [rank, where] : job.live) {
    SimulatedAgent* agent = AgentOf(where.node);
    if (agent->silent_ticks > 0) continue;  // told when it registers again
    const auto worker = agent->workers.find(where.slot);
    if (worker != agent->workers.end()) worker->second.told_to_stop = true;
  }
}

void Simulation::Schedule() {
  std::vector<WaitingJob> waiting;
  for (const auto& [id, job] : jobs_) {
    if (job.state == JobState::kQueued) waiting.push_back(job.spec);
  }
  for (const Decision& decision : Place(clock_.Now(), waiting, table_.Views())) {
    SimulatedJob& job = jobs_[decision.job];
    job.last_message = decision.message;
    if (!decision.ranks.empty()) Start(job, decision);
  }
}

void Simulation::Start(SimulatedJob& job, const Decision& decision) {
  ++placements_;
  Apply(job, JobEvent::kPlaced);
  ++job.attempt;
  job.end = {};
  job.finished_ranks = 0;
  job.progressed = false;
  for (std::size_t rank = 0; rank < decision.ranks.size(); ++rank) {
    const SlotRef& where = decision.ranks[rank];
    const SlotUse use{.job = job.spec.job, .attempt = job.attempt, .rank = static_cast<int>(rank)};
    table_.Occupy(where.node, where.slot, use);
    job.live[use.rank] = where;
  }
  for (const auto& [rank, where] : std::map<int, SlotRef>(job.live)) {
    SimulatedAgent* agent = AgentOf(where.node);
    const SlotUse use{.job = job.spec.job, .attempt = job.attempt, .rank = rank};
    if (!agent->alive || agent->silent_ticks > 0) continue;  // found out by silence or at the next registration
    if (!agent->workers.try_emplace(where.slot, SimulatedWorker{.use = use}).second) {
      broken_.push_back(absl::StrCat("slot ", where.slot, " of ", where.node.value, " was given twice"));
    }
  }
}

void Simulation::Apply(SimulatedJob& job, JobEvent event) {
  const absl::StatusOr<JobState> next = NextJobState(job.state, event);
  if (!next.ok()) {
    broken_.push_back(absl::StrCat(job.spec.job.value, ": ", next.status().message()));
    return;
  }
  job.state = *next;
}

void Simulation::CheckInvariants() {
  std::size_t used = 0, live = 0;
  for (const auto& [node, state] : table_.nodes()) used += state.used.size();
  for (const auto& [id, job] : jobs_) {
    live += job.live.size();
    const bool holds_slots = job.state != JobState::kQueued && !IsTerminal(job.state);
    if (holds_slots == job.live.empty()) {
      broken_.push_back(
          absl::StrCat(id.value, " is ", JobStateName(job.state), " with ", job.live.size(), " live ranks"));
    }
    if (IsTerminal(job.state)) terminal_.try_emplace(id, job.state);
    const auto final = terminal_.find(id);
    if (final != terminal_.end() && final->second != job.state) {
      broken_.push_back(absl::StrCat(id.value, " left ", JobStateName(final->second)));
    }
  }
  if (used != live) broken_.push_back(absl::StrCat(used, " slots are taken for ", live, " live ranks"));
}

SimulatedAgent* Simulation::AgentOf(const NodeId& node) {
  return &*std::find_if(agents_.begin(), agents_.end(),
                        [&](const SimulatedAgent& agent) { return agent.info.node == node; });
}

bool Simulation::CanEverRun(const SimulatedJob& job) const {
  std::vector<NodeView> empty;
  for (const SimulatedAgent& agent : agents_) {
    NodeView view{.node = agent.info.node};
    for (const SlotInfo& slot : agent.info.slots) view.slots.push_back({.index = slot.index, .gpu = slot.gpu});
    empty.push_back(view);
  }
  WaitingJob alone = job.spec;
  alone.not_before = absl::InfinitePast();
  return !Place(absl::InfiniteFuture(), {alone}, empty).front().ranks.empty();
}

}  // namespace amaes
