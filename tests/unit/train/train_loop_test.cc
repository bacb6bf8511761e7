// Whole runs: resume, world sizes, ledgers, stops, faults.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/checkpoint/checkpoint.h"
#include "libs/collective/testing/faulty_communicator.h"
#include "libs/dataset/ledger_reader.h"
#include "libs/train/best_checkpoint.h"
#include "libs/train/checkpoint_io.h"
#include "libs/train/failure.h"
#include "libs/train/metrics_log.h"
#include "libs/train/resume.h"
#include "libs/train/update_guard.h"
#include "tests/unit/train/checkpoint_tensors.h"
#include "tests/unit/train/run_ranks.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

void ExpectComplete(const AttemptResult& result, std::int64_t step) {
  for (const auto& rank : result.ranks) {
    ASSERT_OK(rank);
    EXPECT_TRUE(rank->complete);
    EXPECT_EQ(rank->step, step);
  }
}

std::string Content(const std::filesystem::path& path) {
  const absl::StatusOr<std::string> content = files::Read(path);
  EXPECT_OK(content);
  return content.value_or("");
}

// Runs to `steps`, stopping at each of `stops` and going on with the world size given there.
struct Leg {
  std::int64_t stop_after = -1;
  int world_size = 1;
};
CheckpointManifest RunLegs(const std::filesystem::path& folder, const JobSpec& job, const std::vector<Leg>& legs) {
  AttemptNumber number = 1;
  for (const Leg& leg : legs) {
    const AttemptResult result = RunAttempt({.job = job,
                                             .folder = folder,
                                             .number = number++,
                                             .world_size = leg.world_size,
                                             .stop_after = leg.stop_after,
                                             .stop_rank = leg.world_size - 1});
    for (const auto& rank : result.ranks) {
      EXPECT_OK(rank);
      EXPECT_EQ(rank.ok() && rank->complete, leg.stop_after < 0);
    }
  }
  CheckpointSearch search = FindCheckpoints(folder / "checkpoints", /*first_only=*/true);
  EXPECT_EQ(search.verified.size(), 1u);
  return search.verified.empty() ? CheckpointManifest{} : search.verified.front().manifest;
}

TEST(Train, ResumedRunHasTheSameBits) {
  for (const int world_size : {1, 2}) {
    TempDir straight, resumed;
    const JobSpec job = SmallSpec(10, 2);
    // The stop is asked for after step 4 and carried out after step 5.
    const CheckpointManifest a = RunLegs(straight.path(), job, {{-1, world_size}});
    const CheckpointManifest b = RunLegs(resumed.path(), job, {{4, world_size}, {-1, world_size}});
    EXPECT_EQ(b.parent, "00000005-001");
    const auto expected = CheckpointTensors(straight.path(), "00000010-001");
    EXPECT_EQ(expected.size(), 3u * 66u);
    EXPECT_TRUE(expected == CheckpointTensors(resumed.path(), "00000010-002"))
        << "weights or moments differ, W = " << world_size;
    EXPECT_EQ(Content(straight.path() / "metrics.jsonl"), Content(resumed.path() / "metrics.jsonl"));
    std::map<std::int64_t, int> once, twice;
    EXPECT_EQ(LedgerOf(straight.path(), a, &once), LedgerOf(resumed.path(), b, &twice));
    EXPECT_EQ(once, twice);
    EXPECT_EQ(once.size(), 20u);
  }
}

// Clipping, guard, average and best checkpoint all have a state, or decide by one.
JobSpec EverythingOn(std::int64_t steps) {
  JobSpec job = SmallSpec(steps, 2);
  job.pretrain.optimizer.clip_norm = 0.05;
  job.pretrain.guard.spike_factor = 1.5;
  job.pretrain.ema.decay = 0.9;
  job.pretrain.checkpoint.best_metric = "masked_r2";
  job.pretrain.validation = {.every_steps = 4, .crops = 2};
  return job;
}

