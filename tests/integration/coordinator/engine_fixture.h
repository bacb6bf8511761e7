// An engine on a real store, with a clock that the test moves and agents that do what they are told. No gRPC.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/testing/fake_clock.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/rpc/errors.h"
#include "libs/volume/contract.h"
#include "services/coordinator/engine.h"

namespace amaes {

// Passes everything to a real store; the next writes can be made to fail, or to report failure after they were done.
class UnreliableStore final : public Store {
 public:
  explicit UnreliableStore(std::unique_ptr<Store> store) : store_(std::move(store)) {}

  int fail_writes = 0;   // this many: nothing is stored
  int lose_replies = 0;  // this many: stored, and an error all the same
  absl::Status error = absl::ResourceExhaustedError("disk full");
  std::int64_t writes = 0;

  absl::Status Write(std::function<absl::Status(StoreTransaction&)> change) override {
    ++writes;
    if (fail_writes > 0) {
      --fail_writes;
      return error;
    }
    const absl::Status status = store_->Write(std::move(change));
    if (lose_replies > 0) {
      --lose_replies;
      return absl::UnavailableError("outcome unknown");
    }
    return status;
  }
  Statistics statistics() const override { return store_->statistics(); }
  absl::StatusOr<JobRecord> GetJob(const JobId& id) override { return store_->GetJob(id); }
  absl::StatusOr<JobRecord> FindJobByName(const std::string& name) override { return store_->FindJobByName(name); }
  absl::StatusOr<Page<JobRecord>> ListJobs(const JobFilter& filter, int size, const std::string& cursor) override {
    return store_->ListJobs(filter, size, cursor);
  }
  absl::StatusOr<std::vector<JobRecord>> LiveJobs() override { return store_->LiveJobs(); }
  absl::StatusOr<AttemptRecord> GetAttempt(const JobId& job, AttemptNumber number) override {
    return store_->GetAttempt(job, number);
  }
  absl::StatusOr<std::vector<AttemptRecord>> ListAttempts(const JobId& job) override {
    return store_->ListAttempts(job);
  }
  absl::StatusOr<CheckpointRecord> GetCheckpoint(const JobId& job, const std::string& name) override {
    return store_->GetCheckpoint(job, name);
  }
  absl::StatusOr<Page<CheckpointRecord>> ListCheckpoints(const CheckpointFilter& filter, int size,
                                                         const std::string& cursor) override {
    return store_->ListCheckpoints(filter, size, cursor);
  }
  absl::StatusOr<DatasetRecord> GetDataset(const std::string& name, std::int64_t version) override {
    return store_->GetDataset(name, version);
  }
  absl::StatusOr<Page<DatasetRecord>> ListDatasets(const std::string& name, int size,
                                                   const std::string& cursor) override {
    return store_->ListDatasets(name, size, cursor);
  }
  absl::StatusOr<std::int64_t> LastDatasetVersion(const std::string& name) override {
    return store_->LastDatasetVersion(name);
  }
  absl::StatusOr<DatasetChangeRecord> GetDatasetChange(const std::string& request_id) override {
    return store_->GetDatasetChange(request_id);
  }
  absl::StatusOr<std::vector<DatasetChangeRecord>> PendingDatasetChanges() override {
    return store_->PendingDatasetChanges();
  }
  absl::StatusOr<Page<EventRecord>> ListEvents(const JobId& job, int size, const std::string& cursor) override {
    return store_->ListEvents(job, size, cursor);
  }
  absl::StatusOr<RequestRecord> GetRequest(const std::string& id) override { return store_->GetRequest(id); }
  absl::StatusOr<std::vector<std::pair<JobState, std::int64_t>>> CountJobs() override { return store_->CountJobs(); }

 private:
  std::unique_ptr<Store> store_;
};

class RecordingSink final : public AgentSink {
 public:
  void Send(const NodeId&, const AgentCommand& command) override { commands.push_back(command); }
  void End(const NodeId&, const absl::Status& status) override { end = status; }

  template <typename Command>
  std::vector<Command> All() const {
    std::vector<Command> found;
    for (const AgentCommand& command : commands) {
      if (const auto* one = std::get_if<Command>(&command)) found.push_back(*one);
    }
    return found;
  }

  std::vector<AgentCommand> commands;
  absl::Status end;
};

// One agent; remembers what it was told to run.
class TestAgent {
 public:
  TestAgent(std::string name, int slots, std::string incarnation = "i1")
      : name_(std::move(name)), slots_(slots), incarnation_(std::move(incarnation)) {}

  NodeInfo Info() const {
    NodeInfo info;
    info.node = NodeId(name_);
    info.incarnation = Incarnation(incarnation_);
    info.address = "10.0.0.1";
    for (int i = 0; i < slots_; ++i) info.slots.push_back({.index = i});
    return info;
  }

