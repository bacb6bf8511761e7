// The program amaes-worker, driven over its socket by a test that plays the agent and the coordinator's key-value table.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "libs/base/files.h"
#include "libs/base/mutex.h"
#include "libs/base/subprocess.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/checkpoint/checkpoint.h"
#include "libs/dataset/audit.h"
#include "libs/dataset/catalogue.h"
#include "libs/dataset/ledger.h"
#include "libs/dataset/selection.h"
#include "libs/spec/spec_io.h"
#include "libs/volume/stored_volume.h"
#include "libs/worker_protocol/channel.h"
#include "services/worker/worker.h"

namespace amaes {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kDeadline = absl::Seconds(100);  // can only fail

// The key-value table of one attempt.
class Table {
 public:
  void Set(const std::string& key, const std::string& value) {
    MutexLock lock(mutex_);
    values_[key] = value;
    changed_.NotifyAll();
  }
  // Empty once closed.
  std::optional<std::string> Wait(const std::string& key) {
    MutexLock lock(mutex_);
    while (!closed_ && !values_.contains(key)) changed_.Wait(mutex_);
    return closed_ ? std::nullopt : std::optional(values_[key]);
  }
  void Close() {
    MutexLock lock(mutex_);
    closed_ = true;
    changed_.NotifyAll();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, std::string> values_ ABSL_GUARDED_BY(mutex_);
};

// One worker process and the agent's end of its socket.
class WorkerUnderTest {
 public:
  // `fault`: AMAES_FAULT of the process.
  WorkerUnderTest(const WorkerStart& start, Table& table, const std::string& fault = "") : table_(table) {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    socket_ = std::make_unique<FrameSocket>(ends[0]);
    auto process = Subprocess::Start({.arguments = {AMAES_WORKER_PROGRAM},
                                      .descriptors = {{ends[1], kWorkerSocket}},
                                      .environment = {{"AMAES_FAULT", fault}}});
    close(ends[1]);
    EXPECT_OK(process);
    if (process.ok()) process_.emplace(*std::move(process));
    Send(start);
    reader_ = std::thread([this] { ReadAll(); });
  }
  ~WorkerUnderTest() {
    table_.Close();
    socket_->Shutdown();
    reader_.join();
    for (std::thread& waiter : waiters_) waiter.join();
  }

  void Send(const WorkerCommand& command) { EXPECT_OK(socket_->Send(EncodeCommand(command))); }
  void CloseSocket() { socket_->Shutdown(); }
  void Kill() { process_->Signal(SIGKILL); }
  ExitStatus WaitForExit() {
    absl::StatusOr<ExitStatus> status = process_->Wait(kDeadline);
    EXPECT_OK(status);
    // Everything was sent before the process ended: the reader comes to its end.
    MutexLock lock(mutex_);
    while (!ended_ && changed_.WaitFor(mutex_, kDeadline)) continue;
    EXPECT_TRUE(ended_);
    return status.value_or(ExitStatus{});
  }
  // Blocks until a report of this type for which `wanted` holds has come; fails when the worker ends before.
  template <typename T>
  void WaitFor(const std::function<bool(const T&)>& wanted) {
    MutexLock lock(mutex_);
    while (true) {
      for (const WorkerReport& report : reports_) {
        if (const T* value = std::get_if<T>(&report); value != nullptr && wanted(*value)) return;
      }
      ASSERT_FALSE(ended_) << "the worker ended";
      ASSERT_TRUE(changed_.WaitFor(mutex_, kDeadline));
    }
  }
  template <typename T>
  std::vector<T> Reports() {
    MutexLock lock(mutex_);
    std::vector<T> out;
    for (const WorkerReport& report : reports_) {
      if (const T* value = std::get_if<T>(&report)) out.push_back(*value);
    }
    return out;
  }

 private:
  void ReadAll() {
    while (true) {
      const absl::StatusOr<std::string> frame = socket_->Receive();
      const absl::StatusOr<WorkerReport> report = frame.ok() ? DecodeReport(*frame) : frame.status();
      if (report.ok()) Handle(*report);
      MutexLock lock(mutex_);
      if (report.ok()) {
        reports_.push_back(*report);
      } else {
        ended_ = true;
      }
      changed_.NotifyAll();
      if (ended_) return;
    }
  }
  void Handle(const WorkerReport& report) {
    if (const auto* set = std::get_if<KeyValue>(&report)) table_.Set(set->key, set->value);
    if (const auto* wait = std::get_if<KeyWait>(&report)) {
      waiters_.emplace_back([this, key = wait->key] {
        if (const auto value = table_.Wait(key)) (void)socket_->Send(EncodeCommand(KeyValue{key, *value}));
      });
    }
  }

