// CreateJob: stored once, whatever is lost.
#include <thread>

#include "libs/base/digest.h"
#include "libs/base/files.h"
#include "libs/dataset/selection.h"
#include "tests/integration/coordinator/engine_fixture.h"

namespace amaes {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(EngineTest, AJobIsStoredCompleteAndWaits) {
  const absl::StatusOr<CreateResult> result = engine_->CreateJob(Pretrain(2, "r1"));
  ASSERT_OK(result);
  EXPECT_FALSE(result->replayed);
  EXPECT_GT(result->estimate.parameters, 0);
  const JobRecord& record = result->job.record;
  EXPECT_EQ(record.id.value, "job-1");
  EXPECT_EQ(record.name, "job-1");
  EXPECT_EQ(record.state, JobState::kQueued);
  EXPECT_EQ(record.dataset, "brains@1");
  ASSERT_OK_AND_ASSIGN(const JobSpec spec, SpecFromCompleteJson(record.spec_json));
  EXPECT_EQ(spec.pretrain.dataset.version, 1);
  EXPECT_EQ(spec.pretrain.dataset.digest, "digest-1");
  EXPECT_TRUE(std::filesystem::exists(home_.path() / "jobs" / "job-1" / "spec.yaml"));
  engine_->Tick();
  EXPECT_EQ(Job(record.id).record.reason, "NO_NODES");
}

TEST_F(EngineTest, TheSameRequestGivesTheSameJob) {
  const JobId id = Submit(1);
  for (int i = 0; i < 2; ++i) {
    const absl::StatusOr<CreateResult> again = engine_->CreateJob(Pretrain(1, "r1"));
    ASSERT_OK(again);
    EXPECT_TRUE(again->replayed);
    EXPECT_EQ(again->job.record.id, id);
    Restart();
  }
  const absl::StatusOr<CreateResult> other = engine_->CreateJob(Pretrain(1, "r1", 7));
  EXPECT_THAT(other, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(ReasonOf(other.status()), "REQUEST_ID_REUSED");
  EXPECT_EQ(store_->ListJobs({}, 10, "")->records.size(), 1u);
  EXPECT_EQ(Metric("amaes_idempotent_replays_total"), 2);
  EXPECT_EQ(Metric("amaes_jobs_submitted_total"), 1);
}

TEST_F(EngineTest, TheSameRequestFromManyThreadsGivesOneJob) {
  std::vector<std::thread> threads;
  Mutex mutex;
  std::set<std::string> ids;
  int made = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const absl::StatusOr<CreateResult> result = engine_->CreateJob(Pretrain(1, "r1"));
      MutexLock lock(mutex);
      if (!result.ok()) return;
      ids.insert(result->job.record.id.value);
      made += result->replayed ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ids.size(), 1u);
  EXPECT_EQ(made, 1);
  EXPECT_EQ(store_->ListJobs({}, 10, "")->records.size(), 1u);
  EXPECT_EQ(engine_->LiveJobs().size(), 1u);
}

TEST_F(EngineTest, ALostReplyIsAskedForAgain) {
  store_->lose_replies = 1;
  EXPECT_THAT(engine_->CreateJob(Pretrain(1, "r1")), StatusIs(absl::StatusCode::kUnavailable));
  const absl::StatusOr<CreateResult> again = engine_->CreateJob(Pretrain(1, "r1"));
  ASSERT_OK(again);
  EXPECT_TRUE(again->replayed);
  Restart();
  EXPECT_EQ(engine_->LiveJobs().size(), 1u);
}

TEST_F(EngineTest, ValidateOnlyStoresNothing) {
  CreateRequest request = Pretrain(1, "");
  request.validate_only = true;
  const absl::StatusOr<CreateResult> result = engine_->CreateJob(request);
  ASSERT_OK(result);
  EXPECT_TRUE(result->job.record.id.empty());
  EXPECT_GT(result->estimate.checkpoint_bytes, 0);
  EXPECT_TRUE(store_->ListJobs({}, 10, "")->records.empty());
}

TEST_F(EngineTest, TimeIsEstimatedByAJobOfTheSameArithmetic) {
  CreateRequest asked = Pretrain(2, "r1");
  ASSERT_OK_AND_ASSIGN(const CreateResult first, engine_->CreateJob(asked));
  EXPECT_THAT(first.estimate.basis, HasSubstr("assumed"));
  EXPECT_GT(first.estimate.seconds, 0);
  JobProgress progress;
  progress.training.samples_per_second = 8;
  JobRecord record = first.job.record;
  record.progress_json = ProgressToJson(progress);
  ASSERT_OK(store_->Write([&](StoreTransaction& transaction) { return transaction.PutJob(record); }));
  // Half the workers, twice the steps.
  CreateRequest twice = Pretrain(1, "r2", 200);
  ASSERT_OK_AND_ASSIGN(const CreateResult second, engine_->CreateJob(twice));
  EXPECT_THAT(second.estimate.basis, HasSubstr(record.id.value));
  EXPECT_DOUBLE_EQ(second.estimate.seconds,
                   200.0 * static_cast<double>(second.job.spec.pretrain.global_batch) / (8.0 / 2));
  // Another decoder costs something else: that speed says nothing about it.
  CreateRequest other = Pretrain(2, "r3");
  other.parsed.spec.pretrain.network.decoder = "standard";
  ASSERT_OK_AND_ASSIGN(const CreateResult third, engine_->CreateJob(other));
  EXPECT_THAT(third.estimate.basis, HasSubstr("assumed"));
}

TEST_F(EngineTest, EveryProblemIsReportedAtOnce) {
  CreateRequest request = Pretrain(1, "r1");
  request.parsed.problems.push_back({"colour", "unknown field"});
  request.parsed.spec.pretrain.patch = Cube(7);
  request.parsed.spec.pretrain.mask.ratio = 2;
  const absl::Status status = engine_->CreateJob(request).status();
  EXPECT_EQ(ReasonOf(status), "INVALID_SPEC");
  EXPECT_GE(ProblemsOf(status).size(), 3u);
  EXPECT_THAT(std::string(status.message()), HasSubstr("colour"));
}

TEST_F(EngineTest, TheDatasetsContractIsTheOneThatTheJobExpects) {
  CreateRequest request = Pretrain(1, "r1");  // on volumes of contract amaes
  TrainingSpec::Dataset& dataset = request.parsed.spec.pretrain.dataset;
  for (const char* fits : {"", "amaes"}) {
    request.request_id = absl::StrCat("r-", fits);
    dataset.contract = fits;
    ASSERT_OK_AND_ASSIGN(const CreateResult result, engine_->CreateJob(request));
    EXPECT_EQ(result.job.spec.pretrain.dataset.contract, fits);
  }
  request.request_id = "r-other";
  dataset.contract = "zscore";
  const absl::Status refused = engine_->CreateJob(request).status();
  EXPECT_THAT(refused.message(), HasSubstr("dataset.contract"));
  EXPECT_THAT(refused.message(), HasSubstr("volumes of contract zscore are expected, those of brains@1 were prepared "
                                           "under amaes at 1 mm"));
  EXPECT_THAT(refused.message(), HasSubstr("--contract zscore"));
  // The preset for stock nnU-Net knows.
  request.parsed = ParseSpec(PresetText("amaes-resenc-l").value(), {"dataset=brains"});
  EXPECT_THAT(engine_->CreateJob(request).status().message(), HasSubstr("volumes of contract zscore are expected"));
}

TEST_F(EngineTest, FilterAndRepeatsAreResolvedAtSubmit) {
  DatasetVersion version;
  version.name = "sites";
  version.version = 1;
  for (int i = 0; i < 40; ++i) {
    CatalogueEntry entry;
    entry.subject = absl::StrCat("sub-", i);
    entry.volume = Sha256Hex(entry.subject);
    entry.voxel_digest = Sha256Hex(entry.volume);
    entry.shape = {8, 8, 8};
    entry.modality = i % 4 == 0 ? "FLAIR" : "T1w";
    version.entries.push_back(entry);
  }
  FinishVersion(version, nullptr);
  const std::filesystem::path folder = home_.path() / "datasets" / "sites" / "1";
  ASSERT_OK(files::MakeFolders(folder));
  ASSERT_OK(WriteVersion(folder, version, {}));
  AddDataset("sites", 1, version.digest, static_cast<std::int64_t>(version.Indices(Split::kTrain).size()));
  ASSERT_OK_AND_ASSIGN(const Selection expected, ResolveSelection(version, "modality=FLAIR", "subject=sub-4|sub-8:5"));
  const auto request = [](const char* filter, const char* repeats, const char* id) {
    CreateRequest out = Pretrain(1, id, 0);
    out.parsed.spec.pretrain.dataset = {.name = "sites", .filter = filter, .repeats = repeats};
    out.parsed.spec.pretrain.schedule.passes = 4;
    out.parsed.spec.pretrain.global_batch = 2;
    return out;
  };
  const absl::StatusOr<CreateResult> result =
      engine_->CreateJob(request("modality=FLAIR", "subject=sub-4|sub-8:5", "r1"));
  ASSERT_OK(result);
  ASSERT_OK_AND_ASSIGN(const JobSpec spec, SpecFromCompleteJson(result->job.record.spec_json));
  EXPECT_EQ(spec.pretrain.dataset.selection, expected.digest);
  EXPECT_EQ(spec.pretrain.schedule.steps, 4 * (expected.size() / 2)) << "a pass is once through the list";
  ASSERT_OK_AND_ASSIGN(const auto events, store_->ListEvents(result->job.record.id, 10, ""));
  EXPECT_THAT(events.records.front().message,
              HasSubstr(absl::StrCat(expected.volumes.size(), " of ", version.Indices(Split::kTrain).size(),
                                     " training volumes, ", expected.size(), " visits a pass")));
  CreateRequest dry = request("modality=FLAIR", "", "");
  dry.validate_only = true;
  const absl::StatusOr<CreateResult> checked = engine_->CreateJob(dry);
  ASSERT_OK(checked);
  EXPECT_THAT(checked->job.record.message, HasSubstr("visits a pass"));
  // All that is wrong at once: with the values, with the syntax, with what the catalogue has.
  CreateRequest wrong = request("modaliti=T1w", "modality=T1w:0", "r2");
  wrong.parsed.spec.pretrain.patch = Cube(7);
  absl::Status status = engine_->CreateJob(wrong).status();
  EXPECT_EQ(ReasonOf(status), "INVALID_SPEC");
  std::set<std::string> fields;
  for (const SpecProblem& problem : ProblemsOf(status)) fields.insert(problem.field);
  EXPECT_THAT(fields, ::testing::IsSupersetOf({"patch", "dataset.filter", "dataset.repeats"}));
  status = engine_->CreateJob(request("modality=FLAIR frames>=2", "", "r3")).status();
  EXPECT_EQ(ReasonOf(status), "INVALID_SPEC");
  EXPECT_THAT(std::string(status.message()), HasSubstr("frames>=2 removes"));
  // Without either, the catalogue is not even looked at.
  std::filesystem::remove_all(folder);
  const absl::StatusOr<CreateResult> plain = engine_->CreateJob(request("", "", "r4"));
  ASSERT_OK(plain);
  EXPECT_EQ(plain->job.spec.pretrain.dataset.selection, "");
}

TEST_F(EngineTest, ReasonsOfRefusals) {
  CreateRequest request = Pretrain(1, "r1");
  request.parsed.spec.pretrain.dataset.name = "nowhere";
  EXPECT_EQ(ReasonOf(engine_->CreateJob(request).status()), "DATASET_NOT_FOUND");
  request = Pretrain(1, "r1");
  request.parsed.spec.pretrain.dataset.version = 9;
  EXPECT_EQ(ReasonOf(engine_->CreateJob(request).status()), "DATASET_NOT_FOUND");
  AddDataset("empty", 1, "d", 0);
  request.parsed.spec.pretrain.dataset = {};
  request.parsed.spec.pretrain.dataset.name = "empty";
  EXPECT_EQ(ReasonOf(engine_->CreateJob(request).status()), "DATASET_EMPTY");
  EXPECT_EQ(ReasonOf(engine_->CreateJob(Pretrain(1, "")).status()), "BAD_REQUEST_ID");
  EXPECT_EQ(ReasonOf(engine_->CreateJob(Pretrain(1, std::string(65, 'x'))).status()), "BAD_REQUEST_ID");
  EXPECT_EQ(ReasonOf(engine_->GetJob("job-99").status()), "JOB_NOT_FOUND");
  EXPECT_EQ(ReasonOf(engine_->CancelJob("job-99").status()), "JOB_NOT_FOUND");
  store_->fail_writes = 1;
  EXPECT_EQ(ReasonOf(engine_->CreateJob(Pretrain(1, "r1")).status()), "STORE_FULL");
  EXPECT_TRUE(store_->ListJobs({}, 10, "")->records.empty());
}

TEST_F(EngineTest, AJobIsFoundByItsName) {
  CreateRequest request = Pretrain(1, "r1");
  request.parsed.spec.name = "first-run";
  ASSERT_OK(engine_->CreateJob(request));
  request.request_id = "r2";
  ASSERT_OK(engine_->CreateJob(request));
  EXPECT_EQ(engine_->GetJob("first-run")->record.id.value, "job-2");  // the newest
}

TEST_F(EngineTest, TheNewestVersionIsTakenAtSubmit) {
  const JobId before = Submit(1, "r1");
  AddDataset("brains", 2, "digest-2", 50);
  const JobId after = Submit(1, "r2");
  EXPECT_EQ(Job(before).spec.pretrain.dataset.version, 1);
  EXPECT_EQ(Job(after).spec.pretrain.dataset.version, 2);
}

}  // namespace
}  // namespace amaes
