// The probe in whole runs: that it changes nothing but what is best, and survives stops and crashes.
#include "libs/train/probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/checkpoint/checkpoint.h"
#include "libs/spec/network_facts.h"
#include "libs/train/checkpoint_io.h"
#include "libs/train/failure.h"
#include "libs/train/initial_weights.h"
#include "libs/train/metrics_log.h"
#include "libs/train/trainee.h"
#include "tests/unit/train/checkpoint_tensors.h"
#include "tests/unit/train/run_ranks.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Five volumes, two a step: probes after steps 2, 4 and 5.
JobSpec ProbedSpec(std::int64_t steps = 5) {
  JobSpec job = SmallSpec(steps, 2);
  PretrainSpec& spec = job.pretrain;
  spec.checkpoint.best_metric = "probe_dice";
  spec.probe.every_passes = 1;
  spec.probe.dataset = "folds";
  spec.probe.classes = kLabelledClasses;
  spec.probe.in_channels = 1;
  spec.probe.out_channels = 2;  // and the background
  spec.probe.steps = 3;
  spec.probe.global_batch = 2;
  spec.probe.learning_rate = 3e-3;
  spec.probe.crops = 2;
  return job;
}

CheckpointManifest Newest(const std::filesystem::path& job) {
  const CheckpointSearch search = FindCheckpoints(job / "checkpoints", /*first_only=*/true);
  EXPECT_EQ(search.verified.size(), 1u);
  return search.verified.empty() ? CheckpointManifest{} : search.verified.front().manifest;
}

std::string MetricsOf(const std::filesystem::path& job) { return files::Read(job / "metrics.jsonl").value_or("none"); }

std::vector<ValidationResult> Probes(const AttemptResult& result) {
  std::vector<ValidationResult> probes;
  for (ValidationResult& validation : result.Reports<ValidationResult>()) {
    if (validation.split == "probe") probes.push_back(std::move(validation));
  }
  return probes;
}

void ExpectEnd(const AttemptResult& result, std::int64_t step, bool complete) {
  for (const auto& rank : result.ranks) {
    ASSERT_OK(rank);
    EXPECT_EQ(rank->step, step);
    EXPECT_EQ(rank->complete, complete);
  }
}

TEST(Probe, ChangesNothingOfThePretraining) {
  for (const int world_size : {1, 2}) {
    TempDir with, without;
    JobSpec job = ProbedSpec();
    job.pretrain.ema.decay = 0.9;
    ExpectEnd(RunAttempt({.job = job, .folder = with.path(), .world_size = world_size}), 5, true);
    job.pretrain.probe = {};
    job.pretrain.checkpoint.best_metric = "";
    ExpectEnd(RunAttempt({.job = job, .folder = without.path(), .world_size = world_size}), 5, true);
    const auto expected = CheckpointTensors(without.path(), "00000005-001");
    EXPECT_EQ(expected.size(), 4u * 66u);
    EXPECT_TRUE(CheckpointTensors(with.path(), "00000005-001") == expected) << "W = " << world_size;
  }
}

TEST(Probe, IsReportedAndSaysWhichCheckpointIsTheBest) {
  std::vector<ValidationResult> one;
  for (const int world_size : {1, 2}) {
    TempDir dir;
    JobSpec job = ProbedSpec(7);
    job.pretrain.validation.every_steps = 3;
    job.pretrain.checkpoint.keep = 1;
    const AttemptResult result = RunAttempt({.job = job, .folder = dir.path(), .world_size = world_size});
    ExpectEnd(result, 7, true);
    const std::vector<ValidationResult> probes = Probes(result);
    ASSERT_EQ(probes.size(), 4u);
    std::int64_t best = -1;
    double dice = -1;
    for (std::size_t i = 0; i < probes.size(); ++i) {
      EXPECT_EQ(probes[i].step, (std::vector<std::int64_t>{2, 4, 6, 7})[i]);
      EXPECT_EQ(probes[i].metrics.at("dice"), probes[i].metrics.at("dice_fold"));
      EXPECT_GT(probes[i].metrics.at("loss_ce"), 0);
      // Only the order of summation differs between world sizes.
      if (world_size == 1) one.push_back(probes[i]);
      EXPECT_NEAR(probes[i].metrics.at("loss"), one[i].metrics.at("loss"), 2e-3) << i;
      if (probes[i].metrics.at("dice") > dice) {
        best = probes[i].step;
        dice = probes[i].metrics.at("dice");
      }
    }
    EXPECT_GT(dice, 0.1);
    EXPECT_NE(probes[0].metrics.at("loss"), probes[3].metrics.at("loss")) << "another encoder by then";
    const CheckpointManifest manifest = Newest(dir.path());
    EXPECT_EQ(manifest.step, 7);
    EXPECT_EQ(manifest.best_step, best);
    EXPECT_EQ(manifest.state.at("best").front(), dice);
    EXPECT_EQ(manifest.metrics.at("probe/dice"), probes.back().metrics.at("dice"));
    EXPECT_TRUE(manifest.metrics.contains("held_out/loss_masked"));
    std::set<std::int64_t> kept, told;
    for (const FoundCheckpoint& found : FindCheckpoints(dir.path() / "checkpoints", false).verified)
      kept.insert(found.manifest.step);
    EXPECT_EQ(kept, (std::set<std::int64_t>{best, 7}));
    for (const CheckpointCommitted& c : result.Reports<CheckpointCommitted>()) {
      if (c.best) told.insert(c.step);
    }
    EXPECT_TRUE(told.contains(best));
    ASSERT_OK_AND_ASSIGN(const MetricsHistory history, ReadMetrics(dir.path() / "metrics.jsonl"));
    EXPECT_EQ(std::count_if(history.validations.begin(), history.validations.end(),
                            [](const ValidationResult& v) { return v.split == "probe"; }),
              4);
  }
}