TEST(Train, ResumedRunHasTheSameBitsWithEverythingOn) {
  for (const int world_size : {1, 2}) {
    TempDir straight, resumed;
    const JobSpec job = EverythingOn(24);  // beyond UpdateGuard::kFirst
    const CheckpointManifest a = RunLegs(straight.path(), job, {{-1, world_size}});
    const CheckpointManifest b = RunLegs(resumed.path(), job, {{20, world_size}, {-1, world_size}});
    const auto expected = CheckpointTensors(straight.path(), "00000024-001");
    EXPECT_EQ(expected.size(), 4u * 66u);
    EXPECT_NE(expected.at("ema/encoder.in_conv.conv1.conv.weight"), expected.at("encoder.in_conv.conv1.conv.weight"));
    EXPECT_TRUE(expected == CheckpointTensors(resumed.path(), "00000024-002")) << "W = " << world_size;
    EXPECT_EQ(Content(straight.path() / "metrics.jsonl"), Content(resumed.path() / "metrics.jsonl"));
    EXPECT_EQ(a.state, b.state);
    EXPECT_EQ(a.best_step, b.best_step);
    EXPECT_GT(a.best_step, 0);
    EXPECT_GT(a.state.at("guard").size(), 2u * UpdateGuard::kFirst);
  }
}

TEST(Train, AResumeWithAnotherAverageIsRefused) {
  TempDir dir;
  RunLegs(dir.path(), SmallSpec(2, 2), {{-1, 1}});
  JobSpec job = SmallSpec(4, 2);
  job.pretrain.ema.decay = 0.9;
  EXPECT_THAT(RunAttempt({.job = job, .folder = dir.path(), .number = 2}).ranks[0].status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("ema.decay 0")));
}

// A learning rate that grows without end: the first validation is the best one, and its checkpoint outlives retention.
TEST(Train, TheBestCheckpointIsKeptAndTold) {
  TempDir dir;
  JobSpec job = SmallSpec(12, 2);
  job.pretrain.optimizer.learning_rate = 1.0;
  job.pretrain.schedule.warmup_steps = 12;
  job.pretrain.schedule.warmup_start_factor = 1e-4;
  job.pretrain.checkpoint = {.every_steps = 4, .keep = 1, .best_metric = "loss"};
  job.pretrain.validation = {.every_steps = 2, .crops = 2};
  const AttemptResult result = RunAttempt({.job = job, .folder = dir.path(), .world_size = 2});
  ExpectComplete(result, 12);
  BestSoFar best;
  std::vector<std::int64_t> wanted;
  for (const ValidationResult& v : result.Reports<ValidationResult>()) {
    if (v.split != "held_out" || v.step == 0) continue;
    const BestSoFar better = Better(best, "loss", v.step, v.metrics.at("loss"));
    if (better != best) wanted.push_back(v.step);
    best = better;
  }
  ASSERT_LT(best.step, 12);
  std::vector<std::int64_t> told;
  for (const CheckpointCommitted& c : result.Reports<CheckpointCommitted>()) {
    if (c.best) told.push_back(c.step);
  }
  EXPECT_EQ(told, wanted);
  std::set<std::int64_t> kept;
  for (const FoundCheckpoint& found : FindCheckpoints(dir.path() / "checkpoints", false).verified) {
    kept.insert(found.manifest.step);
    if (found.manifest.step == best.step) {
      EXPECT_NEAR(found.manifest.metrics.at("held_out/loss"), best.value, 1e-12);
    }
  }
  EXPECT_EQ(kept, (std::set<std::int64_t>{best.step, 12}));
}

TEST(Train, PicturesAreDrawnAtEveryValidation) {
  TempDir dir;
  JobSpec job = SmallSpec(4, 2);
  job.pretrain.validation = {.every_steps = 2, .crops = 3};
  const AttemptResult result = RunAttempt({.job = job, .folder = dir.path(), .world_size = 2});
  ExpectComplete(result, 4);
  std::vector<std::string> names;
  for (const PictureWritten& picture : result.Reports<PictureWritten>()) {
    names.push_back(picture.name);
    EXPECT_GT(std::filesystem::file_size(dir.path() / "pictures" / picture.name), 1000u);
  }
  EXPECT_THAT(names, ::testing::ElementsAre("00000000-held_out.png", "00000000-train.png", "00000002-held_out.png",
                                            "00000002-train.png", "00000004-held_out.png", "00000004-train.png"));
}

TEST(Train, AnOpenMicroBatchIsSettledBeforeTheFirstStep) {
  TempDir open, given;
  JobSpec job = SmallSpec(3, 4);
  job.pretrain.micro_batch = 0;
  const CheckpointManifest a = RunLegs(open.path(), job, {{1, 2}, {-1, 2}});
  EXPECT_THAT(a.state.at("micro_batch"), ::testing::ElementsAre(2.0));
  job.pretrain.micro_batch = 2;
  RunLegs(given.path(), job, {{1, 2}, {-1, 2}});
  EXPECT_TRUE(CheckpointTensors(open.path(), "00000003-002") == CheckpointTensors(given.path(), "00000003-002"));
}

