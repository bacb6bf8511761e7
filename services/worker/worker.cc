#include "services/worker/worker.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/base/version.h"
#include "libs/collective/make_communicator.h"
#include "libs/dataset/catalogue.h"
#include "libs/dataset/modalities.h"
#include "libs/dataset/selection.h"
#include "libs/loader/sample_reader.h"
#include "libs/spec/augment_choice.h"
#include "libs/spec/probe.h"
#include "libs/spec/spec_io.h"
#include "libs/train/failure.h"
#include "libs/train/make_objective.h"
#include "libs/train/train_loop.h"
#include "services/worker/agent_store.h"
#include "services/worker/check_script.h"
#include "services/worker/device.h"
#include "services/worker/evaluate_job.h"
#include "services/worker/finetune.h"
#include "services/worker/probe_data.h"

namespace amaes {
namespace {

constexpr absl::Duration kStartTimeout = absl::Seconds(60);

// What the coordinator resolves before it stores a job, and which lanes belong to this rank.
std::vector<std::string> Inconsistencies(const WorkerStart& start, const JobSpec& spec) {
  if (spec.kind == JobKind::kEvaluate) {
    if (start.rank < 0 || start.rank >= start.world_size)
      return {absl::StrCat("rank ", start.rank, " of ", start.world_size)};
    return {};
  }
  if (!spec.trains()) return {absl::StrCat("kind: a worker does not do ", JobKindName(spec.kind))};
  const TrainingSpec& training = spec.training();
  std::vector<std::string> problems;
  if (training.schedule.steps <= 0) problems.push_back("schedule.steps is not resolved");
  if (training.schedule.warmup_steps < 0) problems.push_back("schedule.warmup_steps is not resolved");
  if (spec.kind == JobKind::kFinetune && training.dataset.selection.empty())
    problems.push_back("dataset.selection is not resolved");
  if (HasProbe(spec)) {
    const PretrainSpec::Probe& probe = spec.pretrain.probe;
    if (probe.digest.empty() || probe.out_channels == 0) problems.push_back("probe is not resolved");
    if (start.world_size > probe.global_batch) {
      problems.push_back(
          absl::StrCat("probe.global_batch ", probe.global_batch, " is less than the ", start.world_size, " workers"));
    }
  }
  if (start.rank < 0 || start.rank >= start.world_size || start.world_size > training.global_batch / spec.group()) {
    problems.push_back(absl::StrCat("rank ", start.rank, " of ", start.world_size,
                                    " workers does not go with global_batch ", training.global_batch, " in groups of ",
                                    spec.group()));
  } else if (const LaneRange lanes{start.first_lane, start.last_lane};
             lanes != LanesOf(start.rank, start.world_size, training.global_batch, spec.group())) {
    problems.push_back(absl::StrCat("lanes ", lanes.first, " to ", lanes.last, " are not those of rank ", start.rank,
                                    " of ", start.world_size));
  }
  return problems;
}

absl::StatusOr<JobSpec> ReadSpec(const WorkerStart& start) {
  absl::StatusOr<JobSpec> spec = SpecFromCompleteJson(start.spec_json);
  if (!spec.ok()) return WithReason(spec.status(), "BAD_SPEC", /*retryable=*/false);
  std::vector<std::string> problems;
  for (const SpecProblem& problem : ValidateSpec(*spec)) {
    problems.push_back(absl::StrCat(problem.field, ": ", problem.message));
  }
  if (problems.empty()) problems = Inconsistencies(start, *spec);
  if (problems.empty()) return spec;
  return WithReason(absl::InvalidArgumentError(absl::StrJoin(problems, "; ")), "BAD_SPEC", /*retryable=*/false);
}

absl::StatusOr<std::unique_ptr<Communicator>> OpenCommunicator(const WorkerStart& start, const JobSpec& spec,
                                                               c10::Device device, RendezvousStore& store) {
  if (start.world_size == 1) return MakeSingleCommunicator();
  CommunicatorOptions options;
  options.rank = start.rank;
  options.world_size = start.world_size;
  options.attempt = start.attempt;
  options.bind_address = start.bind_address;
  options.device_index = start.device_index;
  options.start_timeout = kStartTimeout;
  options.collective_timeout = CollectiveTimeout(spec, device);
  if (HasProbe(spec)) {
    options.collective_timeout =
        std::max(options.collective_timeout, CollectiveTimeout(ProbeJob(spec.pretrain), device));
  }
  return device.is_cuda() ? MakeNcclCommunicator(options, store) : MakeGlooCommunicator(options, store);
}

// The list that the coordinator resolved at submit, resolved again.
absl::StatusOr<std::shared_ptr<const Selection>> SelectVolumes(const DatasetVersion& version,
                                                               const TrainingSpec::Dataset& dataset) {
  absl::StatusOr<Selection> selection = ResolveSelection(version, dataset.filter, dataset.repeats);
  if (!selection.ok()) return WithReason(selection.status(), "BAD_SPEC", /*retryable=*/false);
  if (selection->digest != dataset.selection) {
    return WithReason(absl::FailedPreconditionError(absl::StrCat("the spec names selection '", dataset.selection,
                                                                 "', filter and repeats give '", selection->digest,
                                                                 "': submit the job again")),
                      "BAD_SPEC", /*retryable=*/false);
  }
  if (selection->filter_left_no_held_out) {
    LogWarning("worker", "no held-out volume fits the filter: validation uses all of them",
               {{"held_out", selection->held_out.size()}});
  }
  return std::make_shared<const Selection>(*std::move(selection));
}

void SayAnonymised(const DatasetVersion& version, const PretrainSpec& spec) {
  const auto volumes = std::count_if(version.entries.begin(), version.entries.end(),
                                     [](const CatalogueEntry& entry) { return !AnonymisationMasks(entry).empty(); });
  if (volumes == 0) return;
  LogInfo("worker", "volumes of the dataset have anonymised voxels",
          {{"volumes", volumes}, {"of", version.entries.size()}, {"loss.anonymised", spec.loss.anonymised}});
}

LoaderOptions PretrainLoaderOptions(const WorkerStart& start, const JobSpec& job,
                                    std::shared_ptr<const Selection> selection, std::vector<std::string> groups) {
  const PretrainSpec& spec = job.pretrain;
  return {.volumes = start.volumes_folder,
          .seed = spec.seed,
          .patch = spec.patch,
          .token = spec.mask.token,
          .mask_ratio = spec.mask.ratio,
          .augmentation = AugmentationOf(job),
          .global_batch = spec.global_batch,
          .lanes = {start.first_lane, start.last_lane},
          .selection = std::move(selection),
          .threads = static_cast<int>(spec.loader.threads),
          .prefetch = spec.loader.prefetch,
          .cache_bytes = spec.loader.cache_mib << 20,
          .skip_damaged = spec.loader.on_damage == "skip",
          .exclude_anonymised = spec.loss.anonymised == "exclude",
          .groups = std::move(groups)};
}

absl::StatusOr<TrainResult> Train(const WorkerStart& start, const JobSpec& spec, AgentLink& link, Clock& clock) {
  const TrainingSpec& training = spec.training();
  absl::StatusOr<c10::Device> device = PrepareDevice(training, start.device_index);
  if (!device.ok()) return WithReason(device.status(), "GPU_UNUSABLE", /*retryable=*/true);
  AMAES_RETURN_IF_ERROR(CheckScriptUnchanged(NetworkOptionsOf(spec), training.network.script_digest));
  absl::StatusOr<DatasetVersion> version = ReadVersion(start.dataset_folder);
  if (!version.ok()) return WithReason(version.status(), "DATASET_UNREADABLE", !absl::IsDataLoss(version.status()));
  if (version->digest != training.dataset.digest) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat("the spec names dataset digest ", training.dataset.digest,
                                                   ", the folder holds ", version->digest)),
        "BAD_SPEC", /*retryable=*/false);
  }
  std::unique_ptr<FinetuneData> cases;
  std::shared_ptr<const Selection> selection;
  if (spec.kind == JobKind::kFinetune) {
    AMAES_ASSIGN_OR_RETURN(cases, FinetuneData::Open(start, spec, *version, spec.finetune.dataset.selection, clock));
  } else {
    AMAES_ASSIGN_OR_RETURN(selection, SelectVolumes(*version, training.dataset));
    if (start.rank == 0) SayAnonymised(*version, spec.pretrain);
  }
  AMAES_ASSIGN_OR_RETURN(const std::unique_ptr<ProbeData> probe,
                         ProbeData::Open(start, spec, selection ? selection->size() : 0, *device, clock));
  AgentStore store(link);
  link.Report(WorkerPhase{"rendezvous", 0});
  absl::StatusOr<std::unique_ptr<Communicator>> communicator = OpenCommunicator(start, spec, *device, store);
  if (!communicator.ok()) return CollectiveFailure(communicator.status());
  const std::vector<std::string> groups = ModalityGroups(*version);
  DatasetSource volumes(*version, PretrainLoaderOptions(start, spec, std::move(selection), groups), clock);
  DataSource& data = cases ? cases->source() : volumes;
  absl::StatusOr<std::unique_ptr<Objective>> objective = MakeObjective(spec, *device, groups);
  if (!objective.ok()) return WithReason(objective.status(), "BAD_SPEC", /*retryable=*/false);
  AMAES_ASSIGN_OR_RETURN(std::optional<InitialWeights> initial_weights, InitialWeightsOf(spec));
  const TrainOptions options{.spec = spec,
                             .spec_json = start.spec_json,
                             .title = spec.name.empty() ? start.job : spec.name,
                             .job = start.job,
                             .attempt = start.attempt,
                             .lanes = {start.first_lane, start.last_lane},
                             .job_folder = start.job_folder,
                             .contract_json = ContractJson(version->contract),
                             .dataset_digest = version->digest,
                             .initial_weights = std::move(initial_weights),
                             .device = *device,
                             .software = kSoftware};
  const TrainEnvironment environment{.data = data,
                                     .objective = **objective,
                                     .communicator = **communicator,
                                     .store = store,
                                     .clock = clock,
                                     .report = [&link](WorkerReport report) { link.Report(std::move(report)); },
                                     .stop_requested = [&link] { return link.stop_requested().has_value(); },
                                     .probe = probe ? &probe->parts() : nullptr};
  return amaes::Train(options, environment);
}