// The same encoder gives the same numbers, however often and whatever was before; another one gives others. It is the average
// where one is kept.
TEST(Probe, MeasuresTheEncoderAlone) {
  TempDir dir;
  JobSpec job = ProbedSpec(2);
  job.pretrain.ema.decay = 0.5;
  job.pretrain.checkpoint.every_steps = 1;
  const Attempt attempt{.job = job, .folder = dir.path()};
  const AttemptResult result = RunAttempt(attempt);
  ExpectEnd(result, 2, true);
  ASSERT_EQ(Probes(result).size(), 1u);

  ProbeFixture fixture(attempt, 0);
  auto communicators = MakeLocalCommunicators(1, absl::Seconds(60));
  MemoryStore store;
  FakeClock clock;
  bool stop = false;
  const TrainOptions options = OptionsOf(attempt, 0);
  SyntheticSource unused;
  const TrainEnvironment environment{.data = unused,
                                     .objective = *fixture.objective,
                                     .communicator = *communicators[0],
                                     .store = store,
                                     .clock = clock,
                                     .report = [](const WorkerReport&) {},
                                     .stop_requested = [] { return false; }};
  int steps = 0;
  const auto flags = [&] { return StepFlags{.stop = stop}; };
  const auto after_step = [&](const StepReport&) {
    ++steps;
    return absl::OkStatus();
  };
  const auto probe = [&](const std::string& file) {
    const auto network = NewNetwork(job, at::kCPU);
    EXPECT_OK(network);
    EXPECT_OK(LoadInitialWeights(
        {.from = "test", .path = dir.path() / "checkpoints/00000002-001" / file, .load_decoder = true}, **network));
    const auto before = (*network)->parameters()[3].tensor.detach().clone();
    const auto measured = RunProbe(options, environment, fixture.parts, **network, 2, {flags, after_step});
    EXPECT_OK(measured);
    EXPECT_TRUE(before.equal((*network)->parameters()[3].tensor));
    EXPECT_FALSE((*network)->parameters()[3].tensor.grad().defined());
    return measured.ok() ? *measured : std::nullopt;
  };
  const auto average = probe(kAverageFile), trained = probe(kModelFile), again = probe(kAverageFile);
  ASSERT_TRUE(average && trained && again);
  EXPECT_EQ(*average, Probes(result).front());
  EXPECT_EQ(*again, *average);
  EXPECT_NE(*trained, *average);
  EXPECT_EQ(steps, 3 * 3);
  stop = true;
  EXPECT_FALSE(probe(kAverageFile).has_value());
  EXPECT_EQ(steps, 3 * 3 + 1);
}

TEST(Probe, TakesTheEncoderOfEveryNetwork) {
  for (const NetworkFacts& facts : Networks()) {
    if (facts.widths == 0 && facts.filters > 0) continue;  // unet by another name
    for (const char* objective : {"masked", "swinunetr"}) {
      const bool swin = std::string(facts.name) == "swin_unetr";
      if (!swin && std::string(objective) == "swinunetr") continue;
      JobSpec job = ProbedSpec();
      job.pretrain.network = {.name = facts.name, .filters = swin ? 12 : 4};
      job.pretrain.objective.name = objective;
      job.pretrain.probe.in_channels = 2;
      ASSERT_OK_AND_ASSIGN(const auto pretrained, NewNetwork(job, at::kCPU));
      ASSERT_OK_AND_ASSIGN(const auto probed, NewNetwork(ProbeJob(job.pretrain), at::kCPU));
      EXPECT_OK(TakeEncoder(*pretrained, *probed)) << facts.name << " " << objective;
    }
  }
}

