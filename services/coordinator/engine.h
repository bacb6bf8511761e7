// The coordinator's mind: live jobs, nodes, attempts. A monitor: every function takes the one lock, except where it says so.
//
// A change of a job's state goes through NextJobState and is in the store before anything follows from it. Facts that agents
// report are noted first; Advance then does what follows from them. When a commit fails, nothing has happened: the facts
// stay, and the next Tick tries again.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/base/mutex.h"
#include "libs/checkpoint/init_source.h"
#include "libs/dataset/catalogue.h"
#include "libs/scheduler/dependencies.h"
#include "libs/scheduler/node_table.h"
#include "libs/store/store.h"
#include "libs/telemetry/metrics.h"
#include "services/coordinator/catalogue_cache.h"
#include "services/coordinator/engine_types.h"
#include "services/coordinator/live_job.h"
#include "services/coordinator/script_check.h"

namespace amaes {

struct EngineOptions {
  std::filesystem::path home;  // absolute
  absl::Duration heartbeat = absl::Seconds(2);
  absl::Duration lost_after = absl::Seconds(10);
  absl::Duration start_timeout = absl::Seconds(60);  // for a worker's first message
  absl::Duration stop_again = absl::Seconds(40);     // a gang that should be gone by then is told once more
  std::function<std::string()> make_job_id;          // default: "job-" and six random characters
  ScriptChecker check_script;  // default: TorchScript networks are refused, for nobody can look at them
  // The store can no longer be trusted to write: only a new start helps. Called with the lock held; must not block.
  std::function<void(const absl::Status&)> on_store_failure;
};

class Engine {
 public:
  // Takes up the live jobs of the store. `store`, `clock` and `metrics` outlive the engine.   - errors of the store.
  static absl::StatusOr<std::unique_ptr<Engine>> Create(const EngineOptions& options, Store& store, Clock& clock,
                                                        Metrics& metrics);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Does everything that time brings: lost nodes, placement, publishing of ingested datasets, commits that failed.
  // Call from one thread.
  void Tick() ABSL_LOCKS_EXCLUDED(mutex_);
  // Blocks until there is something for Tick to do, or `timeout` has passed.
  void WaitForWork(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mutex_);
  // Ends the agents' streams and wakes everybody who waits; afterwards no wait blocks.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);
  bool stopped() ABSL_LOCKS_EXCLUDED(mutex_);
  // Blocks for `timeout`, or until the engine stops.
  void WaitForStop(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mutex_);

  // Users. Errors are those of the API, with their reasons.
  absl::StatusOr<CreateResult> CreateJob(const CreateRequest& request) ABSL_LOCKS_EXCLUDED(mutex_);
  // By id, or the newest so named.
  absl::StatusOr<JobView> GetJob(const std::string& id_or_name) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<JobView> CancelJob(const std::string& id_or_name) ABSL_LOCKS_EXCLUDED(mutex_);
  // Blocks until the job's `change` is another than `seen`, the engine stops, or `timeout` has passed; false then.
  bool WaitForChange(const JobId& id, std::int64_t seen, absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mutex_);
  // The record with what is only in memory, and the spec and progress in it.
  absl::StatusOr<JobView> View(const JobRecord& record) ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<JobView> LiveJobs() ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<NodeState> Nodes() ABSL_LOCKS_EXCLUDED(mutex_);

  // Datasets. While ingests are held back, none is placed on slots: versions and volumes may be changed and removed.
  //   - FailedPrecondition, INGEST_RUNNING: one into `dataset` (`all`: any) has started and not ended; nothing is held.
  absl::Status HoldIngests(const std::string& dataset, bool all) ABSL_LOCKS_EXCLUDED(mutex_);
  void ReleaseIngests() ABSL_LOCKS_EXCLUDED(mutex_);
  // Moves a staged version, made from version `base` (0: from none), to the next free number of its dataset, or finds that
  // this was done. The caller commits the record.   - Aborted: it was made from another version.   - DataLoss: what is staged does not have the digest, or is damaged.   - NotFound: nothing is staged.
  struct PlacedVersion {
    std::int64_t number = 0;
    DatasetVersion version;
    IngestReport report;
  };
  absl::StatusOr<PlacedVersion> PlaceVersion(const std::filesystem::path& staged_folder, const std::string& dataset,
                                             const std::string& digest, std::int64_t base);
  // Store::Write with what this service does about failures.   - ResourceExhausted, STORE_FULL.   - as Store::Write.
  absl::Status Commit(const std::function<absl::Status(StoreTransaction&)>& change);