TEST(Train, EveryWorldSizeReadsTheSameSamplesOnce) {
  const JobSpec job = SmallSpec(4, 3);
  std::map<std::int64_t, std::int64_t> expected;
  for (const int world_size : {1, 2, 3}) {
    TempDir dir;
    const CheckpointManifest manifest = RunLegs(dir.path(), job, {{-1, world_size}});
    EXPECT_EQ(manifest.world_size, world_size);
    EXPECT_EQ(manifest.position, 12);
    std::map<std::int64_t, int> times;
    const auto volumes = LedgerOf(dir.path(), manifest, &times);
    ASSERT_EQ(volumes.size(), 12u);
    for (const auto& [position, count] : times) EXPECT_EQ(count, 1) << position;
    if (world_size == 1) expected = volumes;
    EXPECT_EQ(volumes, expected);
    // Five volumes: positions 0 … 4 are one pass.
    std::set<std::int64_t> pass;
    for (std::int64_t position = 0; position < 5; ++position) pass.insert(volumes.at(position));
    EXPECT_EQ(pass.size(), 5u);
  }
}

TEST(Train, ACheckpointResumesAtAnotherWorldSize) {
  const JobSpec job = SmallSpec(6, 3);
  TempDir reference;
  RunLegs(reference.path(), job, {{-1, 2}});
  ASSERT_OK_AND_ASSIGN(const MetricsHistory expected, ReadMetrics(reference.path() / "metrics.jsonl"));
  for (const int world_size : {1, 3}) {
    TempDir dir;
    const CheckpointManifest manifest = RunLegs(dir.path(), job, {{2, 2}, {-1, world_size}});
    EXPECT_EQ(manifest.parent, "00000003-001");
    std::map<std::int64_t, int> times;
    EXPECT_EQ(LedgerOf(dir.path(), manifest, &times).size(), 18u);
    for (const auto& [position, count] : times) EXPECT_EQ(count, 1) << position;
    ASSERT_OK_AND_ASSIGN(const MetricsHistory got, ReadMetrics(dir.path() / "metrics.jsonl"));
    ASSERT_EQ(got.steps.size(), expected.steps.size());
    for (std::size_t i = 0; i < got.steps.size(); ++i) {
      // Only the order of summation differs.
      EXPECT_NEAR(got.steps[i].metrics.at("loss_masked"), expected.steps[i].metrics.at("loss_masked"),
                  1e-3 * expected.steps[i].metrics.at("loss_masked"))
          << i;
    }
  }
}

// A crash after a checkpoint: steps after it are run again, and their ledger and metrics lines count once.
TEST(Train, StepsAfterTheCheckpointAreRunAgain) {
  TempDir crashed, straight;
  JobSpec job = SmallSpec(8, 2);
  job.pretrain.checkpoint.every_steps = 3;
  job.pretrain.validation.every_steps = 4;
  const CheckpointManifest expected = RunLegs(straight.path(), job, {{-1, 1}});
  Attempt attempt{.job = job, .folder = crashed.path()};
  // In step 7: the checkpoint of step 3 is committed by then, that of step 6 never is.
  attempt.source.fails_at = 13;
  const AttemptResult failed = RunAttempt(attempt);
  EXPECT_EQ(FailureOf(failed.ranks[0].status()).reason, "STORAGE") << failed.ranks[0].status();
  ASSERT_OK_AND_ASSIGN(const MetricsHistory torn, ReadMetrics(crashed.path() / "metrics.jsonl"));
  EXPECT_EQ(torn.steps.size(), 6u);
  const AttemptResult again = RunAttempt({.job = job, .folder = crashed.path(), .number = 2});
  ExpectComplete(again, 8);
  EXPECT_EQ(again.Reports<CheckpointCommitted>().front().parent, "00000003-001");
  EXPECT_EQ(Content(straight.path() / "metrics.jsonl"), Content(crashed.path() / "metrics.jsonl"));
  EXPECT_TRUE(CheckpointTensors(straight.path(), "00000008-001") == CheckpointTensors(crashed.path(), "00000008-002"));
  ASSERT_OK_AND_ASSIGN(const CheckpointManifest manifest, ReadManifest(crashed.path() / "checkpoints/00000008-002"));
  std::map<std::int64_t, int> times, unused;
  EXPECT_EQ(LedgerOf(crashed.path(), manifest, &times), LedgerOf(straight.path(), expected, &unused));
  for (const auto& [position, count] : times) EXPECT_EQ(count, 1) << position;
}