  absl::Status Register(Engine& engine, const std::vector<HeldWorker>& held = {}) {
    engine_ = &engine;
    sink = std::make_shared<RecordingSink>();
    return engine.Register(Info(), held, sink);
  }
  absl::Status Heartbeat() { return engine_->Heartbeat(NodeId(name_), sink.get()); }
  absl::Status Report(const WorkerName& worker, const WorkerReport& report, std::int64_t sequence = 0) {
    return engine_->Report(NodeId(name_), sink.get(), worker, report, sequence);
  }
  absl::Status Exit(const WorkerName& worker, const std::string& cause, const std::string& message = "",
                    bool retryable = true, std::int64_t sequence = 0) {
    return engine_->Exit(NodeId(name_), sink.get(), {worker, cause, message, retryable}, sequence);
  }
  void Detach() { engine_->Detach(NodeId(name_), sink.get()); }
  absl::Status Drain() { return engine_->Drain(NodeId(name_), sink.get()); }
  std::vector<StartWorkerCommand> started() const { return sink->All<StartWorkerCommand>(); }
  void NewIncarnation() { incarnation_ += "x"; }

  std::shared_ptr<RecordingSink> sink;

 private:
  std::string name_;
  int slots_;
  std::string incarnation_;
  Engine* engine_ = nullptr;
};

class EngineTest : public ::testing::Test {
 protected:
  EngineTest() {
    OpenStore();
    AddDataset("brains", 1, "digest-1", 40);
    Start();
  }

  void OpenStore() {
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(home_.path() / "store" / "amaes.db");
    ASSERT_OK(store);
    store_ = std::make_unique<UnreliableStore>(*std::move(store));
  }

  void Start() {
    EngineOptions options;
    options.home = home_.path();
    options.make_job_id = [this] { return absl::StrCat("job-", ++jobs_made_); };
    options.check_script = check_script_;
    absl::StatusOr<std::unique_ptr<Engine>> engine = Engine::Create(options, *store_, clock_, *metrics_);
    ASSERT_OK(engine);
    engine_ = *std::move(engine);
  }

  // As after kill -9: nothing that was in memory is left.
  void Restart() {
    engine_.reset();
    store_.reset();
    OpenStore();
    Start();
  }

  void AddDataset(const std::string& name, std::int64_t version, const std::string& digest, std::int64_t volumes) {
    DatasetRecord record;
    record.name = name;
    record.version = version;
    record.digest = digest;
    record.contract_json = ContractJson(Contract());
    record.volumes = record.training_volumes = volumes;
    record.created = clock_.Now();
    ASSERT_OK(store_->Write([&](StoreTransaction& transaction) { return transaction.PutDataset(record); }));
  }

  static CreateRequest Pretrain(int workers, const std::string& request_id, std::int64_t steps = 100) {
    CreateRequest request;
    request.request_id = request_id;
    PretrainSpec& spec = request.parsed.spec.pretrain;
    spec.dataset.name = "brains";
    spec.workers = workers;
    spec.schedule.steps = steps;
    spec.device = "cpu";
    return request;
  }

  // The id of a new job.
  JobId Submit(int workers, const std::string& request_id = "r1") {
    const absl::StatusOr<CreateResult> result = engine_->CreateJob(Pretrain(workers, request_id));
    EXPECT_OK(result);
    return result.ok() ? result->job.record.id : JobId();
  }

  JobView Job(const JobId& id) {
    const absl::StatusOr<JobView> view = engine_->GetJob(id.value);
    EXPECT_OK(view);
    return view.ok() ? *view : JobView();
  }
  JobState State(const JobId& id) { return Job(id).record.state; }

  std::vector<std::string> EventKinds(const JobId& id) {
    std::vector<std::string> kinds;
    const auto page = store_->ListEvents(id, 1000, "");
    EXPECT_OK(page);
    if (page.ok()) {
      for (const EventRecord& event : page->records) kinds.push_back(event.kind);
    }
    return kinds;
  }

  // Value of a series, e.g. `amaes_fenced_reports_total`; -1 when it is not there.
  double Metric(const std::string& series) {
    const std::string text = "\n" + metrics_->Serialize();
    const std::size_t place = text.find("\n" + series + " ");
    return place == std::string::npos ? -1 : std::stod(text.substr(place + series.size() + 2));
  }

  void Pass(absl::Duration time) {
    clock_.Advance(time);
    engine_->Tick();
  }

  // Two ranks on one agent that train.
  JobId RunTwoRanks(TestAgent& agent) {
    EXPECT_OK(agent.Register(*engine_));
    const JobId id = Submit(2);
    engine_->Tick();
    Train(agent, id, 1);
    EXPECT_EQ(State(id), JobState::kRunning);
    return id;
  }

  void Train(TestAgent& agent, const JobId& id, AttemptNumber attempt, std::int64_t step = 1) {
    for (int rank = 0; rank < 2; ++rank) EXPECT_OK(agent.Report({id, attempt, rank}, WorkerPhase{"train", 0}));
    TrainProgress progress;
    progress.step = step;
    EXPECT_OK(agent.Report({id, attempt, 0}, progress));
  }

  void FinishAll(TestAgent& agent, const JobId& id, AttemptNumber attempt, int ranks = 2) {
    for (int rank = 0; rank < ranks; ++rank) {
      EXPECT_OK(agent.Report({id, attempt, rank}, WorkerFinished{true, 100}));
      EXPECT_OK(agent.Exit({id, attempt, rank}, "FINISHED"));
    }
  }

  TempDir home_;
  FakeClock clock_;
  std::unique_ptr<Metrics> metrics_ = MakePrometheusMetrics();
  std::unique_ptr<UnreliableStore> store_;
  std::unique_ptr<Engine> engine_;
  int jobs_made_ = 0;
  ScriptChecker check_script_;  // of the engine that starts next
};

}  // namespace amaes
