// A cluster in miniature, without threads: scripted agents and a small coordinator around the scheduler's decisions.
// One seed is one history of joins, deaths, returns, silences, worker failures and cancels.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "libs/base/rng.h"
#include "libs/base/testing/fake_clock.h"
#include "libs/scheduler/job_state.h"
#include "libs/scheduler/node_table.h"
#include "libs/scheduler/placement.h"
#include "libs/scheduler/restart_policy.h"

namespace amaes {

struct SimulatedWorker {
  SlotUse use;
  bool told_to_stop = false;
};

// What really runs on a node, whatever the coordinator believes.
struct SimulatedAgent {
  NodeInfo info;
  bool alive = true;
  int silent_ticks = 0;  // cannot reach the coordinator for so long; its workers go on
  bool registered = false;
  std::map<int, SimulatedWorker> workers;  // by slot
};

struct SimulatedJob {
  WaitingJob spec;
  JobState state = JobState::kQueued;
  AttemptNumber attempt = 0;
  RestartBudget budget;
  bool cancel_requested = false;
  std::map<int, SlotRef> live;  // ranks that have not ended, by rank
  int finished_ranks = 0;
  GangEnd end;
  int work_left = 0;        // ticks of running
  bool progressed = false;  // in this attempt
  std::string last_message;
};

class Simulation {
 public:
  explicit Simulation(std::uint64_t seed);
  // One second. With `faults`, something may go wrong.
  void Tick(bool faults);
  // All agents are alive and reach the coordinator from now on.
  void EndFaults();

  // Whether all the nodes, when up and empty, hold the job.
  bool CanEverRun(const SimulatedJob& job) const;
  const std::map<JobId, SimulatedJob>& jobs() const { return jobs_; }
  // Broken invariants, in words; empty if all hold.
  const std::vector<std::string>& broken() const { return broken_; }
  int placements() const { return placements_; }
  int faults() const { return faults_; }

 private:
  void InjectFaults();
  void BreakWorkerOrJob();
  void AgentsSpeak();
  void RegisterAgent(SimulatedAgent& agent);
  void WorkersRun();
  void RankFinished(SimulatedJob& job, int rank);
  void RankFailed(const SlotUse& use, const std::string& cause, bool retryable, bool counts);
  void RankEnded(SimulatedJob& job, int rank);
  void Settle(SimulatedJob& job);
  void StopGang(const SimulatedJob& job);
  void Schedule();
  void Start(SimulatedJob& job, const Decision& decision);
  void Apply(SimulatedJob& job, JobEvent event);
  void CheckInvariants();
  SimulatedAgent* AgentOf(const NodeId& node);
  bool Chance(std::uint32_t one_in) { return random_.UniformInt(one_in) == 0; }

  RandomStream random_;
  FakeClock clock_;
  NodeTable table_{absl::Seconds(10)};
  std::vector<SimulatedAgent> agents_;
  std::map<JobId, SimulatedJob> jobs_;
  std::map<JobId, JobState> terminal_;
  std::vector<std::string> broken_;
  int placements_ = 0, faults_ = 0, incarnations_ = 0;
};

}  // namespace amaes
