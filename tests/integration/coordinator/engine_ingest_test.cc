// From a staged folder to a dataset version, also when the coordinator dies in between.
#include "absl/strings/str_split.h"
#include "libs/base/files.h"
#include "libs/dataset/catalogue.h"
#include "services/coordinator/job_view.h"
#include "tests/integration/coordinator/engine_fixture.h"

namespace amaes {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class IngestEngineTest : public EngineTest {
 protected:
  JobId SubmitIngest(const std::string& request_id) {
    CreateRequest request;
    request.request_id = request_id;
    request.parsed.spec.kind = JobKind::kIngest;
    request.parsed.spec.ingest.dataset = "heads";
    request.parsed.spec.ingest.from = "/data/scans";
    const absl::StatusOr<CreateResult> result = engine_->CreateJob(request);
    EXPECT_OK(result);
    return result.ok() ? result->job.record.id : JobId();
  }

  std::filesystem::path Folder(const std::string& name) { return home_.path() / "datasets" / "heads" / name; }

  static std::filesystem::path Staged(const std::filesystem::path& staging) { return staging / kStagedVersion; }

  // What a worker stages; the digest.
  static std::string Stage(const std::filesystem::path& folder, int volumes, std::int64_t base = 0) {
    DatasetVersion version;
    version.name = "heads";
    version.base = base;
    for (int i = 0; i < volumes; ++i) {
      CatalogueEntry entry;
      entry.volume = absl::StrCat("volume-", i);
      entry.voxel_digest = absl::StrCat("voxels-", i);
      entry.subject = absl::StrCat("subject-", i);
      entry.source = absl::StrCat("sub-", i, ".nii.gz");
      entry.shape = {4, 4, 4};
      entry.source_shape = {4, 4, 4};
      entry.source_spacing = {1, 1, 1};
      entry.stored_bytes = 100;
      version.entries.push_back(entry);
    }
    FinishVersion(version, nullptr);
    IngestReport report;
    report.files = volumes + 1;
    report.volumes = volumes;
    report.quarantined.push_back({"bad.nii", "torn"});
    EXPECT_OK(files::MakeFolders(folder));
    EXPECT_OK(WriteVersion(folder, version, report));
    return version.digest;
  }

  // The worker's side of an attempt, up to its last word.
  std::string RunWorker(TestAgent& agent, const JobId& id, int volumes) {
    engine_->Tick();
    EXPECT_EQ(State(id), JobState::kStarting);
    const StartWorkerCommand start = agent.started().back();
    EXPECT_EQ(start.kind, "ingest");
    const AttemptNumber attempt = start.worker.attempt;
    EXPECT_OK(agent.Report({id, attempt, 0}, IngestCount{.files = volumes + 1, .done = 1}));
    EXPECT_EQ(State(id), JobState::kRunning);
    const auto newest = store_->GetDataset("heads", 0);
    const std::string digest = Stage(Staged(start.start.staging_folder), volumes, newest.ok() ? newest->version : 0);
    EXPECT_OK(agent.Report({id, attempt, 0}, DatasetStaged{digest}));
    EXPECT_OK(agent.Report({id, attempt, 0}, WorkerFinished{true, 0}));
    return digest;
  }