// What a step skipped before a crash, it skips again: also when another rank takes the lane by then.
TEST(Train, SkipsAfterTheCheckpointAreReplayed) {
  for (const int world_size : {1, 2}) {
    TempDir crashed, straight;
    JobSpec job = SmallSpec(8, 2);
    job.pretrain.checkpoint.every_steps = 3;
    job.pretrain.loader.on_damage = "skip";
    Attempt undisturbed{.job = job, .folder = straight.path()};
    undisturbed.source.skipped = {3, 10};
    ExpectComplete(RunAttempt(undisturbed), 8);
    Attempt attempt{.job = job, .folder = crashed.path()};
    attempt.source.skipped = {3, 10};  // steps 2 and 6
    attempt.source.fails_at = 13;  // in step 7: the checkpoint of step 3 is committed by then, that of step 6 never is
    EXPECT_FALSE(RunAttempt(attempt).ranks[0].ok());
    ExpectComplete(RunAttempt({.job = job, .folder = crashed.path(), .number = 2, .world_size = world_size}), 8);
    if (world_size == 1) {
      EXPECT_TRUE(CheckpointTensors(straight.path(), "00000008-001") ==
                  CheckpointTensors(crashed.path(), "00000008-002"));
    }
    std::set<std::int64_t> skipped;
    for (int rank = 0; rank < world_size; ++rank) {
      ASSERT_OK_AND_ASSIGN(const auto records, ReadLedger(crashed.path() / "ledger" / LedgerName({2, rank})));
      for (const LedgerRecord& record : records) {
        if (record.skipped) skipped.insert(record.position);
      }
    }
    EXPECT_EQ(skipped, (std::set<std::int64_t>{10}));
  }
}

TEST(Train, ReportsProgressValidationCheckpointsAndRetention) {
  TempDir dir;
  JobSpec job = SmallSpec(5, 2);
  job.pretrain.checkpoint = {.every_steps = 1, .keep = 2};
  job.pretrain.validation = {.every_steps = 2, .crops = 3};
  const AttemptResult result = RunAttempt({.job = job, .folder = dir.path(), .world_size = 2});
  ExpectComplete(result, 5);
  const auto progress = result.Reports<TrainProgress>();
  ASSERT_FALSE(progress.empty());
  EXPECT_EQ(progress.back().step, 5);
  EXPECT_GT(progress.back().samples_per_second, 0);
  EXPECT_GT(progress.back().peak_memory_bytes, 1 << 20);
  std::vector<std::pair<std::int64_t, std::string>> validations;
  for (const ValidationResult& v : result.Reports<ValidationResult>()) validations.emplace_back(v.step, v.split);
  const std::vector<std::pair<std::int64_t, std::string>> expected = {{0, "held_out"}, {0, "train"},    {2, "held_out"},
                                                                      {2, "train"},    {4, "held_out"}, {4, "train"},
                                                                      {5, "held_out"}, {5, "train"}};
  EXPECT_EQ(validations, expected);
  const auto committed = result.Reports<CheckpointCommitted>();
  ASSERT_EQ(committed.size(), 5u);
  EXPECT_EQ(committed.back().name, "00000005-001");
  EXPECT_EQ(committed.back().manifest_sha256.size(), 64u);
  EXPECT_GT(committed.back().size_bytes, 100000);
  EXPECT_EQ(result.Reports<CheckpointDeleted>().size(), 3u);
  EXPECT_EQ(FindCheckpoints(dir.path() / "checkpoints", false).verified.size(), 2u);
  EXPECT_GT(std::filesystem::file_size(dir.path() / "pictures/run.png"), 1000u);
}