  Table& table_;
  std::unique_ptr<FrameSocket> socket_;
  std::optional<Subprocess> process_;
  std::thread reader_;
  std::vector<std::thread> waiters_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<WorkerReport> reports_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

// A dataset of smooth balls on disk, and a job on it.
class WorkerProgram : public ::testing::Test {
 protected:
  void SetUp() override {
    version_.name = "balls";
    version_.version = 1;
    for (int i = 0; i < 8; ++i) version_.entries.push_back(WriteVolume(i));
    FinishVersion(version_, nullptr);
    ASSERT_OK(files::MakeFolders(dir_.path() / "datasets/balls/1"));
    ASSERT_OK(WriteVersion(dir_.path() / "datasets/balls/1", version_, {}));
    ASSERT_OK(files::MakeFolders(dir_.path() / "jobs/job-1"));
  }

  CatalogueEntry WriteVolume(int number) {
    Volume volume;
    volume.shape = {36, 40, 34};
    volume.voxels.resize(VoxelCount(volume.shape));
    for (std::int64_t x = 0; x < 36; ++x) {
      for (std::int64_t y = 0; y < 40; ++y) {
        for (std::int64_t z = 0; z < 34; ++z) {
          const double r = std::hypot(x - 18, y - 20, z - 17) / (10 + number);
          volume.at(x, y, z) = r < 1 ? static_cast<float>(0.5 + 0.5 * std::cos(5 * r)) : 0.0f;
        }
      }
    }
    CatalogueEntry entry;
    entry.volume = std::string(62, 'a') + std::to_string(10 + number);
    entry.voxel_digest = std::string(62, 'b') + std::to_string(10 + number);
    entry.subject = "sub-" + std::to_string(number);
    entry.modality = number % 2 == 0 ? "T1w" : "T2w";
    entry.source = entry.subject + "/" + entry.modality + ".nii.gz";
    entry.shape = entry.source_shape = volume.shape;
    const auto path = VolumePath(dir_.path() / "volumes", entry.volume);
    EXPECT_OK(files::MakeFolders(path.parent_path()));
    const auto checksums = WriteStoredVolume(path, volume);
    EXPECT_OK(checksums);
    if (checksums.ok()) entry.chunk_checksums = *checksums;
    return entry;
  }

  JobSpec Job(std::int64_t steps, int workers) {
    JobSpec job;
    job.name = "balls-run";
    PretrainSpec& spec = job.pretrain;
    spec.dataset = {.name = "balls", .version = 1, .digest = version_.digest};
    spec.network = {.name = "unet", .filters = 4};
    spec.patch = Cube(32);
    spec.schedule.steps = steps;
    spec.schedule.warmup_steps = 1;
    spec.global_batch = 2;
    spec.workers = workers;
    spec.device = "cpu";
    spec.checkpoint = {.every_steps = 2, .keep = 2};
    spec.validation = {.every_steps = 4, .crops = 2};
    return job;
  }

  WorkerStart Start(const JobSpec& job, int rank, AttemptNumber attempt = 1) {
    WorkerStart start;
    start.job = "job-1";
    start.attempt = attempt;
    start.rank = rank;
    start.world_size = static_cast<int>(job.pretrain.workers);
    start.spec_json = SpecToJson(job);
    start.job_folder = (dir_.path() / "jobs/job-1").string();
    start.volumes_folder = (dir_.path() / "volumes").string();
    start.dataset_folder = (dir_.path() / "datasets/balls/1").string();
    start.bind_address = "127.0.0.1";
    const LaneRange lanes = LanesOf(rank, start.world_size, job.pretrain.global_batch);
    start.first_lane = lanes.first;
    start.last_lane = lanes.last;
    return start;
  }