  JobId Ingest(TestAgent& agent, const std::string& request_id, int volumes) {
    const JobId id = SubmitIngest(request_id);
    RunWorker(agent, id, volumes);
    EXPECT_OK(agent.Exit({id, 1, 0}, "FINISHED"));
    engine_->Tick();
    return id;
  }
};

TEST_F(IngestEngineTest, AStagedFolderBecomesAVersion) {
  TestAgent agent("a", 1);
  ASSERT_OK(agent.Register(*engine_));
  const JobId id = Ingest(agent, "r1", 10);
  EXPECT_EQ(State(id), JobState::kSucceeded);
  EXPECT_EQ(Job(id).record.dataset, "heads@1");
  EXPECT_OK(ReadVersion(Folder("1")));
  EXPECT_FALSE(std::filesystem::exists(Folder(".staging-" + id.value)));
  const auto record = store_->GetDataset("heads", 0);
  ASSERT_OK(record);
  EXPECT_EQ(record->version, 1);
  EXPECT_EQ(record->volumes, 10);
  EXPECT_EQ(record->training_volumes + record->held_out_volumes, 10);
  EXPECT_EQ(record->subjects, 10);
  EXPECT_EQ(record->quarantined, 1);
  EXPECT_EQ(record->stored_bytes, 1000);
  EXPECT_EQ(record->job, id);
}

TEST_F(IngestEngineTest, TheNextVersionKnowsTheOneBefore) {
  TestAgent agent("a", 1);
  ASSERT_OK(agent.Register(*engine_));
  Ingest(agent, "r1", 10);
  const JobId second = Ingest(agent, "r2", 12);
  EXPECT_EQ(Job(second).record.dataset, "heads@2");
  EXPECT_EQ(agent.started().back().start.previous_folder, Folder("1").string());
}

TEST_F(IngestEngineTest, NothingNewMakesNoVersion) {
  TestAgent agent("a", 1);
  ASSERT_OK(agent.Register(*engine_));
  Ingest(agent, "r1", 10);
  const JobId again = Ingest(agent, "r2", 10);
  EXPECT_EQ(State(again), JobState::kSucceeded);
  EXPECT_THAT(Job(again).record.message, HasSubstr("nothing new: equals heads@1"));
  EXPECT_EQ(store_->GetDataset("heads", 0)->version, 1);
  EXPECT_FALSE(std::filesystem::exists(Folder("2")));
  EXPECT_FALSE(std::filesystem::exists(Folder(".staging-" + again.value)));
}

TEST_F(IngestEngineTest, FactsThatChangedMakeAVersionOfTheSameVolumes) {
  TestAgent agent("a", 1);
  ASSERT_OK(agent.Register(*engine_));
  Ingest(agent, "r1", 10);
  ASSERT_OK_AND_ASSIGN(DatasetVersion version, ReadVersion(Folder("1")));
  ASSERT_OK_AND_ASSIGN(const IngestReport report, ReadReport(Folder("1")));
  const JobId id = SubmitIngest("r2");
  engine_->Tick();
  const std::filesystem::path staged = Staged(agent.started().back().start.staging_folder);
  version.base = 1;
  version.entries[0].info["age_years"] = "54";
  ASSERT_OK(files::MakeFolders(staged));
  ASSERT_OK(WriteVersion(staged, version, report));
  EXPECT_OK(agent.Report({id, 1, 0}, DatasetStaged{version.digest}));
  EXPECT_OK(agent.Report({id, 1, 0}, WorkerFinished{true, 0}));
  EXPECT_OK(agent.Exit({id, 1, 0}, "FINISHED"));
  engine_->Tick();
  EXPECT_EQ(Job(id).record.dataset, "heads@2");
  EXPECT_EQ(store_->GetDataset("heads", 2)->digest, store_->GetDataset("heads", 1)->digest);
}

TEST_F(IngestEngineTest, ACrashAfterTheLastWordPublishesAtTheNextStart) {
  TestAgent agent("a", 1);
  ASSERT_OK(agent.Register(*engine_));
  const JobId id = SubmitIngest("r1");
  RunWorker(agent, id, 10);
  EXPECT_OK(agent.Exit({id, 1, 0}, "FINISHED"));
  Restart();
  engine_->Tick();
  engine_->Tick();
  EXPECT_EQ(State(id), JobState::kSucceeded);
  EXPECT_EQ(store_->GetDataset("heads", 0)->version, 1);
}

TEST_F(IngestEngineTest, ACrashBetweenRenameAndCommitAdoptsTheFolder) {
  TestAgent agent("a", 1);
  ASSERT_OK(agent.Register(*engine_));
  const JobId id = SubmitIngest("r1");
  RunWorker(agent, id, 10);
  EXPECT_OK(agent.Exit({id, 1, 0}, "FINISHED"));
  store_->fail_writes = 1000;
  engine_->Tick();
  EXPECT_TRUE(std::filesystem::exists(Folder("1")));
  EXPECT_THAT(store_->GetDataset("heads", 0), StatusIs(absl::StatusCode::kNotFound));
  Restart();
  engine_->Tick();
  engine_->Tick();
  EXPECT_EQ(State(id), JobState::kSucceeded);
  EXPECT_EQ(Job(id).record.dataset, "heads@1");
  EXPECT_FALSE(std::filesystem::exists(Folder("2")));
}

TEST_F(IngestEngineTest, AFullDiskDelaysTheCommitOnly) {
  TestAgent agent("a", 1);
  ASSERT_OK(agent.Register(*engine_));
  const JobId id = SubmitIngest("r1");
  RunWorker(agent, id, 10);
  EXPECT_OK(agent.Exit({id, 1, 0}, "FINISHED"));
  store_->fail_writes = 1;
  engine_->Tick();
  EXPECT_EQ(State(id), JobState::kRunning);
  clock_.Advance(absl::Seconds(1));
  engine_->Tick();
  EXPECT_EQ(State(id), JobState::kSucceeded);
}

// A disk that stays full is one line in the log and a try now and then, not two of each per second.
TEST_F(IngestEngineTest, APublicationThatKeepsFailingIsTriedEverMoreRarely) {
  TestAgent agent("a", 1);
  ASSERT_OK(agent.Register(*engine_));
  const JobId id = SubmitIngest("r1");
  RunWorker(agent, id, 10);
  EXPECT_OK(agent.Exit({id, 1, 0}, "FINISHED"));
  constexpr int kMany = 1000000;
  store_->fail_writes = kMany;
  ::testing::internal::CaptureStderr();
  for (int tick = 0; tick < 240; ++tick) {
    engine_->Tick();
    clock_.Advance(absl::Milliseconds(500));
    EXPECT_OK(agent.Heartbeat());
  }
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::vector<std::string>(absl::StrSplit(log, "cannot publish a dataset")).size(), 2u) << log;
  EXPECT_LE(kMany - store_->fail_writes, 10);
  store_->fail_writes = 0;
  clock_.Advance(absl::Minutes(1));
  engine_->Tick();
  EXPECT_EQ(State(id), JobState::kSucceeded);
}