absl::StatusOr<TrainResult> CarryOut(AgentLink& link, Clock& clock) {
  absl::StatusOr<WorkerStart> start = link.WaitForStart(kStartTimeout);
  if (!start.ok()) return WithReason(start.status(), "NO_ORDER", !absl::IsFailedPrecondition(start.status()));
  LogInfo("worker", "started",
          {{"job", start->job},
           {"attempt", start->attempt},
           {"rank", start->rank},
           {"world_size", start->world_size},
           {"device_index", start->device_index}});
  AMAES_ASSIGN_OR_RETURN(const JobSpec spec, ReadSpec(*start));
  if (spec.kind == JobKind::kEvaluate) {
    AMAES_ASSIGN_OR_RETURN(const bool complete, RunEvaluation(*start, spec, link, clock));
    return TrainResult{.complete = complete, .step = 0};
  }
  return Train(*start, spec, link, clock);
}

}  // namespace

int RunWorker(AgentLink& link, Clock& clock) {
  const absl::StatusOr<TrainResult> result = CarryOut(link, clock);
  if (result.ok()) {
    LogInfo("worker", result->complete ? "finished" : "stopped", {{"step", result->step}});
    link.Report(WorkerFinished{.complete = result->complete, .step = result->step});
    return kExitFinished;
  }
  Failure failure = FailureOf(result.status());
  LogError("worker", failure.message, {{"reason", failure.reason}, {"retryable", failure.retryable}});
  const int code = failure.retryable ? kExitRetryable : kExitFailed;
  link.Report(WorkerFailed{std::move(failure.reason), std::move(failure.message), failure.retryable});
  return code;
}

}  // namespace amaes
