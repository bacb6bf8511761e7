#include "services/coordinator/engine.h"

#include <sys/random.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/rpc/errors.h"
#include "services/coordinator/metric_names.h"

namespace amaes {
namespace {

std::string RandomJobId() {
  // Without letters that are easily taken for another, or for a digit.
  static constexpr char kAlphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
  unsigned char bytes[6];
  AMAES_CHECK(getrandom(bytes, sizeof(bytes), 0) == static_cast<ssize_t>(sizeof(bytes)));
  std::string id = "job-";
  for (const unsigned char byte : bytes) id.push_back(kAlphabet[byte % 32]);
  return id;
}

EngineOptions WithDefaults(EngineOptions options) {
  if (!options.make_job_id) options.make_job_id = RandomJobId;
  if (!options.on_store_failure) options.on_store_failure = [](const absl::Status&) {};
  return options;
}

}  // namespace

Engine::Engine(const EngineOptions& options, Store& store, Clock& clock, Metrics& metrics)
    : options_(WithDefaults(options)),
      store_(store),
      clock_(clock),
      metrics_(metrics),
      nodes_(options.lost_after),
      last_tick_(clock.Monotonic()),
      expire_from_(last_tick_) {
  for (const MetricName& counter : {kJobsSubmitted, kFencedReports, kReplays}) Count(metrics_, counter, {}, 0);
  for (const char* outcome : {"succeeded", "failed", "cancelled"})
    Count(metrics_, kJobsFinished, {{"outcome", outcome}}, 0);
}

absl::StatusOr<std::unique_ptr<Engine>> Engine::Create(const EngineOptions& options, Store& store, Clock& clock,
                                                       Metrics& metrics) {
  std::unique_ptr<Engine> engine(new Engine(options, store, clock, metrics));
  AMAES_RETURN_IF_ERROR(engine->TakeUp());
  return engine;
}

void Engine::Tick() {
  PublishWaiting();
  MutexLock lock(mutex_);
  work_waits_ = false;
  // A coordinator that was itself paused has heard nobody: agents get the time to speak before they are missed.
  const absl::Duration now = clock_.Monotonic();
  if (now - last_tick_ > options_.lost_after * 0.7) expire_from_ = now + 2 * options_.heartbeat;
  last_tick_ = now;
  const bool expire = now >= expire_from_;
  if (expire) ExpireNodes();
  std::vector<JobId> ids;
  for (const auto& [id, job] : live_) ids.push_back(id);
  for (const JobId& id : ids) {
    LiveJob* job = FindLive(id);
    if (job == nullptr) continue;
    if (job->attempt && expire) ExpireRanks(*job);
    if (const absl::Status status = Advance(*job); !status.ok()) {
      LogError("coordinator", "cannot store what became of a job; will try again",
               {{"job", id.value}, {"error", status.message()}});
    }
  }
  PlaceWaiting();
}

void Engine::WaitForWork(absl::Duration timeout) {
  MutexLock lock(mutex_);
  if (!work_waits_ && !stopped_) work_.WaitFor(mutex_, timeout);
}

void Engine::Wake() {
  work_waits_ = true;
  work_.NotifyAll();
}

void Engine::Stop() {
  MutexLock lock(mutex_);
  stopped_ = true;
  for (const auto& [node, attached] : attached_) {
    attached.sink->End(node, absl::UnavailableError("the coordinator is stopping"));
  }
  work_.NotifyAll();
  changed_.NotifyAll();
}

void Engine::WaitForStop(absl::Duration timeout) {
  MutexLock lock(mutex_);
  const absl::Duration end = SystemClock().Monotonic() + timeout;
  for (absl::Duration left = timeout; !stopped_ && left > absl::ZeroDuration();
       left = end - SystemClock().Monotonic()) {
    changed_.WaitFor(mutex_, left);
  }
}

bool Engine::stopped() {
  MutexLock lock(mutex_);
  return stopped_;
}

absl::Status Engine::Commit(const std::function<absl::Status(StoreTransaction&)>& change) {
  const absl::Duration begin = clock_.Monotonic();
  const absl::Status status = store_.Write(change);
  ObserveSeconds(metrics_, kStoreCommit, absl::ToDoubleSeconds(clock_.Monotonic() - begin));
  if (absl::IsUnavailable(status) || absl::IsDataLoss(status)) options_.on_store_failure(status);
  if (!absl::IsResourceExhausted(status)) return status;
  return ErrorWithReason(absl::StatusCode::kResourceExhausted, "STORE_FULL",
                         absl::StrCat("the store's disk is full: ", status.message()));
}

absl::Status Engine::CommitJob(LiveJob& job, JobChange change) {
  change.record.progress_json = ProgressToJson(change.progress);
  const absl::Time now = clock_.Now();
  const absl::Status stored = Commit([&](StoreTransaction& transaction) -> absl::Status {
    AMAES_RETURN_IF_ERROR(transaction.PutJob(change.record));
    if (change.attempt != nullptr) AMAES_RETURN_IF_ERROR(transaction.PutAttempt(*change.attempt));
    for (const auto& [kind, message] : change.events) {
      AMAES_RETURN_IF_ERROR(transaction.AppendEvent(change.record.id, now, kind, message));
    }
    return change.also ? change.also(transaction) : absl::OkStatus();
  });
  if (!stored.ok()) return stored;
  if (change.record.state != job.record.state) {
    LogInfo("coordinator", "job",
            {{"job", job.record.id.value},
             {"from", JobStateName(job.record.state)},
             {"to", JobStateName(change.record.state)},
             {"attempt", change.record.attempt},
             {"reason", change.record.reason}});
  }
  job.record = std::move(change.record);
  job.progress = std::move(change.progress);
  job.dirty = false;
  Changed(job);
  return absl::OkStatus();
}

void Engine::Changed(LiveJob& job) {
  job.change = ++change_;
  changed_.NotifyAll();
}

LiveJob* Engine::FindLive(const JobId& id) {
  const auto found = live_.find(id);
  return found == live_.end() ? nullptr : &found->second;
}

void Engine::ForgetEnded(const JobId& id) {
  const auto found = live_.find(id);
  if (found == live_.end() || !IsTerminal(found->second.record.state)) return;
  live_.erase(found);
  changed_.NotifyAll();
}

bool Engine::WaitForChange(const JobId& id, std::int64_t seen, absl::Duration timeout) {
  MutexLock lock(mutex_);
  const absl::Duration end = SystemClock().Monotonic() + timeout;
  while (!stopped_) {
    const LiveJob* job = FindLive(id);
    if (job == nullptr || job->change != seen) return true;
    const absl::Duration left = end - SystemClock().Monotonic();
    if (left <= absl::ZeroDuration()) return false;
    changed_.WaitFor(mutex_, left);
  }
  return false;
}

JobView Engine::ViewOf(const LiveJob& job) { return {job.record, job.spec, job.progress, job.change}; }

std::vector<JobView> Engine::LiveJobs() {
  MutexLock lock(mutex_);
  std::vector<JobView> views;
  for (const auto& [id, job] : live_) views.push_back(ViewOf(job));
  return views;
}

std::vector<NodeState> Engine::Nodes() {
  MutexLock lock(mutex_);
  std::vector<NodeState> nodes;
  for (const auto& [id, state] : nodes_.nodes()) nodes.push_back(state);
  return nodes;
}

std::filesystem::path Engine::DatasetFolder(const std::string& name, std::int64_t version) const {
  return options_.home / "datasets" / name / absl::StrCat(version);
}

}  // namespace amaes