TEST_F(IngestEngineTest, AVersionThatCameInBetweenIsNotLost) {
  TestAgent agent("a", 2);
  ASSERT_OK(agent.Register(*engine_));
  const JobId first = SubmitIngest("r1");
  const JobId second = SubmitIngest("r2");
  engine_->Tick();
  const std::string staging = Folder(".staging-" + second.value).string();
  const std::string digest = Stage(Staged(staging), 12);  // made from no version
  EXPECT_OK(agent.Report({first, 1, 0}, DatasetStaged{Stage(Staged(Folder(".staging-" + first.value)), 10)}));
  EXPECT_OK(agent.Report({first, 1, 0}, WorkerFinished{true, 0}));
  EXPECT_OK(agent.Exit({first, 1, 0}, "FINISHED"));
  ASSERT_OK(files::MakeFolders(Folder(kIngestRecords)));
  ASSERT_OK(files::WriteAtomic(Folder(kIngestRecords) / "record", "of the second"));
  engine_->Tick();
  EXPECT_EQ(Job(first).record.dataset, "heads@1");
  EXPECT_TRUE(std::filesystem::exists(Folder(kIngestRecords) / "record"));
  EXPECT_OK(agent.Report({second, 1, 0}, DatasetStaged{digest}));
  EXPECT_OK(agent.Report({second, 1, 0}, WorkerFinished{true, 0}));
  EXPECT_OK(agent.Exit({second, 1, 0}, "FINISHED"));
  engine_->Tick();
  EXPECT_EQ(store_->GetDataset("heads", 0)->version, 1);
  EXPECT_EQ(store_->GetAttempt(second, 1)->cause, "DATASET_CHANGED");
  clock_.Advance(absl::Minutes(5));
  EXPECT_OK(agent.Heartbeat());
  engine_->Tick();
  const WorkerStart start = agent.started().back().start;
  EXPECT_EQ(start.attempt, 2);
  EXPECT_EQ(start.previous_folder, Folder("1").string());
  EXPECT_OK(agent.Report({second, 2, 0}, DatasetStaged{Stage(Staged(staging), 12, 1)}));
  EXPECT_OK(agent.Report({second, 2, 0}, WorkerFinished{true, 0}));
  EXPECT_OK(agent.Exit({second, 2, 0}, "FINISHED"));
  engine_->Tick();
  EXPECT_EQ(Job(second).record.dataset, "heads@2");
  EXPECT_FALSE(std::filesystem::exists(Folder(kIngestRecords)));
}

TEST_F(IngestEngineTest, AnotherContractIsRefusedAtSubmit) {
  TestAgent agent("a", 1);
  ASSERT_OK(agent.Register(*engine_));
  Ingest(agent, "r1", 10);
  CreateRequest request;
  request.request_id = "r2";
  request.parsed.spec.kind = JobKind::kIngest;
  request.parsed.spec.ingest.dataset = "heads";
  request.parsed.spec.ingest.from = "/data/scans";
  request.parsed.spec.ingest.spacing = "1x1x2";
  const absl::Status refused = engine_->CreateJob(request).status();
  EXPECT_THAT(refused,
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("has the contract amaes at 1 mm, and this ingest asks for amaes at 1x1x2 mm")));
  EXPECT_EQ(ReasonOf(refused), "CONTRACT_DIFFERS");
  request.parsed.spec.ingest.spacing = "median";  // the dataset's own
  EXPECT_OK(engine_->CreateJob(request));
}

