// A training run of W ranks, one thread each, over local communicators.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "libs/base/files.h"
#include "libs/base/mutex.h"
#include "libs/base/testing/fake_clock.h"
#include "libs/collective/make_communicator.h"
#include "libs/dataset/ledger.h"
#include "libs/spec/probe.h"
#include "libs/spec/spec_io.h"
#include "libs/train/make_objective.h"
#include "libs/train/train_loop.h"
#include "tests/unit/collective/memory_store.h"
#include "tests/unit/train/labelled_source.h"
#include "tests/unit/train/synthetic_source.h"

namespace amaes {

inline JobSpec SmallSpec(std::int64_t steps, std::int64_t global_batch) {
  JobSpec job;
  PretrainSpec& spec = job.pretrain;
  spec.dataset = {.name = "synthetic", .version = 1, .digest = kSyntheticDigest};
  spec.network = {.name = "unet", .filters = 4};
  spec.patch = Cube(32);
  spec.optimizer.learning_rate = 1e-3;
  spec.schedule = {.steps = steps, .passes = 100, .warmup_steps = 2, .warmup_start_factor = 0.1};
  spec.global_batch = global_batch;
  spec.device = "cpu";
  spec.checkpoint = {.every_steps = 1000, .keep = 3};
  spec.validation = {.every_steps = 0, .crops = 2};
  return job;
}

// One attempt.
struct Attempt {
  JobSpec job;
  std::filesystem::path folder = {};
  AttemptNumber number = 1;
  int world_size = 1;
  std::int64_t stop_after = -1;     // progress of this step makes rank `stop_rank` ask for a stop
  std::int64_t stop_in_probe = -1;  // the same, of the probe of this step
  int stop_rank = 0;
  SyntheticSource source = {};
  LabelledSource labelled = {};  // of probes
  std::optional<InitialWeights> initial_weights = {};
  // Wraps a rank's communicator, for faults.
  std::function<std::unique_ptr<Communicator>(std::unique_ptr<Communicator>)> wrap = {};
};

struct AttemptResult {
  std::vector<absl::StatusOr<TrainResult>> ranks;
  std::vector<WorkerReport> reports;  // of rank 0

  template <typename T>
  std::vector<T> Reports() const {
    std::vector<T> out;
    for (const WorkerReport& report : reports) {
      if (const T* value = std::get_if<T>(&report)) out.push_back(*value);
    }
    return out;
  }
};

inline TrainOptions OptionsOf(const Attempt& attempt, int rank) {
  TrainOptions options;
  options.spec = attempt.job;
  options.spec_json = SpecToJson(attempt.job);
  options.title = options.job = "job-test";
  options.attempt = attempt.number;
  options.lanes = LanesOf(rank, attempt.world_size, attempt.job.pretrain.global_batch, attempt.job.group());
  options.job_folder = attempt.folder;
  options.contract_json = "{}";
  options.dataset_digest = attempt.job.pretrain.dataset.digest;
  options.software = "amaes test";
  options.initial_weights = attempt.initial_weights;
  return options;
}

// What a rank's probes need.
struct ProbeFixture {
  JobSpec job;
  LabelledSource source;
  std::unique_ptr<Objective> objective;
  ProbeParts parts;

  ProbeFixture(const Attempt& attempt, int rank)
      : job(ProbeJob(attempt.job.pretrain)),
        source(attempt.labelled),
        objective(*MakeObjective(job, at::kCPU)),
        parts{.job = job,
              .lanes = LanesOf(rank, attempt.world_size, job.finetune.global_batch),
              .every_steps = StepsOfPasses(attempt.job.pretrain.probe.every_passes, attempt.source.volumes,
                                           attempt.job.pretrain.global_batch),
              .data = source,
              .objective = *objective} {
    source.options.seed = job.finetune.seed;
    source.options.patch = job.finetune.patch;
    source.options.global_batch = job.finetune.global_batch;
    source.options.lanes = parts.lanes;
  }
};

inline AttemptResult RunAttempt(const Attempt& attempt) {
  AttemptResult result;
  result.ranks.resize(attempt.world_size, absl::UnknownError("did not run"));
  MemoryStore store;
  auto communicators = MakeLocalCommunicators(attempt.world_size, absl::Seconds(60));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < attempt.world_size; ++rank) {
    threads.emplace_back([&, rank] {
      std::unique_ptr<Communicator> communicator = std::move(communicators[rank]);
      if (attempt.wrap) communicator = attempt.wrap(std::move(communicator));
      FakeClock clock;
      SyntheticSource source = attempt.source;
      bool stop = false;
      const TrainOptions options = OptionsOf(attempt, rank);
      const PretrainSpec& spec = attempt.job.pretrain;
      source.options = {.volumes = {},
                        .seed = spec.seed,
                        .patch = spec.patch,
                        .token = spec.mask.token,
                        .mask_ratio = spec.mask.ratio,
                        .global_batch = spec.global_batch,
                        .lanes = options.lanes};
      const std::unique_ptr<Objective> objective = *MakeObjective(attempt.job, at::kCPU);
      std::optional<ProbeFixture> probe;
      if (HasProbe(attempt.job)) probe.emplace(attempt, rank);
      const auto report = [&](WorkerReport value) {
        const auto* phase = std::get_if<TrainProgress>(&value);
        if (phase != nullptr && phase->step == attempt.stop_after && rank == attempt.stop_rank) stop = true;
        const WorkerReport probing = WorkerPhase{"probe", attempt.stop_in_probe};
        if (value == probing && rank == attempt.stop_rank) stop = true;
        clock.Advance(absl::Seconds(1));
        if (rank == 0) result.reports.push_back(std::move(value));
      };
      const auto stop_requested = [&] {
        clock.Advance(absl::Seconds(1));  // so that every step is reported
        return stop;
      };
      result.ranks[rank] = Train(options, {.data = source,
                                           .objective = *objective,
                                           .communicator = *communicator,
                                           .store = store,
                                           .clock = clock,
                                           .report = report,
                                           .stop_requested = stop_requested,
                                           .probe = probe ? &probe->parts : nullptr});
    });
  }
  for (std::thread& thread : threads) thread.join();
  return result;
}

// Position → volume of everything that a checkpoint's ledgers name. `times` counts how often each position occurs.
inline std::map<std::int64_t, std::int64_t> LedgerOf(const std::filesystem::path& job,
                                                     const CheckpointManifest& manifest,
                                                     std::map<std::int64_t, int>* times) {
  std::map<std::int64_t, std::int64_t> volumes;
  for (const auto& [name, length] : manifest.ledger) {
    const auto records = ReadLedger(job / "ledger" / name, length);
    if (!records.ok()) return {};
    for (const LedgerRecord& record : *records) {
      volumes[record.position] = record.volume;
      ++(*times)[record.position];
    }
  }
  return volumes;
}

}  // namespace amaes