  // Agents. A stream that gets an error is to end with it; the agent then dials again, unless it is Aborted.
  //   - InvalidArgument, BAD_REGISTRATION.
  absl::Status Register(const NodeInfo& info, const std::vector<HeldWorker>& held, std::shared_ptr<AgentSink> sink)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // The following do nothing when `sink` is not the node's stream any more, and say so: Aborted, AGENT_REPLACED.
  absl::Status Heartbeat(const NodeId& node, const AgentSink* sink) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Drain(const NodeId& node, const AgentSink* sink) ABSL_LOCKS_EXCLUDED(mutex_);
  // Acknowledged on the stream once durable.   - errors of the store: not durable, nothing acknowledged.
  absl::Status Report(const NodeId& node, const AgentSink* sink, const WorkerName& worker, const WorkerReport& report,
                      std::int64_t sequence) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Exit(const NodeId& node, const AgentSink* sink, const WorkerExit& exit, std::int64_t sequence)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Detach(const NodeId& node, const AgentSink* sink) ABSL_LOCKS_EXCLUDED(mutex_);

  const EngineOptions& options() const { return options_; }
  Store& store() { return store_; }
  CatalogueCache& catalogues() { return catalogues_; }
  std::filesystem::path JobFolder(const JobId& job) const { return options_.home / "jobs" / job.value; }
  std::filesystem::path DatasetFolder(const std::string& name, std::int64_t version) const;
  std::filesystem::path StagingFolder(const LiveJob& job) const;
  // What an ingest that has ended leaves behind, but for what is finished (kIngestRecords): the next one goes on there.
  void DropStaging(const LiveJob& job) const;

 private:
  Engine(const EngineOptions& options, Store& store, Clock& clock, Metrics& metrics);