TEST_F(IngestEngineTest, ProgressIsTheSumOverTheRanks) {
  TestAgent agent("a", 2);
  ASSERT_OK(agent.Register(*engine_));
  CreateRequest request;
  request.request_id = "r1";
  request.parsed.spec.kind = JobKind::kIngest;
  request.parsed.spec.ingest.dataset = "heads";
  request.parsed.spec.ingest.from = "/data/scans";
  request.parsed.spec.ingest.workers = 2;
  const auto result = engine_->CreateJob(request);
  ASSERT_OK(result);
  const JobId id = result->job.record.id;
  engine_->Tick();
  ASSERT_THAT(agent.started(), SizeIs(2));
  EXPECT_EQ(agent.started()[1].start.world_size, 2);
  EXPECT_OK(agent.Report({id, 1, 0}, IngestCount{.files = 6, .done = 2, .total_voxels = 100, .voxels_per_second = 4}));
  EXPECT_OK(agent.Report({id, 1, 1}, IngestCount{.files = 5, .done = 1, .voxels = 10, .voxels_per_second = 2}));
  EXPECT_OK(agent.Report({id, 1, 1}, IngestCount{.files = 5, .done = 3, .voxels = 40, .voxels_per_second = 6}));
  const IngestCount sum = Job(id).progress.ingest;
  EXPECT_EQ(sum.files, 11);
  EXPECT_EQ(sum.done, 5);
  EXPECT_DOUBLE_EQ(IngestEta(Job(id)), 6);
  // The other rank is done and gone when the coordinator is killed.
  EXPECT_OK(agent.Report({id, 1, 1}, WorkerFinished{true, 0}));
  EXPECT_OK(agent.Exit({id, 1, 1}, "FINISHED"));
  Restart();
  EXPECT_EQ(Job(id).progress.ingest, sum);
}

TEST_F(IngestEngineTest, WhatIsFinishedOutlivesACancelledIngest) {
  TestAgent agent("a", 1);
  ASSERT_OK(agent.Register(*engine_));
  const JobId id = SubmitIngest("r1");
  engine_->Tick();
  ASSERT_OK(files::MakeFolders(Folder(kIngestRecords)));
  ASSERT_OK(files::MakeFolders(Folder(".staging-" + id.value)));
  EXPECT_OK(agent.Report({id, 1, 0}, IngestCount{.files = 5, .done = 2}));
  EXPECT_OK(engine_->CancelJob(id.value));
  EXPECT_OK(agent.Report({id, 1, 0}, WorkerFinished{false, 0}));
  EXPECT_OK(agent.Exit({id, 1, 0}, "FINISHED"));
  engine_->Tick();
  EXPECT_EQ(State(id), JobState::kCancelled);
  EXPECT_TRUE(std::filesystem::exists(Folder(kIngestRecords)));
  EXPECT_FALSE(std::filesystem::exists(Folder(".staging-" + id.value)));
}

TEST_F(IngestEngineTest, AForeignFolderIsNotOverwritten) {
  TestAgent agent("a", 1);
  ASSERT_OK(agent.Register(*engine_));
  Stage(Folder("1"), 3);
  const JobId id = Ingest(agent, "r1", 10);
  EXPECT_EQ(Job(id).record.dataset, "heads@2");
  EXPECT_THAT(ReadVersion(Folder("1"))->entries, SizeIs(3));
}

TEST_F(IngestEngineTest, AStagedFolderThatDoesNotFitIsStagedAgain) {
  TestAgent agent("a", 1);
  ASSERT_OK(agent.Register(*engine_));
  const JobId id = SubmitIngest("r1");
  RunWorker(agent, id, 10);
  ASSERT_OK(files::WriteAtomic(Staged(Folder(".staging-" + id.value)) / "catalogue.jsonl.zst", "torn"));
  EXPECT_OK(agent.Exit({id, 1, 0}, "FINISHED"));
  engine_->Tick();
  EXPECT_EQ(store_->GetAttempt(id, 1)->cause, "PUBLISH_FAILED");
  EXPECT_EQ(Job(id).record.budget.restarts, 1);
  EXPECT_EQ(Job(id).record.attempt, 2);
  EXPECT_EQ(agent.started().back().start.staging_folder, Folder(".staging-" + id.value).string());
  const std::string digest = Stage(Staged(agent.started().back().start.staging_folder), 10);
  EXPECT_OK(agent.Report({id, 2, 0}, DatasetStaged{digest}));
  EXPECT_OK(agent.Report({id, 2, 0}, WorkerFinished{true, 0}));
  EXPECT_OK(agent.Exit({id, 2, 0}, "FINISHED"));
  engine_->Tick();
  EXPECT_EQ(State(id), JobState::kSucceeded);
}

TEST_F(IngestEngineTest, AKilledIngestGoesOnInTheSameFolder) {
  TestAgent agent("a", 1);
  ASSERT_OK(agent.Register(*engine_));
  const JobId id = SubmitIngest("r1");
  engine_->Tick();
  const std::string staging = agent.started().back().start.staging_folder;
  EXPECT_OK(agent.Report({id, 1, 0}, IngestCount{.files = 5, .done = 2}));
  EXPECT_OK(agent.Exit({id, 1, 0}, "KILLED"));
  engine_->Tick();
  EXPECT_EQ(Job(id).record.attempt, 2);
  EXPECT_EQ(agent.started().back().start.staging_folder, staging);
  EXPECT_EQ(Job(id).record.budget.without_progress, 0);
}

}  // namespace
}  // namespace amaes
