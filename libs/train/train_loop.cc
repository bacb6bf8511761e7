#include "libs/train/train_loop.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/fault.h"
#include "libs/base/files.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/ledger.h"
#include "libs/dataset/ledger_reader.h"
#include "libs/draws/draws.h"
#include "libs/models/torch_errors.h"
#include "libs/spec/probe.h"
#include "libs/train/best_checkpoint.h"
#include "libs/train/checkpoint_io.h"
#include "libs/train/checkpoint_writer.h"
#include "libs/train/failure.h"
#include "libs/train/final_picture.h"
#include "libs/train/initial_weights.h"
#include "libs/train/lr_schedule.h"
#include "libs/train/metrics_log.h"
#include "libs/train/micro_batch.h"
#include "libs/train/probe.h"
#include "libs/train/progress_meter.h"
#include "libs/train/resume.h"
#include "libs/train/train_step.h"
#include "libs/train/trainee.h"
#include "libs/train/update_guard.h"
#include "libs/train/validation.h"
#include "libs/train/validation_pictures.h"
#include "libs/train/weight_average.h"

namespace amaes {
namespace {

// Of CheckpointManifest::state.
constexpr char kGuard[] = "guard";
constexpr char kBest[] = "best";
constexpr char kProbed[] = "probed";
constexpr absl::Duration kProgressInterval = absl::Milliseconds(250);
constexpr char kCitation[] =
    "AMAES: Augmented Masked Autoencoder Pretraining on Public Brain MRI Data, arXiv:2408.00640";

class TrainLoop {
 public:
  TrainLoop(const TrainOptions& options, const TrainEnvironment& environment)
      : options_(options),
        environment_(environment),
        spec_(options.spec.training()),
        rank_(environment.communicator.rank()),
        world_size_(environment.communicator.world_size()),
        schedule_(ScheduleOf(options.spec)),
        writer_({.checkpoints = options.job_folder / "checkpoints",
                 .keep = spec_.checkpoint.keep,
                 .device = options.device},
                environment.communicator, environment.clock, environment.report),
        meter_(environment.clock, kProgressInterval),
        guard_(GuardOptionsOf(options.spec)) {}

  absl::StatusOr<TrainResult> Run();

 private:
  absl::Status MakeState();
  absl::StatusOr<std::int64_t> MicroBatch();
  absl::StatusOr<std::int64_t> ChooseMicroBatch();
  absl::Status Restore();
  absl::Status Initialise();
  absl::Status OpenFiles(const CheckpointManifest* from);
  absl::StatusOr<SkipPositions> EarlierSkips(const std::filesystem::path& ledgers) const;
  absl::Status OneStep();
  StepFlags Flags() const;
  absl::Status CompleteCheckpoint(const StepReport& report);
  absl::StatusOr<Sample> NextSample();
  absl::Status Guard(std::int64_t update, const StepReport& report);
  absl::Status Record(const StepReport& report, double learning_rate);
  absl::Status Validate();
  bool ProbeIsDue() const;
  absl::Status Probe();
  absl::Status MakeUpForProbe();
  void Note(absl::Span<const ValidationResult> results);
  absl::Status Checkpoint();
  absl::Status Finish();
  CheckpointManifest MakeManifest(std::int64_t metrics_length) const;
  void Phase(const char* phase) { environment_.report(WorkerPhase{phase, step_}); }
  const Network& network() const { return *trained_.network; }
  // What is validated, probed and drawn.
  const Network& shown() const { return averaged_ ? *averaged_ : network(); }
  bool Due(std::int64_t every) const { return every > 0 && (step_ % every == 0 || step_ == spec_.schedule.steps); }

  const TrainOptions& options_;
  const TrainEnvironment& environment_;
  const TrainingSpec& spec_;
  const int rank_, world_size_;
  const LrSchedule schedule_;
  std::int64_t micro_batch_ = 1;