  // engine.cc
  // What a job is to become, and what is stored with it.
  struct JobChange {
    JobRecord record;
    JobProgress progress;
    std::vector<std::pair<std::string, std::string>> events;  // kind and words
    const AttemptRecord* attempt = nullptr;
    std::function<absl::Status(StoreTransaction&)> also;
  };
  static JobChange Change(const LiveJob& job) { return {job.record, job.progress, {}, nullptr, nullptr}; }
  // The job is what `change` says once that is durable; on an error nothing has changed.
  absl::Status CommitJob(LiveJob& job, JobChange change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Changed(LiveJob& job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Wake() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  LiveJob* FindLive(const JobId& id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  JobView ViewOf(const LiveJob& job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetEnded(const JobId& id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // engine_recover.cc
  absl::Status TakeUp() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<LiveJob*> Adopt(const JobId& id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status TakeUpAttempt(LiveJob& job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // engine_create.cc
  absl::Status CheckDatasetContract(const IngestSpec& spec);
  struct Resolved {
    JobSpec spec;
    std::string dataset;  // NAME@VERSION
    std::string notes;    // for people: what the selection came to
    std::int64_t pass_length = 0;
  };
  absl::StatusOr<Resolved> Resolve(ParsedSpec parsed);
  absl::StatusOr<Resolved> ResolveFinetune(const ParsedSpec& parsed, const absl::StatusOr<DatasetRecord>& record,
                                           std::vector<SpecProblem> problems);
  // Names to ids.   - InvalidArgument: a job that is not there.
  absl::StatusOr<std::string> ResolveAfter(const std::string& after);
  // Tries a network that is a file. INVALID_SPEC under `field`, SCRIPT_UNCHECKED.
  absl::StatusOr<CheckedScript> TryScript(const NetworkOptions& network, const Shape3& patch,
                                          const std::string& field) const;
  absl::Status CheckScriptOf(JobSpec& spec);
  // engine_evaluate.cc. `spec` is valid for itself.
  absl::StatusOr<Resolved> ResolveEvaluation(JobSpec spec);
  absl::StatusOr<CheckpointManifest> FindModel(const JobSpec& spec, EvaluateSpec::Checkpoint& checkpoint);
  absl::StatusOr<DatasetRecord> FindDataset(const TrainingSpec::Dataset& wanted);
  // engine_finetune.cc. The weights of init.from; the folder of a job's checkpoints where the job is still to come to an end.
  absl::StatusOr<InitFile> FindInit(const JobSpec& spec);
  // Adds what is wrong with init.from, and to `notes` what is taken in spite of it. `contract_json`: of the job's dataset; "" = that
  // is not known.   - Unavailable, errors of the store.
  absl::Status ResolveInit(const JobSpec& spec, const std::string& contract_json, DatasetFacts& facts,
                           std::string& notes, std::vector<SpecProblem>& problems);
  // Whether init.from has every tensor of an encoder: INVALID_SPEC. OK where nobody can tell yet, or they need not fit.
  absl::Status CheckInitFits(const FinetuneSpec::Init& init, const std::string& encoder_prefix,
                             const std::vector<TensorShape>& encoder);
  // Fills what the probe's dataset says, and `notes`; or adds what is wrong.   - errors of the store, of the catalogue.
  absl::Status ResolveProbe(JobSpec& spec, const std::string& contract_json, std::string& notes,
                            std::vector<SpecProblem>& problems);
  absl::StatusOr<CreateResult> Replay(const StoreReader::RequestRecord& known, const std::string& digest,
                                      const std::string& request_id);
  absl::StatusOr<std::optional<StoreReader::RequestRecord>> StoreJob(const std::string& request_id,
                                                                     const std::string& digest, Resolved& resolved,
                                                                     JobRecord& record);
  void WriteSpec(const JobId& id, const JobSpec& spec);

  // engine_schedule.cc
  void PlaceWaiting() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Fails the queued jobs whose dependencies did, and says which have to wait for one.
  void FailDependent(LiveJob& job, const DependencyVerdict& verdict) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::set<JobId> HoldDependents() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StartGang(LiveJob& job, const Decision& decision) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  StartWorkerCommand StartCommand(const LiveJob& job, int rank) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // engine_agents.cc
  absl::Status CheckSink(const NodeId& node, const AgentSink* sink) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<WorkerName> Reconcile(const NodeId& node, bool same_process, const std::vector<HeldWorker>& held)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SendTo(const NodeId& node, const AgentCommand& command) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ExpireNodes() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ExpireRanks(LiveJob& job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // engine_reports.cc
  LiveJob* FindCurrent(const NodeId& node, const WorkerName& worker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Fence(const WorkerName& worker, const WorkerReport* report) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Advances, makes durable what is not yet, and acknowledges.
  absl::Status Settle(const NodeId& node, const JobId& job, std::int64_t sequence)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Apply(LiveJob& job, int rank, const WorkerReport& report) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetValue(LiveJob& job, const KeyValue& value) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WaitForValue(LiveJob& job, int rank, const std::string& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status NoteCheckpoint(LiveJob& job, const CheckpointCommitted& report) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status MarkCheckpoint(LiveJob& job, const std::string& name, CheckpointState state, const std::string& why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // engine_lifecycle.cc
  void FailRank(LiveJob& job, int rank, const std::string& cause, const std::string& message, bool retryable,
                bool counts, bool exited) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Does what follows from the facts. Afterwards the job may have ended and be forgotten.
  absl::Status Advance(LiveJob& job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status StopGang(LiveJob& job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SendStop(LiveJob& job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status GangGone(LiveJob& job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // How the live attempt ended.
  struct AttemptEnd {
    std::string cause, message;
    int first_failed_rank = -1;
  };
  absl::Status EndAttempt(LiveJob& job, JobChange change, const AttemptEnd& end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // engine_publish.cc
  struct Publication;
  void PublishWaiting() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<Publication> Publish(const std::filesystem::path& staging, const std::string& dataset,
                                      const std::string& digest);
  void DelayPublication(LiveJob& job, const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status FinishIngest(LiveJob& job, const absl::StatusOr<Publication>& publication)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const EngineOptions options_;
  Store& store_;
  Clock& clock_;
  Metrics& metrics_;
  CatalogueCache catalogues_;

  Mutex mutex_;
  CondVar changed_;  // a job changed
  CondVar work_;     // Tick has something to do
  bool work_waits_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  bool hold_ingests_ ABSL_GUARDED_BY(mutex_) = false;
  NodeTable nodes_ ABSL_GUARDED_BY(mutex_);
  struct Attached {
    std::shared_ptr<AgentSink> sink;
    bool draining = false;
  };
  std::map<NodeId, Attached> attached_ ABSL_GUARDED_BY(mutex_);
  std::map<JobId, LiveJob> live_ ABSL_GUARDED_BY(mutex_);
  std::int64_t change_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration last_tick_ ABSL_GUARDED_BY(mutex_);
  absl::Duration expire_from_ ABSL_GUARDED_BY(mutex_);  // nobody is missed before
};

}  // namespace amaes
