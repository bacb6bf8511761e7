// What follows from what is known of a job.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "services/coordinator/engine.h"
#include "services/coordinator/metric_names.h"

namespace amaes {
namespace {

// What a rank says when another one is gone: not why the gang failed.
bool IsConsequence(const std::string& cause) {
  return cause == "PEER_LOST" || cause == "COLLECTIVE_TIMEOUT" || cause == "ENDED" || cause == "STOPPED";
}

// The rank that the failure is put down to: the first that failed for a cause of its own, else the first.
int FirstFailed(const std::vector<RankOutcome>& ranks) {
  int first = -1;
  for (int rank = 0; rank < static_cast<int>(ranks.size()); ++rank) {
    const RankOutcome& outcome = ranks[rank];
    if (outcome.order == 0) continue;
    const auto key = std::make_pair(IsConsequence(outcome.cause), outcome.order);
    if (first < 0 || key < std::make_pair(IsConsequence(ranks[first].cause), ranks[first].order)) first = rank;
  }
  return first;
}

JobEvent EventOf(RestartDecision::Outcome outcome) {
  switch (outcome) {
    case RestartDecision::Outcome::kSucceed:
      return JobEvent::kAllFinished;
    case RestartDecision::Outcome::kRestart:
      return JobEvent::kGangGoneRestart;
    case RestartDecision::Outcome::kFail:
      return JobEvent::kGangGoneFail;
    case RestartDecision::Outcome::kCancel:
      return JobEvent::kGangGoneCancel;
  }
  return JobEvent::kGangGoneFail;
}

const char* EventKind(RestartDecision::Outcome outcome) {
  switch (outcome) {
    case RestartDecision::Outcome::kSucceed:
      return "SUCCEEDED";
    case RestartDecision::Outcome::kRestart:
      return "RESTARTING";
    case RestartDecision::Outcome::kFail:
      return "FAILED";
    case RestartDecision::Outcome::kCancel:
      return "CANCELLED";
  }
  return "FAILED";
}

}  // namespace

void Engine::FailRank(LiveJob& job, int rank, const std::string& cause, const std::string& message, bool retryable,
                      bool counts, bool exited) {
  RankOutcome& outcome = job.progress.ranks[rank];
  outcome.exited = outcome.exited || exited;
  job.dirty = true;
  if (outcome.order > 0) return;  // its first words are its cause
  outcome.order = 1;
  for (const RankOutcome& other : job.progress.ranks)
    outcome.order = std::max(outcome.order, other.order + (&other != &outcome));
  outcome.complete = false;
  outcome.cause = cause;
  outcome.message = message;
  outcome.retryable = retryable;
  outcome.counts = counts;
}

absl::Status Engine::Advance(LiveJob& job) {
  if (!job.attempt || job.publishing) return absl::OkStatus();
  LiveAttempt& attempt = *job.attempt;
  if (job.AllExited()) return GangGone(job);
  const bool going = job.record.state == JobState::kStarting || job.record.state == JobState::kRunning;
  if (going && job.AnyFailed()) return StopGang(job);
  if (job.record.state == JobState::kStopping && !attempt.stop_sent) {
    SendStop(job);  // taken up from an earlier coordinator
    return absl::OkStatus();
  }
  const bool all_in =
      std::all_of(attempt.ranks.begin(), attempt.ranks.end(), [](const RankState& r) { return r.training; });
  if (job.record.state != JobState::kStarting || !(job.first_step || all_in)) return absl::OkStatus();
  JobChange change = Change(job);
  AMAES_ASSIGN_OR_RETURN(change.record.state, NextJobState(job.record.state, JobEvent::kFirstStep));
  change.record.reason.clear();
  change.record.message.clear();
  change.events.emplace_back("RUNNING", absl::StrCat("attempt ", job.record.attempt, ": every worker takes part"));
  return CommitJob(job, std::move(change));
}

absl::Status Engine::StopGang(LiveJob& job) {
  const int rank = FirstFailed(job.progress.ranks);
  const RankOutcome& outcome = job.progress.ranks[rank];
  JobChange change = Change(job);
  AMAES_ASSIGN_OR_RETURN(change.record.state, NextJobState(job.record.state, JobEvent::kWorkerFailed));
  change.record.reason = outcome.cause;
  change.record.message = absl::StrCat("rank ", rank, " on ", job.attempt->record.ranks[rank].node.value, ": ",
                                       outcome.cause, ": ", outcome.message, "; the others are being ended");
  change.events.emplace_back("WORKER_FAILED", change.record.message);
  AMAES_RETURN_IF_ERROR(CommitJob(job, std::move(change)));
  SendStop(job);
  return absl::OkStatus();
}

void Engine::SendStop(LiveJob& job) {
  LiveAttempt& attempt = *job.attempt;
  attempt.stop_sent = clock_.Monotonic();
  const bool now = job.AnyFailed() || !job.record.cancel_requested;
  std::set<NodeId> nodes;
  for (std::size_t rank = 0; rank < attempt.ranks.size(); ++rank) {
    if (!job.progress.ranks[rank].exited) nodes.insert(attempt.record.ranks[rank].node);
  }
  for (const NodeId& node : nodes) {
    SendTo(node, StopWorkersCommand{job.record.id, job.record.attempt, now,
                                    job.record.cancel_requested ? "cancelled by its user" : "another rank failed"});
  }
  for (const auto& [key, ranks] : std::exchange(attempt.waits, {})) {
    for (const int rank : ranks) WaitForValue(job, rank, key);
  }
}

absl::Status Engine::GangGone(LiveJob& job) {
  GangEnd end;
  end.cancelled = job.record.cancel_requested;
  end.all_finished = job.AllComplete();
  end.progressed = job.progress.progressed();
  if (end.all_finished && job.spec.kind == JobKind::kIngest) {
    if (job.dirty) AMAES_RETURN_IF_ERROR(CommitJob(job, Change(job)));
    job.publishing = true;
    Wake();
    return absl::OkStatus();
  }
  const int rank = FirstFailed(job.progress.ranks);
  if (rank >= 0) {
    const RankOutcome& outcome = job.progress.ranks[rank];
    end.cause = outcome.cause;
    end.message =
        absl::StrCat("rank ", rank, " on ", job.attempt->record.ranks[rank].node.value, ": ", outcome.message);
    end.retryable = outcome.retryable;
    end.counts = outcome.counts;
  } else {
    end.cause = end.all_finished ? "FINISHED" : end.cancelled ? "CANCELLED" : "STOPPED";
  }
  const RestartDecision decision = DecideRestart(end, job.record.budget);
  JobChange change = Change(job);
  JobState state = job.record.state;
  if (decision.outcome == RestartDecision::Outcome::kCancel && state != JobState::kStopping) {
    AMAES_ASSIGN_OR_RETURN(state, NextJobState(state, JobEvent::kCancelRequested));
  }
  AMAES_ASSIGN_OR_RETURN(change.record.state, NextJobState(state, EventOf(decision.outcome)));
  change.record.reason = decision.reason;
  change.record.message = decision.message;
  change.record.budget = decision.budget;
  if (decision.outcome == RestartDecision::Outcome::kRestart)
    change.record.not_before = clock_.Now() + decision.back_off;
  change.events.emplace_back(EventKind(decision.outcome), decision.message);
  const bool cancelled = decision.outcome == RestartDecision::Outcome::kCancel;
  return EndAttempt(job, std::move(change), {cancelled ? "CANCELLED" : end.cause, end.message, rank});
}

absl::Status Engine::EndAttempt(LiveJob& job, JobChange change, const AttemptEnd& end) {
  AttemptRecord record = job.attempt->record;
  record.ended = clock_.Now();
  record.cause = end.cause;
  record.message = end.message;
  record.first_failed_rank = end.first_failed_rank;
  change.attempt = &record;
  change.progress.ranks.clear();
  change.progress.phase.clear();
  if (IsTerminal(change.record.state)) change.record.ended = record.ended;
  const JobId id = job.record.id;
  AMAES_RETURN_IF_ERROR(CommitJob(job, std::move(change)));
  nodes_.Release(id, record.number);
  job.attempt.reset();
  job.publishing = false;
  Count(metrics_, kAttempts, {{"cause", CauseLabel(end.cause)}});
  if (IsTerminal(job.record.state)) {
    const char* outcome = job.record.state == JobState::kSucceeded ? "succeeded"
                          : job.record.state == JobState::kFailed  ? "failed"
                                                                   : "cancelled";
    Count(metrics_, kJobsFinished, {{"outcome", outcome}});
    DropStaging(job);
    ForgetEnded(id);
  }
  Wake();
  return absl::OkStatus();
}

}  // namespace amaes