  Trainee trained_;
  std::unique_ptr<WeightAverage> average_;  // null: none is kept
  std::unique_ptr<Network> averaged_;       // shows it
  std::unique_ptr<TrainStep> train_step_;
  std::unique_ptr<Loader> loader_;
  std::unique_ptr<LedgerWriter> ledger_;
  std::optional<Validation> validation_;
  std::optional<MetricsLog> metrics_;  // rank 0
  CheckpointWriter writer_;
  ProgressMeter meter_;
  UpdateGuard guard_;
  BestSoFar best_;

  std::int64_t step_ = 0;        // updates done
  std::int64_t saved_step_ = 0;  // of the newest checkpoint begun or resumed from
  bool stop_ = false;            // all ranks agree
  std::string parent_;           // checkpoint resumed from
  std::map<std::string, std::int64_t> earlier_ledgers_;
  std::map<std::string, MetricMap> validated_;  // by split, the newest in this attempt
  std::int64_t probed_step_ = -1;               // of the newest probe that came to its end
  TrainProgress progress_;                      // of the last step
};

absl::StatusOr<TrainResult> TrainLoop::Run() {
  Phase("restore");
  AMAES_RETURN_IF_ERROR(MakeState());
  AMAES_RETURN_IF_ERROR(Restore());
  AMAES_ASSIGN_OR_RETURN(validation_, Validation::Create(options_, environment_, micro_batch_));
  if (step_ == 0) AMAES_RETURN_IF_ERROR(Validate());
  if (ProbeIsDue()) AMAES_RETURN_IF_ERROR(MakeUpForProbe());
  Phase("train");
  meter_.Resume();
  while (step_ < spec_.schedule.steps && !stop_) {
    AMAES_RETURN_IF_ERROR(OneStep());
    const bool validate = Due(spec_.validation.every_steps), probe = ProbeIsDue();
    if (validate) AMAES_RETURN_IF_ERROR(Validate());
    if (probe) AMAES_RETURN_IF_ERROR(Probe());
    const bool checkpoint = Due(spec_.checkpoint.every_steps) || step_ == spec_.schedule.steps || stop_;
    if (checkpoint || best_.step == step_) AMAES_RETURN_IF_ERROR(Checkpoint());
    if (validate || probe || checkpoint) {
      Phase("train");
      meter_.Resume();
    }
  }
  AMAES_RETURN_IF_ERROR(Finish());
  return TrainResult{.complete = step_ >= spec_.schedule.steps && !ProbeIsDue(), .step = step_};
}

absl::Status TrainLoop::MakeState() {
  AMAES_ASSIGN_OR_RETURN(trained_, MakeTrainee(options_.spec, options_.device, environment_.communicator,
                                               {.step = -1, .rank = rank_, .attempt = options_.attempt}));
  if (spec_.ema.decay > 0) {
    AMAES_ASSIGN_OR_RETURN(averaged_, NewNetwork(options_.spec, options_.device));
    AMAES_RETURN_IF_ERROR(TensorFailure(CatchTorch("average of the weights", [&] {
      average_ = std::make_unique<WeightAverage>(network().parameters(), trained_.buckets->plan(), spec_.ema.decay);
      average_->Show(*averaged_, network());
    })));
  }
  AMAES_ASSIGN_OR_RETURN(micro_batch_, MicroBatch());
  train_step_ = std::make_unique<TrainStep>(environment_.objective, network(), *trained_.buckets, *trained_.optimizer,
                                            environment_.communicator,
                                            TrainStepOptions{.global_batch = spec_.global_batch,
                                                             .micro_batch = micro_batch_,
                                                             .lanes = options_.lanes.size(),
                                                             .clip_norm = spec_.optimizer.clip_norm,
                                                             .device = options_.device},
                                            average_.get());
  return absl::OkStatus();
}

absl::StatusOr<std::int64_t> TrainLoop::MicroBatch() {
  if (spec_.micro_batch > 0) return spec_.micro_batch;
  absl::StatusOr<std::int64_t> agreed = AgreeOnMicroBatch(
      options_.job_folder, rank_, environment_.store, options_.resume_timeout, [this] { return ChooseMicroBatch(); });
  if (agreed.ok()) return agreed;
  return rank_ == 0 ? StorageFailure(agreed.status()) : CollectiveFailure(agreed.status());
}

// On a GPU by trying: the same sample, as often as it fits beside the reserve. Nothing of it stays.
absl::StatusOr<std::int64_t> TrainLoop::ChooseMicroBatch() {
  const std::int64_t lanes = options_.lanes.size();
  if (options_.device.is_cpu()) return MicroBatchOnCpu(options_.spec, lanes, MemoryForOneWorker(world_size_));
  const absl::StatusOr<std::vector<Sample>> crops = environment_.data.FixedCrops(Split::kTrain, 1);
  if (!crops.ok()) return DataFailure(crops.status());
  if (crops->empty() || crops->front().skipped) return 1;
  const absl::StatusOr<std::int64_t> largest = LargestThatFits(lanes, [&](std::int64_t size) {
    return CatchTorch("trial of the memory", [&] {
      const at::Tensor reserve = at::empty({ReserveOf(options_.spec)}, at::device(options_.device).dtype(at::kByte));
      trained_.buckets->BeginStep(0);
      const std::vector<const Sample*> samples(size, &crops->front());
      environment_.objective.Compute(network(), samples).loss.backward();
    });
  });
  if (!largest.ok()) return TensorFailure(largest.status());
  return largest;
}

absl::Status TrainLoop::Restore() {
  const absl::StatusOr<std::optional<FoundCheckpoint>> found =
      AgreeOnResume(options_.job_folder / "checkpoints", options_.attempt, rank_, environment_.store,
                    environment_.report, options_.resume_timeout);
  if (absl::IsDataLoss(found.status()) || absl::IsNotFound(found.status())) return StorageFailure(found.status());
  AMAES_RETURN_IF_ERROR(CollectiveFailure(found.status()));
  if (!found->has_value()) {
    AMAES_RETURN_IF_ERROR(Initialise());
    return OpenFiles(nullptr);
  }
  const auto& [folder, manifest] = **found;
  const std::string name = folder.filename().string();
  AMAES_RETURN_IF_ERROR(WithReason(CheckResumable(manifest, spec_, options_.dataset_digest), "RESUME_REFUSED", false));
  const absl::Status loaded =
      Annotate(LoadState(folder, manifest, network(), *trained_.optimizer, average_.get()), name);
  if (absl::IsFailedPrecondition(loaded)) return WithReason(loaded, "RESUME_REFUSED", /*retryable=*/false);
  AMAES_RETURN_IF_ERROR(StorageFailure(loaded));
  step_ = saved_step_ = manifest.step;
  parent_ = name;
  earlier_ledgers_ = manifest.ledger;
  progress_.metrics = manifest.metrics;
  if (const auto guard = manifest.state.find(kGuard); guard != manifest.state.end()) guard_.Restore(guard->second);
  if (const auto best = manifest.state.find(kBest); best != manifest.state.end() && best->second.size() == 1) {
    best_ = {.step = manifest.best_step, .value = best->second[0]};
  }
  if (const auto probed = manifest.state.find(kProbed); probed != manifest.state.end() && probed->second.size() == 1) {
    probed_step_ = static_cast<std::int64_t>(probed->second[0]);
  }
  LogInfo("train", "resumed", {{"checkpoint", name}, {"step", step_}});
  return OpenFiles(&manifest);
}

absl::Status TrainLoop::Initialise() {
  if (!options_.initial_weights) return absl::OkStatus();
  const InitialWeights& weights = *options_.initial_weights;
  const absl::StatusOr<InitPlan> plan = LoadInitialWeights(weights, network());
  if (absl::IsFailedPrecondition(plan.status()) || absl::IsNotFound(plan.status())) {
    return WithReason(plan.status(), "INIT_REFUSED", /*retryable=*/false);
  }
  AMAES_RETURN_IF_ERROR(StorageFailure(plan.status()));
  if (average_) {
    AMAES_RETURN_IF_ERROR(
        TensorFailure(CatchTorch("average of initial weights", [&] { average_->Restart(network().parameters()); })));
  }
  if (rank_ != 0) return absl::OkStatus();
  const std::string report = InitReportJson(*plan, weights.from, weights.sha256);
  for (const std::string& line : InitReportLines(report)) LogInfo("train", line, {});
  return StorageFailure(files::WriteAtomic(options_.job_folder / kInitReport, report));
}

absl::Status TrainLoop::OpenFiles(const CheckpointManifest* from) {
  const std::filesystem::path ledger_folder = options_.job_folder / "ledger";
  AMAES_RETURN_IF_ERROR(StorageFailure(files::MakeFolders(ledger_folder)));
  absl::StatusOr<std::unique_ptr<LedgerWriter>> ledger =
      LedgerWriter::Open(ledger_folder / LedgerName({options_.attempt, rank_}), 0);
  AMAES_RETURN_IF_ERROR(StorageFailure(ledger.status()));
  ledger_ = *std::move(ledger);
  if (rank_ == 0) {
    absl::StatusOr<MetricsLog> metrics =
        MetricsLog::Open(options_.job_folder / "metrics.jsonl", from == nullptr ? 0 : from->metrics_length);
    AMAES_RETURN_IF_ERROR(StorageFailure(metrics.status()));
    metrics_.emplace(*std::move(metrics));
  }
  if (step_ >= spec_.schedule.steps) return absl::OkStatus();
  SkipPositions skips;
  if (spec_.loader.on_damage == "skip") {
    AMAES_ASSIGN_OR_RETURN(skips, EarlierSkips(ledger_folder));
  }
  absl::StatusOr<std::unique_ptr<Loader>> loader = environment_.data.OpenLoader(step_, std::move(skips));
  AMAES_RETURN_IF_ERROR(DataFailure(loader.status()));
  loader_ = *std::move(loader);
  return absl::OkStatus();
}

// The steps after the checkpoint are run again. What was skipped in them is skipped again, though it could be read by now.
absl::StatusOr<SkipPositions> TrainLoop::EarlierSkips(const std::filesystem::path& ledgers) const {
  absl::StatusOr<std::vector<std::int64_t>> positions =
      SkippedBeyond(ledgers, earlier_ledgers_, options_.attempt, step_ * spec_.global_batch);
  AMAES_RETURN_IF_ERROR(StorageFailure(positions.status()));
  if (!positions->empty()) LogInfo("train", "skips of earlier attempts", {{"samples", positions->size()}});
  return std::make_shared<const std::vector<std::int64_t>>(*std::move(positions));
}

absl::StatusOr<Sample> TrainLoop::NextSample() {
  absl::StatusOr<Sample> sample = loader_->Next();
  if (!sample.ok()) return sample;
  ledger_->Append({.position = sample->position, .volume = sample->volume, .skipped = sample->skipped});
  // Durable before any rank can take the step: after a crash the step is run again with the same divisor.
  if (sample->skipped) AMAES_RETURN_IF_ERROR(StorageFailure(ledger_->Flush().status()));
  return sample;
}

absl::Status TrainLoop::OneStep() {
  const std::int64_t update = step_ + 1;
  AMAES_RETURN_IF_ERROR(train_step_->ComputeGradients(
      update, [this] { return NextSample(); }, Flags()));
  const double learning_rate = LearningRateAt(schedule_, step_);
  AMAES_ASSIGN_OR_RETURN(const StepReport report, train_step_->Update(update, learning_rate, guard_.Limits()));
  AMAES_RETURN_IF_ERROR(Guard(update, report));
  step_ = update;
  FaultPoint("step", {.step = step_, .rank = rank_, .attempt = options_.attempt});
  stop_ = report.stop_requests > 0;
  AMAES_RETURN_IF_ERROR(Record(report, learning_rate));
  return CompleteCheckpoint(report);
}

StepFlags TrainLoop::Flags() const {
  return {.stop = environment_.stop_requested(), .checkpoint_unfinished = writer_.unfinished()};
}

// Every rank sees the same numbers, so all complete a checkpoint after the same step.
absl::Status TrainLoop::CompleteCheckpoint(const StepReport& report) {
  if (writer_.in_flight() && report.checkpoints_unfinished == 0) AMAES_RETURN_IF_ERROR(writer_.Complete());
  return writer_.Poll();
}

absl::Status TrainLoop::Guard(std::int64_t update, const StepReport& report) {
  const double samples = report.sums[Objective::kSamples];
  if (samples == 0) return absl::OkStatus();
  const double loss = report.sums[Objective::kLoss] / samples;
  if (report.left_out && rank_ == 0) {
    LogWarning("train", "update left out", {{"step", update}, {"loss", loss}, {"gradient_norm", report.gradient_norm}});
  }
  return guard_.Note(update, loss, report.gradient_norm, report.left_out);
}

absl::Status TrainLoop::Record(const StepReport& report, double learning_rate) {
  progress_.step = step_;
  if (report.sums[Objective::kSamples] > 0) progress_.metrics = environment_.objective.MetricsOf(report.sums);
  progress_.metrics["gradient_norm"] = report.gradient_norm;
  progress_.metrics["updates_left_out"] = static_cast<double>(guard_.left_out());
  progress_.learning_rate = learning_rate;
  if (report.skipped > 0) LogWarning("train", "samples skipped", {{"step", step_}, {"samples", report.skipped}});
  meter_.StepDone(spec_.global_batch, loader_->data_wait());
  if (metrics_) metrics_->Append(progress_);
  if (!meter_.Due() && step_ < spec_.schedule.steps) return absl::OkStatus();
  progress_.peak_memory_bytes = PeakMemoryBytes(options_.device);
  progress_.disk_bytes = loader_->bytes_read();
  progress_.cache_hits = loader_->cache_hits();
  meter_.Fill(progress_);
  environment_.report(progress_);
  return metrics_ ? StorageFailure(metrics_->Flush(/*durable=*/false).status()) : absl::OkStatus();
}

absl::Status TrainLoop::Validate() {
  if (spec_.validation.every_steps == 0) return absl::OkStatus();
  Phase("validate");
  AMAES_ASSIGN_OR_RETURN(const std::vector<ValidationResult> results, validation_->Run(shown(), step_));
  Note(results);
  if (!metrics_) return absl::OkStatus();
  // A picture that fails is no failure.
  const absl::Status pictures =
      WriteValidationPictures(options_, environment_, shown(), step_, validation_->FirstCrops(), results);
  if (!pictures.ok())
    LogWarning("train", "no pictures", {{"step", step_}, {"reason", absl::StatusCodeToString(pictures.code())}});
  return StorageFailure(metrics_->Flush(/*durable=*/false).status());
}

void TrainLoop::Note(absl::Span<const ValidationResult> results) {
  const std::string& watched = spec_.checkpoint.best_metric;
  // The first validation is of the initial weights.
  if (!watched.empty() && step_ > 0) best_ = Better(best_, watched, step_, WatchedValue(results, watched));
  for (const ValidationResult& result : results) {
    validated_[result.split] = result.metrics;
    if (!metrics_) continue;
    metrics_->Append(result);
    environment_.report(result);
  }
}

bool TrainLoop::ProbeIsDue() const {
  return environment_.probe != nullptr && probed_step_ != step_ &&
         IsProbeStep(step_, environment_.probe->every_steps, spec_.schedule.steps);
}

absl::Status TrainLoop::Probe() {
  if (stop_) return absl::OkStatus();
  Phase("probe");
  // It may take long: a checkpoint that was begun does not wait for its end.
  const auto flags = [this] { return Flags(); };
  const auto after_step = [this](const StepReport& report) { return CompleteCheckpoint(report); };
  AMAES_ASSIGN_OR_RETURN(const std::optional<ValidationResult> result,
                         RunProbe(options_, environment_, *environment_.probe, shown(), step_, {flags, after_step}));
  stop_ = !result.has_value();
  if (stop_) return absl::OkStatus();
  probed_step_ = step_;
  Note({&*result, 1});
  return metrics_ ? StorageFailure(metrics_->Flush(/*durable=*/false).status()) : absl::OkStatus();
}

// An attempt before was stopped in the probe of this step, and left a checkpoint without its result.
absl::Status TrainLoop::MakeUpForProbe() {
  AMAES_RETURN_IF_ERROR(Probe());
  if (stop_) return absl::OkStatus();
  saved_step_ = -1;
  return Checkpoint();
}

absl::Status TrainLoop::Checkpoint() {
  if (saved_step_ == step_) return absl::OkStatus();
  Phase("checkpoint");
  const absl::StatusOr<std::int64_t> ledger_length = ledger_->Flush();
  AMAES_RETURN_IF_ERROR(StorageFailure(ledger_length.status()));
  std::int64_t metrics_length = 0;
  if (metrics_) {
    const absl::StatusOr<std::int64_t> length = metrics_->Flush(/*durable=*/true);
    AMAES_RETURN_IF_ERROR(StorageFailure(length.status()));
    metrics_length = *length;
  }
  saved_step_ = step_;
  return writer_.Begin(network(), *trained_.optimizer, average_.get(), MakeManifest(metrics_length), *ledger_length);
}

CheckpointManifest TrainLoop::MakeManifest(std::int64_t metrics_length) const {
  CheckpointManifest manifest;
  manifest.job = options_.job;
  manifest.attempt = options_.attempt;
  manifest.step = step_;
  manifest.position = step_ * spec_.global_batch;
  manifest.world_size = world_size_;
  manifest.sampling_version = kSamplingVersion;
  manifest.spec_json = options_.spec_json;
  manifest.contract_json = options_.contract_json;
  manifest.dataset = spec_.dataset.name;
  manifest.dataset_digest = options_.dataset_digest;
  manifest.dataset_version = spec_.dataset.version;
  manifest.dataset_selection = spec_.dataset.selection;
  manifest.parent = parent_;
  if (options_.initial_weights) {
    manifest.initialised_from = absl::StrCat(options_.initial_weights->from, " ", options_.initial_weights->sha256);
  }
  manifest.software = options_.software;
  manifest.metrics = progress_.metrics;
  for (const auto& [split, metrics] : validated_) {
    for (const auto& [name, value] : metrics) manifest.metrics[absl::StrCat(split, "/", name)] = value;
  }
  if (probed_step_ >= 0) manifest.state[kProbed] = {static_cast<double>(probed_step_)};
  manifest.best_step = best_.step;
  if (best_.step >= 0) manifest.state[kBest] = {best_.value};
  manifest.state[kGuard] = guard_.State();
  manifest.state["micro_batch"] = {static_cast<double>(micro_batch_)};
  manifest.ledger = earlier_ledgers_;
  manifest.metrics_length = metrics_length;
  manifest.citations = {kCitation};
  return manifest;
}

absl::Status TrainLoop::Finish() {
  AMAES_RETURN_IF_ERROR(writer_.Finish());
  if (rank_ != 0 || step_ < spec_.schedule.steps) return absl::OkStatus();
  // The run is complete and safe by now: a picture that fails is no failure.
  const absl::Status picture = WriteFinalPicture(options_, environment_, shown());
  if (!picture.ok()) LogWarning("train", "no picture", {{"reason", picture.message()}});
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TrainResult> Train(const TrainOptions& options, const TrainEnvironment& environment) {
  TrainLoop loop(options, environment);
  return loop.Run();
}

}  // namespace amaes