TEST(Train, ValidationDoesNotDependOnTheWorldSizeAndHeldOutMayBeEmpty) {
  std::vector<ValidationResult> one;
  for (const int world_size : {1, 2}) {
    TempDir dir;
    JobSpec job = SmallSpec(1, 2);
    job.pretrain.validation = {.every_steps = 1, .crops = 3};
    Attempt attempt{.job = job, .folder = dir.path(), .world_size = world_size};
    attempt.source.held_out = 0;
    const AttemptResult result = RunAttempt(attempt);
    ExpectComplete(result, 1);
    const auto validations = result.Reports<ValidationResult>();
    ASSERT_EQ(validations.size(), 2u);
    for (const ValidationResult& v : validations) EXPECT_EQ(v.split, "train");
    EXPECT_GT(validations[0].metrics.at("loss_visible_mean"), 0);
    if (world_size == 1) one = validations;
    for (int i = 0; i < 2; ++i)
      EXPECT_NEAR(validations[i].metrics.at("loss_masked"), one[i].metrics.at("loss_masked"), 1e-9);
  }
}

TEST(Train, ACompleteRunStaysComplete) {
  TempDir dir;
  const JobSpec job = SmallSpec(2, 1);
  RunLegs(dir.path(), job, {{-1, 1}});
  const AttemptResult again = RunAttempt({.job = job, .folder = dir.path(), .number = 2});
  ExpectComplete(again, 2);
  EXPECT_TRUE(again.Reports<CheckpointCommitted>().empty());
}

TEST(Train, DamagedCheckpointIsRejectedAndTheOneBeforeIsUsed) {
  TempDir dir;
  JobSpec job = SmallSpec(4, 1);
  job.pretrain.checkpoint.every_steps = 2;
  RunLegs(dir.path(), job, {{-1, 1}});
  const auto damaged = dir.path() / "checkpoints/00000004-001" / kModelFile;
  std::string bytes = Content(damaged);
  bytes[bytes.size() - 1] ^= 1;
  ASSERT_OK(files::WriteAtomic(damaged, bytes));
  const AttemptResult again = RunAttempt({.job = job, .folder = dir.path(), .number = 2, .world_size = 1});
  ExpectComplete(again, 4);
  const auto rejected = again.Reports<CheckpointRejected>();
  ASSERT_EQ(rejected.size(), 1u);
  EXPECT_EQ(rejected[0].name, "00000004-001");
  EXPECT_THAT(rejected[0].reason, HasSubstr(kModelFile));
  const auto committed = again.Reports<CheckpointCommitted>();
  ASSERT_EQ(committed.size(), 1u);
  EXPECT_EQ(committed[0].parent, "00000002-001");
}

TEST(Train, RefusesAnotherStreamByName) {
  TempDir dir;
  RunLegs(dir.path(), SmallSpec(2, 2), {{-1, 1}});
  const auto resume_with = [&](const JobSpec& job) {
    return RunAttempt({.job = job, .folder = dir.path(), .number = 2}).ranks[0].status();
  };
  JobSpec other = SmallSpec(4, 3);
  absl::Status status = resume_with(other);
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kFailedPrecondition, AllOf(HasSubstr("global_batch 2"), HasSubstr("has 3"))));
  EXPECT_EQ(FailureOf(status).reason, "RESUME_REFUSED");
  EXPECT_FALSE(FailureOf(status).retryable);
  other = SmallSpec(4, 2);
  other.pretrain.dataset.digest = "another";
  EXPECT_THAT(resume_with(other), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("dataset.digest")));
  other = SmallSpec(4, 2);
  other.pretrain.dataset.selection = "another";
  EXPECT_THAT(resume_with(other), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("dataset.selection")));
  other = SmallSpec(4, 2);
  other.pretrain.network.filters = 8;
  EXPECT_THAT(resume_with(other),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("encoder.in_conv.conv1.conv.weight is [4, 1, 3, 3, 3], not [8, 1, 3, 3, 3]")));
  const auto folder = dir.path() / "checkpoints/00000002-001";
  ASSERT_OK_AND_ASSIGN(CheckpointManifest manifest, ReadManifest(folder));
  manifest.sampling_version += 1;
  EXPECT_THAT(CheckResumable(manifest, SmallSpec(4, 2).pretrain, kSyntheticDigest),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("sampling_version")));
}

