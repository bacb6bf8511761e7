// Waiting jobs to slots.
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/sample_stream.h"
#include "libs/scheduler/dependencies.h"
#include "libs/spec/probe.h"
#include "services/coordinator/engine.h"
#include "services/coordinator/metric_names.h"

namespace amaes {
namespace {

std::string PlacesInWords(const std::vector<SlotRef>& ranks) {
  std::set<std::string> nodes;
  for (const SlotRef& place : ranks) nodes.insert(place.node.value);
  return absl::StrCat(ranks.size(), ranks.size() == 1 ? " worker on " : " workers on ", absl::StrJoin(nodes, ", "));
}

std::string DeviceOf(const JobSpec& spec) {
  if (spec.trains()) return spec.training().device;
  return spec.kind == JobKind::kEvaluate ? spec.evaluate.device : "any";
}

// The GPU's place among those of its node.
int DeviceIndex(const NodeState* node, const SlotRef& place) {
  if (!place.gpu || node == nullptr) return -1;
  int index = 0;
  for (const SlotInfo& slot : node->info.slots) index += slot.gpu && slot.index < place.slot ? 1 : 0;
  return index;
}

}  // namespace

std::set<JobId> Engine::HoldDependents() {
  std::set<JobId> held;
  std::vector<std::pair<JobId, DependencyVerdict>> failed;
  for (auto& [id, job] : live_) {
    if (job.record.state != JobState::kQueued || job.spec.after.empty()) continue;
    std::vector<Dependency> dependencies;
    for (const absl::string_view name : absl::StrSplit(job.spec.after, ',')) {
      const JobId other{std::string(name)};
      if (const LiveJob* live = FindLive(other); live != nullptr) {
        dependencies.push_back({other, live->record.state});
      } else if (const absl::StatusOr<JobRecord> record = store_.GetJob(other); record.ok()) {
        dependencies.push_back({other, record->state});
      } else {
        dependencies.push_back({other, JobState::kQueued});  // the store does not answer: wait
      }
    }
    DependencyVerdict verdict = JudgeDependencies(dependencies);
    if (verdict.outcome == DependencyVerdict::Outcome::kReady) continue;
    held.insert(id);
    if (verdict.outcome == DependencyVerdict::Outcome::kFail) {
      failed.emplace_back(id, std::move(verdict));
    } else if (job.record.reason != verdict.reason || job.record.message != verdict.message) {
      job.record.reason = verdict.reason;
      job.record.message = verdict.message;
      Changed(job);
    }
  }
  for (const auto& [id, verdict] : failed) FailDependent(*FindLive(id), verdict);
  return held;
}

void Engine::FailDependent(LiveJob& job, const DependencyVerdict& verdict) {
  const JobId id = job.record.id;
  const absl::StatusOr<JobState> state = NextJobState(job.record.state, JobEvent::kDependencyFailed);
  AMAES_CHECK(state.ok());
  JobChange change = Change(job);
  change.record.state = *state;
  change.record.reason = verdict.reason;
  change.record.message = verdict.message;
  change.record.ended = clock_.Now();
  change.events.emplace_back("FAILED", absl::StrCat(verdict.reason, ": ", verdict.message));
  if (const absl::Status status = CommitJob(job, std::move(change)); !status.ok()) {
    LogError("coordinator", "cannot store an end; will try again", {{"job", id.value}, {"error", status.message()}});
    return;
  }
  Count(metrics_, kJobsFinished, {{"outcome", "failed"}});
  DropStaging(job);
  ForgetEnded(id);
  Wake();  // others may come after this one
}

void Engine::PlaceWaiting() {
  const absl::Duration begin = clock_.Monotonic();
  const std::set<JobId> held = HoldDependents();
  std::vector<WaitingJob> waiting;
  for (const auto& [id, job] : live_) {
    if (job.record.state != JobState::kQueued || held.contains(id)) continue;
    if (hold_ingests_ && job.spec.kind == JobKind::kIngest) continue;
    waiting.push_back({.job = id,
                       .priority = job.record.priority,
                       .queued = job.record.created,
                       .slots = static_cast<int>(job.spec.slots()),
                       .device = DeviceOf(job.spec),
                       .not_before = job.record.not_before});
  }
  if (waiting.empty()) return;
  std::vector<NodeView> views = nodes_.Views();
  for (NodeView& view : views) {
    const auto attached = attached_.find(view.node);
    view.ready = view.ready && attached != attached_.end() && !attached->second.draining;
  }
  for (const Decision& decision : Place(clock_.Now(), std::move(waiting), views)) {
    LiveJob& job = *FindLive(decision.job);
    if (!decision.ranks.empty()) {
      StartGang(job, decision);
    } else if (job.record.reason != decision.reason || job.record.message != decision.message) {
      job.record.reason = decision.reason;
      job.record.message = decision.message;
      Changed(job);
    }
  }
  ObserveSeconds(metrics_, kSchedulerPass, absl::ToDoubleSeconds(clock_.Monotonic() - begin));
}

void Engine::StartGang(LiveJob& job, const Decision& decision) {
  const absl::StatusOr<JobState> state = NextJobState(job.record.state, JobEvent::kPlaced);
  AMAES_CHECK(state.ok());
  LiveAttempt attempt;
  attempt.record.job = job.record.id;
  attempt.record.number = job.record.attempt + 1;
  attempt.record.ranks = decision.ranks;
  attempt.record.started = clock_.Now();
  attempt.ranks.resize(decision.ranks.size());
  attempt.begun = clock_.Monotonic();
  JobChange change = Change(job);
  change.record.state = *state;
  change.record.attempt = attempt.record.number;
  change.record.reason = "STARTING";
  change.record.message = absl::StrCat("attempt ", attempt.record.number, ": ", PlacesInWords(decision.ranks));
  change.record.not_before = absl::InfinitePast();
  if (change.record.started == absl::InfinitePast()) change.record.started = attempt.record.started;
  change.progress.base = change.progress.best;
  change.progress.staged_digest.clear();
  change.progress.phase.clear();
  change.progress.ingest_ranks.clear();
  change.progress.evaluation_ranks.clear();
  change.progress.ranks.assign(decision.ranks.size(), RankOutcome());
  change.attempt = &attempt.record;
  change.events.emplace_back("PLACED", change.record.message);
  if (const absl::Status status = CommitJob(job, std::move(change)); !status.ok()) {
    LogError("coordinator", "cannot store a placement; will try again",
             {{"job", job.record.id.value}, {"error", status.message()}});
    return;
  }
  job.first_step = false;
  job.attempt = std::move(attempt);
  for (std::size_t rank = 0; rank < decision.ranks.size(); ++rank) {
    const SlotRef& place = decision.ranks[rank];
    nodes_.Occupy(place.node, place.slot, {job.record.id, job.record.attempt, static_cast<int>(rank)});
    SendTo(place.node, StartCommand(job, static_cast<int>(rank)));
  }
}

StartWorkerCommand Engine::StartCommand(const LiveJob& job, int rank) {
  const SlotRef& place = job.attempt->record.ranks[rank];
  const NodeState* node = nodes_.Find(place.node);
  const std::filesystem::path folder = JobFolder(job.record.id);
  StartWorkerCommand command;
  command.worker = {job.record.id, job.record.attempt, rank};
  command.slot = place.slot;
  command.kind = JobKindName(job.spec.kind);
  command.log_file = (folder / "logs" / absl::StrFormat("%03d-%03d.log", job.record.attempt, rank)).string();
  WorkerStart& start = command.start;
  start.job = job.record.id.value;
  start.attempt = job.record.attempt;
  start.rank = rank;
  start.world_size = static_cast<int>(job.attempt->record.ranks.size());
  start.spec_json = job.record.spec_json;
  start.job_folder = folder.string();
  start.volumes_folder = (options_.home / "volumes").string();
  start.bind_address = node == nullptr ? "" : node->info.address;
  start.device_index = DeviceIndex(node, place);
  if (job.spec.trains()) {
    const TrainingSpec::Dataset& dataset = job.spec.training().dataset;
    start.dataset_folder = DatasetFolder(dataset.name, dataset.version).string();
    const LaneRange lanes = LanesOf(rank, start.world_size, job.spec.training().global_batch, job.spec.group());
    start.first_lane = lanes.first;
    start.last_lane = lanes.last;
    if (HasProbe(job.spec)) {
      const PretrainSpec::Probe& probe = job.spec.pretrain.probe;
      start.probe_dataset_folder = DatasetFolder(probe.dataset, probe.version).string();
    }
  } else if (job.spec.kind == JobKind::kEvaluate) {
    const EvaluateSpec::Dataset& dataset = job.spec.evaluate.dataset;
    start.dataset_folder = DatasetFolder(dataset.name, dataset.version).string();
  } else {
    start.staging_folder = StagingFolder(job).string();
    const absl::StatusOr<DatasetRecord> newest = store_.GetDataset(job.spec.ingest.dataset, 0);
    if (newest.ok()) start.previous_folder = DatasetFolder(newest->name, newest->version).string();
  }
  return command;
}

}  // namespace amaes