  TempDir dir_;
  DatasetVersion version_;
};

TEST_F(WorkerProgram, TwoWorkersTrainToTheEnd) {
  const JobSpec job = Job(6, 2);
  Table table;
  WorkerUnderTest first(Start(job, 0), table), second(Start(job, 1), table);
  for (WorkerUnderTest* worker : {&first, &second}) {
    EXPECT_EQ(worker->WaitForExit().exit_code, kExitFinished);
    ASSERT_EQ(worker->Reports<WorkerHello>().size(), 1u);
    const auto finished = worker->Reports<WorkerFinished>();
    ASSERT_EQ(finished.size(), 1u);
    EXPECT_TRUE(finished[0].complete);
    EXPECT_EQ(finished[0].step, 6);
    const auto progress = worker->Reports<TrainProgress>();
    ASSERT_FALSE(progress.empty());
    EXPECT_EQ(progress.back().step, 6);
    EXPECT_GT(progress.back().samples_per_second, 0);
  }
  const auto validations = first.Reports<ValidationResult>();
  ASSERT_EQ(validations.size(), 6u);  // before step 1, after 4 and 6; both splits
  EXPECT_EQ(validations[0].split, "held_out");
  EXPECT_TRUE(second.Reports<ValidationResult>().empty());
  EXPECT_EQ(first.Reports<CheckpointCommitted>().size(), 3u);
  EXPECT_EQ(first.Reports<CheckpointDeleted>().size(), 1u);
  const auto folder = dir_.path() / "jobs/job-1";
  EXPECT_OK(VerifyCheckpoint(folder / "checkpoints/00000006-001"));
  EXPECT_TRUE(std::filesystem::exists(folder / "pictures/run.png"));
  EXPECT_TRUE(std::filesystem::exists(folder / "metrics.jsonl"));
}

// As many masked voxels in every crop: the loss is the mean of the modalities' by their crops.
TEST_F(WorkerProgram, TellsLossesApartByModality) {
  JobSpec job = Job(1, 1);
  job.pretrain.validation = {.every_steps = 1, .crops = 7};
  Table table;
  WorkerUnderTest worker(Start(job, 0), table);
  EXPECT_EQ(worker.WaitForExit().exit_code, kExitFinished);
  const std::vector<std::int64_t> training = version_.Indices(Split::kTrain);
  ASSERT_EQ(training.size(), 7u);
  const auto check = [&](const SampleStream& stream, std::int64_t samples, const MetricMap& metrics) {
    std::map<std::string, double> share;
    for (std::int64_t position = 0; position < samples; ++position) {
      share[version_.entries[training[stream.VolumeAt(position)]].modality] += 1.0 / static_cast<double>(samples);
    }
    double mean = 0;
    for (const auto& [modality, part] : share) {
      ASSERT_TRUE(metrics.contains("loss_masked/" + modality)) << modality;
      EXPECT_TRUE(metrics.contains("masked_r2/" + modality)) << modality;
      mean += part * metrics.at("loss_masked/" + modality);
    }
    EXPECT_NEAR(mean, metrics.at("loss_masked"), 1e-6 * mean);
    for (const std::string modality : {"T1w", "T2w"})
      EXPECT_EQ(metrics.contains("loss_masked/" + modality), share.contains(modality));
  };
  const auto progress = worker.Reports<TrainProgress>();
  ASSERT_FALSE(progress.empty());
  check(SampleStream(job.pretrain.seed, version_.digest, 7), 2, progress.back().metrics);
  const auto validations = worker.Reports<ValidationResult>();
  ASSERT_EQ(validations.size(), 4u);
  EXPECT_EQ(validations[3].split, "train");
  check(FixedCropStream(version_.digest, 7), 7, validations[3].metrics);
  EXPECT_NE(validations[3].metrics.at("loss_masked/T1w"), validations[3].metrics.at("loss_masked/T2w"));
}

TEST_F(WorkerProgram, StopsOnCommandAndGoesOnFromThere) {
  const JobSpec job = Job(100000, 1);
  std::int64_t stopped_at = 0;
  {
    Table table;
    WorkerUnderTest worker(Start(job, 0), table);
    worker.WaitFor<TrainProgress>([](const TrainProgress& progress) { return progress.step >= 1; });
    worker.Send(WorkerStop{"drain"});
    EXPECT_EQ(worker.WaitForExit().exit_code, kExitFinished);
    const auto finished = worker.Reports<WorkerFinished>();
    ASSERT_EQ(finished.size(), 1u);
    EXPECT_FALSE(finished[0].complete);
    stopped_at = finished[0].step;
  }
  Table table;
  WorkerUnderTest worker(Start(job, 0, 2), table);
  worker.WaitFor<TrainProgress>([&](const TrainProgress& progress) { return progress.step > stopped_at; });
  for (const TrainProgress& progress : worker.Reports<TrainProgress>()) EXPECT_GT(progress.step, stopped_at);
  worker.Send(WorkerStop{"enough"});
  EXPECT_EQ(worker.WaitForExit().exit_code, kExitFinished);
}

// A step that was run without a damaged sample and is run again after a crash is run without it again, though the sample
// can be read by then: the divisor is the same, and so are the bits.
TEST_F(WorkerProgram, ASkipIsReplayedAfterAKill) {
  JobSpec job = Job(3, 2);
  job.pretrain.loader.on_damage = "skip";
  job.pretrain.checkpoint.every_steps = 2;
  job.pretrain.validation.every_steps = 0;
  const SampleStream stream(job.pretrain.seed, version_.digest, 7);  // six positions: no volume comes twice
  const std::vector<std::int64_t> training = version_.Indices(Split::kTrain);
  ASSERT_EQ(training.size(), 7u);
  const CatalogueEntry& victim = version_.entries[training[stream.VolumeAt(5)]];  // read in step 3
  const auto path = VolumePath(dir_.path() / "volumes", victim.volume);
  ASSERT_OK_AND_ASSIGN(const std::string good, files::Read(path));
  std::string bad = good;
  for (std::size_t i = bad.size() / 2; i < bad.size() / 2 + 64; ++i) bad[i] ^= 0x55;
  const auto run = [&](const std::string& volume, const std::string& name, AttemptNumber attempt,
                       const std::string& fault) {
    EXPECT_OK(files::WriteAtomic(path, volume));
    Table table;
    std::vector<std::unique_ptr<WorkerUnderTest>> workers;
    for (int rank = 0; rank < 2; ++rank) {
      WorkerStart start = Start(job, rank, attempt);
      start.job_folder = (dir_.path() / "jobs" / name).string();
      EXPECT_OK(files::MakeFolders(start.job_folder));
      workers.push_back(std::make_unique<WorkerUnderTest>(start, table, fault));
    }
    for (auto& worker : workers) worker->WaitForExit();
  };
  const auto weights = [&](const std::string& checkpoint) {
    const auto content = files::Read(dir_.path() / "jobs" / checkpoint / "model.safetensors");
    EXPECT_OK(content);
    return content.value_or("");
  };
  run(bad, "straight", 1, "");
  run(bad, "killed", 1, "point=step,step=3,kill=self");
  EXPECT_FALSE(std::filesystem::exists(dir_.path() / "jobs/killed/checkpoints/00000003-001"));
  run(good, "killed", 2, "");
  run(good, "repaired", 1, "");
  const std::string expected = weights("straight/checkpoints/00000003-001");
  EXPECT_FALSE(expected.empty());
  EXPECT_TRUE(weights("killed/checkpoints/00000003-002") == expected);
  EXPECT_FALSE(weights("repaired/checkpoints/00000003-001") == expected) << "the sample makes a difference";
  // The ledgers tell the same.
  ASSERT_OK_AND_ASSIGN(const CheckpointManifest manifest,
                       ReadManifest(dir_.path() / "jobs/killed/checkpoints/00000003-002"));
  AuditPlan plan{.seed = job.pretrain.seed,
                 .global_batch = 2,
                 .steps = 3,
                 .may_skip = true,
                 .dataset_digest = version_.digest,
                 .selection = *ResolveSelection(version_, "", ""),
                 .newest = {"00000003-002", 3, manifest.ledger},
                 .before = {},
                 .began_at = {},
                 .world_size = {{1, 2}, {2, 2}}};
  const auto ledgers = FolderLedgers(dir_.path() / "jobs/killed/ledger");
  ASSERT_OK_AND_ASSIGN(const AuditReport report, Audit(plan, *ledgers));
  EXPECT_TRUE(report.proved()) << (report.findings.empty() ? "" : report.findings[0].what);
  ASSERT_EQ(report.skips.size(), 1u);
  EXPECT_EQ(report.skips[0].position, 5);
  EXPECT_EQ(report.skips[0].attempt, 2);
}

TEST_F(WorkerProgram, TrainsOnTheSelectionAndRefusesAnother) {
  JobSpec job = Job(4, 1);
  job.pretrain.dataset.filter = "subject!=sub-1|sub-2";
  job.pretrain.dataset.repeats = "subject=sub-3:2";
  ASSERT_OK_AND_ASSIGN(const Selection selection,
                       ResolveSelection(version_, job.pretrain.dataset.filter, job.pretrain.dataset.repeats));
  job.pretrain.dataset.selection = std::string(64, '0');
  {
    Table table;
    WorkerUnderTest worker(Start(job, 0), table);
    EXPECT_EQ(worker.WaitForExit().exit_code, kExitFailed);
    const auto failed = worker.Reports<WorkerFailed>();
    ASSERT_EQ(failed.size(), 1u);
    EXPECT_EQ(failed[0].reason, "BAD_SPEC");
    EXPECT_THAT(failed[0].message, HasSubstr(selection.digest));
  }
  job.pretrain.dataset.selection = selection.digest;
  Table table;
  WorkerUnderTest worker(Start(job, 0), table);
  EXPECT_EQ(worker.WaitForExit().exit_code, kExitFinished);
  ASSERT_OK_AND_ASSIGN(const CheckpointManifest manifest,
                       ReadManifest(dir_.path() / "jobs/job-1/checkpoints/00000004-001"));
  EXPECT_EQ(manifest.dataset_selection, selection.digest);
  const SelectedStream stream(job.pretrain.seed, version_.digest, selection);
  ASSERT_OK_AND_ASSIGN(const auto records, ReadLedger(dir_.path() / "jobs/job-1/ledger/1-0.ledger"));
  ASSERT_EQ(records.size(), 8u);
  for (const LedgerRecord& record : records) EXPECT_EQ(record.volume, stream.VolumeAt(record.position));
}

TEST_F(WorkerProgram, ALostPeerIsReportedAsRetryable) {
  const JobSpec job = Job(100000, 2);
  Table table;
  WorkerUnderTest first(Start(job, 0), table), second(Start(job, 1), table);
  first.WaitFor<TrainProgress>([](const TrainProgress& progress) { return progress.step >= 1; });
  second.Kill();
  EXPECT_EQ(first.WaitForExit().exit_code, kExitRetryable);
  const auto failed = first.Reports<WorkerFailed>();
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_EQ(failed[0].reason, "PEER_LOST") << failed[0].message;
  EXPECT_TRUE(failed[0].retryable);
}

TEST_F(WorkerProgram, EndsWithItsAgent) {
  Table table;
  WorkerUnderTest worker(Start(Job(100000, 1), 0), table);
  worker.WaitFor<TrainProgress>([](const TrainProgress& progress) { return progress.step >= 1; });
  worker.CloseSocket();
  EXPECT_EQ(worker.WaitForExit().exit_code, kExitAgentGone);
}

TEST_F(WorkerProgram, RefusesABadSpecAndDamagedDataForGood) {
  JobSpec job = Job(4, 1);
  {
    WorkerStart start = Start(job, 0);
    start.spec_json = R"({"kind": "pretrain"})";
    Table table;
    WorkerUnderTest worker(start, table);
    EXPECT_EQ(worker.WaitForExit().exit_code, kExitFailed);
    const auto failed = worker.Reports<WorkerFailed>();
    ASSERT_EQ(failed.size(), 1u);
    EXPECT_EQ(failed[0].reason, "BAD_SPEC");
    EXPECT_THAT(failed[0].message, HasSubstr("global_batch"));
  }
  for (const CatalogueEntry& entry : version_.entries) {
    const auto path = VolumePath(dir_.path() / "volumes", entry.volume);
    ASSERT_OK_AND_ASSIGN(std::string bytes, files::Read(path));
    for (std::size_t i = bytes.size() / 2; i < bytes.size() / 2 + 64; ++i) bytes[i] ^= 0x55;
    ASSERT_OK(files::WriteAtomic(path, bytes));
  }
  Table table;
  WorkerUnderTest worker(Start(job, 0), table);
  EXPECT_EQ(worker.WaitForExit().exit_code, kExitFailed);
  const auto failed = worker.Reports<WorkerFailed>();
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_EQ(failed[0].reason, "DATA_DAMAGED") << failed[0].message;
  EXPECT_FALSE(failed[0].retryable);
}

}  // namespace
}  // namespace amaes