// The weights of another run, taken for a network that is wider, and for one that is not.
TEST(Train, RefusesInitialWeightsThatDoNotFit) {
  TempDir first, second;
  RunLegs(first.path(), SmallSpec(2, 2), {{-1, 1}});
  JobSpec wide = SmallSpec(2, 2);
  wide.pretrain.network.filters = 8;
  InitialWeights weights{.from = "job:first", .path = first.path() / "checkpoints/00000002-001" / kModelFile};
  const auto start = [&](const JobSpec& job) {
    return RunAttempt({.job = job, .folder = second.path(), .world_size = 2, .initial_weights = weights}).ranks;
  };
  for (const bool allowed : {false, true}) {
    weights.allow_mismatch = allowed;  // of no use: nothing fits
    for (const auto& rank : start(wide)) {
      EXPECT_EQ(FailureOf(rank.status()).reason, "INIT_REFUSED") << rank.status();
      EXPECT_FALSE(FailureOf(rank.status()).retryable);
      EXPECT_THAT(rank.status().message(), HasSubstr("[4,1,3,3,3] in the file, [8,1,3,3,3] in the network"));
    }
  }
  EXPECT_FALSE(std::filesystem::exists(second.path() / kInitReport));
  EXPECT_TRUE(FindCheckpoints(second.path() / "checkpoints", false).verified.empty());
  weights.path = first.path() / "gone.safetensors";
  EXPECT_EQ(FailureOf(start(SmallSpec(2, 2))[0].status()).reason, "INIT_REFUSED");

  weights = {.from = "job:first", .path = first.path() / "checkpoints/00000002-001" / kModelFile};
  for (const auto& rank : start(SmallSpec(2, 2))) EXPECT_OK(rank);
  EXPECT_THAT(Content(second.path() / kInitReport), HasSubstr("\"loaded\":40"));
}

TEST(Train, ANonFiniteLossEndsTheRunOnAllRanks) {
  TempDir dir;
  JobSpec job = SmallSpec(20, 2);
  job.pretrain.optimizer.learning_rate = 1e30;
  job.pretrain.schedule.warmup_steps = 0;
  const AttemptResult result = RunAttempt({.job = job, .folder = dir.path(), .world_size = 2});
  for (const auto& rank : result.ranks) {
    EXPECT_EQ(FailureOf(rank.status()).reason, "NON_FINITE_LOSS") << rank.status();
    EXPECT_FALSE(FailureOf(rank.status()).retryable);
  }
}

TEST(Train, ALostPeerIsACleanRetryableError) {
  TempDir dir;
  Attempt attempt{.job = SmallSpec(10, 2), .folder = dir.path(), .world_size = 2};
  attempt.wrap = [](std::unique_ptr<Communicator> inner) -> std::unique_ptr<Communicator> {
    return std::make_unique<FaultyCommunicator>(
        std::move(inner), CollectiveFault{.kind = CollectiveFault::Kind::kFail, .rank = 1, .collective = 7});
  };
  for (const auto& rank : RunAttempt(attempt).ranks) {
    EXPECT_EQ(FailureOf(rank.status()).reason, "PEER_LOST") << rank.status();
    EXPECT_TRUE(FailureOf(rank.status()).retryable);
  }
}

// One thread, float32. The tolerance covers other kernels (the values are of separate norm and activation) and machines; it grows, since
// differences do. Against other people's networks the ten losses are compared in float64: tests/conformance/models.
TEST(Train, PinnedLosses) {
  TempDir dir;
  RunLegs(dir.path(), SmallSpec(10, 2), {{-1, 1}});
  ASSERT_OK_AND_ASSIGN(const MetricsHistory history, ReadMetrics(dir.path() / "metrics.jsonl"));
  const double masked[] = {0.230319, 0.237497, 0.207966, 0.194549, 0.171152,
                           0.149258, 0.145687, 0.140285, 0.131324, 0.119465};
  const double visible[] = {0.220160, 0.237721, 0.214757, 0.190373, 0.174100,
                            0.155013, 0.151428, 0.131644, 0.135822, 0.120117};
  ASSERT_EQ(history.steps.size(), 10u);
  for (int i = 0; i < 10; ++i) {
    const TrainProgress& step = history.steps[i];
    const double tolerance = 3e-4 * (1 + i);
    EXPECT_NEAR(step.metrics.at("loss_masked"), masked[i], tolerance * masked[i]) << "step " << step.step;
    EXPECT_NEAR(step.metrics.at("loss_visible"), visible[i], tolerance * visible[i]) << "step " << step.step;
  }
}

}  // namespace
}  // namespace amaes