// In the probe of a step, the last one too; and just before one begins.
TEST(Probe, AStopGivesItUpAndTheNextAttemptMakesUpForIt) {
  struct Case {
    int world_size;
    std::int64_t stop_in_probe, stop_after, at;
  };
  std::map<int, TempDir> straight;
  const JobSpec job = ProbedSpec();
  for (const int world_size : {1, 2}) {
    ExpectEnd(RunAttempt({.job = job, .folder = straight[world_size].path(), .world_size = world_size}), 5, true);
  }
  for (const auto& [world_size, stop_in_probe, stop_after, at] :
       {Case{1, 4, -1, 4}, Case{2, 2, -1, 2}, Case{2, 5, -1, 5}, Case{2, -1, 1, 2}}) {
    TempDir stopped;
    const auto& undisturbed = straight[world_size].path();
    const CheckpointManifest expected = Newest(undisturbed);
    const AttemptResult first = RunAttempt({.job = job,
                                            .folder = stopped.path(),
                                            .world_size = world_size,
                                            .stop_after = stop_after,
                                            .stop_in_probe = stop_in_probe,
                                            .stop_rank = world_size - 1});
    ExpectEnd(first, at, false);
    for (const ValidationResult& probed : Probes(first)) EXPECT_LT(probed.step, at);
    EXPECT_EQ(Newest(stopped.path()).step, at);
    const AttemptResult second =
        RunAttempt({.job = job, .folder = stopped.path(), .number = 2, .world_size = world_size});
    ExpectEnd(second, 5, true);
    EXPECT_EQ(Probes(second).front().step, at);
    const CheckpointManifest end = Newest(stopped.path());
    EXPECT_EQ(end.attempt, 2);
    EXPECT_EQ(end.best_step, expected.best_step);
    EXPECT_EQ(end.state, expected.state);
    EXPECT_TRUE(CheckpointTensors(stopped.path(), "00000005-002") == CheckpointTensors(undisturbed, "00000005-001"));
    EXPECT_EQ(MetricsOf(stopped.path()), MetricsOf(undisturbed));
    bool there = false;
    for (const FoundCheckpoint& found : FindCheckpoints(stopped.path() / "checkpoints", false).verified)
      there = there || found.manifest.step == expected.best_step;
    EXPECT_TRUE(there) << "the best one, stopped at " << at;
  }
}

TEST(Probe, ACrashInItChangesNothing) {
  TempDir straight, crashed;
  const JobSpec job = ProbedSpec();
  ExpectEnd(RunAttempt({.job = job, .folder = straight.path(), .world_size = 2}), 5, true);
  Attempt attempt{.job = job, .folder = crashed.path(), .world_size = 2};
  attempt.labelled.damaged_at = 3;
  attempt.labelled.damaged_from_open = 1;  // the probe of step 4
  const AttemptResult failed = RunAttempt(attempt);
  int told = 0;
  for (const auto& rank : failed.ranks) {
    const Failure failure = FailureOf(rank.status());
    if (failure.reason != "DATA_DAMAGED") continue;
    ++told;
    EXPECT_THAT(failure.message, AllOf(HasSubstr("probe of folds"), HasSubstr("chunk 5")));
    EXPECT_FALSE(failure.retryable);
  }
  EXPECT_EQ(told, 1);
  EXPECT_EQ(Newest(crashed.path()).step, 2) << "the best one so far; nothing waits for a probe to be committed";
  ExpectEnd(RunAttempt({.job = job, .folder = crashed.path(), .number = 2, .world_size = 2}), 5, true);
  EXPECT_TRUE(CheckpointTensors(crashed.path(), "00000005-002") == CheckpointTensors(straight.path(), "00000005-001"));
  EXPECT_EQ(Newest(crashed.path()).state, Newest(straight.path()).state);
  EXPECT_EQ(Newest(crashed.path()).best_step, Newest(straight.path()).best_step);
  EXPECT_EQ(MetricsOf(crashed.path()), MetricsOf(straight.path()));
}

}  // namespace
}  // namespace amaes
