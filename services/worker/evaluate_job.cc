#include "services/worker/evaluate_job.h"

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "libs/base/digest.h"
#include "libs/base/fault.h"
#include "libs/base/files.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/base/version.h"
#include "libs/checkpoint/init_source.h"
#include "libs/checkpoint/weights_file.h"
#include "libs/evaluate/evaluate_case.h"
#include "libs/metrics/report_html.h"
#include "libs/models/model_registry.h"
#include "libs/train/checkpoint_io.h"
#include "libs/train/failure.h"
#include "libs/volume/native_grid.h"
#include "services/worker/check_script.h"
#include "services/worker/device.h"

namespace amaes {
namespace {

namespace fs = std::filesystem;

// How long rank 0 waits for a word before it looks for the files itself.
constexpr absl::Duration kLookAgain = absl::Seconds(1);

std::string Safe(const std::string& text) {
  std::string out;
  for (const char c : text)
    out.push_back(absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' ? c : '-');
  return out;
}

std::string PredictionName(const CaseResult& result) {
  return absl::StrCat(Safe(result.subject), result.session.empty() ? "" : "_", Safe(result.session), "_", result.key,
                      ".nii.gz");
}

absl::Status Bad(const absl::Status& status, absl::string_view reason) {
  return WithReason(status, reason, /*retryable=*/false);
}

std::string NetworkText(const TrainedModel& model) {
  if (model.network.name != kScriptNetwork) {
    return absl::StrCat(model.network.name, ", ", model.network.filters, " filters");
  }
  return absl::StrCat("script, SHA-256 ", model.script_digest.substr(0, 16));
}

// What a case can fail of.
absl::Status CaseFailure(const absl::Status& status) {
  if (absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status)) return Bad(status, "LABEL_UNUSABLE");
  if (absl::IsResourceExhausted(status) || absl::IsInternal(status)) return TensorFailure(status);
  return DataFailure(status);
}

class Evaluation {
 public:
  Evaluation(const WorkerStart& start, const JobSpec& spec, AgentLink& link, Clock& clock)
      : start_(start),
        spec_(spec),
        job_(spec.evaluate),
        link_(link),
        clock_(clock),
        folder_(fs::path(start.job_folder) / "evaluation") {}

  absl::StatusOr<bool> Run() {
    AMAES_RETURN_IF_ERROR(Prepare());
    link_.Report(WorkerPhase{"predict", 0});
    AMAES_ASSIGN_OR_RETURN(const bool done, Predict());
    if (!done) return false;
    if (start_.rank != 0) {
      (void)link_.Set(Word(start_.rank), "1");  // saves rank 0 the time to look again
      return true;
    }
    AMAES_ASSIGN_OR_RETURN(const bool all, AwaitOthers());
    if (!all) return false;
    link_.Report(WorkerPhase{"report", 0});
    AMAES_RETURN_IF_ERROR(StorageFailure(Report()));
    return true;
  }

 private:
  static std::string Word(int rank) { return absl::StrCat("evaluation-done-", rank); }
  fs::path CaseFile(const std::string& key) const { return folder_ / "cases" / absl::StrCat(key, ".json"); }
  fs::path PictureFile(const std::string& key) const { return folder_ / "cases" / absl::StrCat(key, ".png"); }
  bool stopped() { return link_.stop_requested().has_value(); }

  absl::Status Prepare() {
    TrainingSpec device;
    device.threads_per_worker = job_.threads_per_worker;
    absl::StatusOr<c10::Device> found = PrepareDevice(device, start_.device_index);
    if (!found.ok()) return WithReason(found.status(), "GPU_UNUSABLE", /*retryable=*/true);
    window_.device = *found;
    absl::StatusOr<DatasetVersion> version = ReadVersion(start_.dataset_folder);
    if (!version.ok()) return WithReason(version.status(), "DATASET_UNREADABLE", !absl::IsDataLoss(version.status()));
    version_ = *std::move(version);
    AMAES_RETURN_IF_ERROR(ReadCheckpoint());
    if (version_.digest != job_.dataset.digest) {
      return Bad(absl::FailedPreconditionError(absl::StrCat("the spec names dataset digest ", job_.dataset.digest,
                                                            ", the folder holds ", version_.digest)),
                 "BAD_SPEC");
    }
    const std::vector<SpecProblem> problems = PlanEvaluation(job_, checkpoint_, version_, plan_);
    if (!problems.empty()) {
      return Bad(absl::InvalidArgumentError(absl::StrJoin(problems, "; ",
                                                          [](std::string* out, const SpecProblem& problem) {
                                                            absl::StrAppend(out, problem.field, ": ", problem.message);
                                                          })),
                 "BAD_SPEC");
    }
    absl::StatusOr<Moved> moved = ParseMoved(job_.dataset.moved);
    if (!moved.ok()) return Bad(moved.status(), "BAD_SPEC");
    moved_ = *std::move(moved);
    AMAES_RETURN_IF_ERROR(CheckLabelFiles());
    SetWindow();
    for (const char* part : {"cases", "predictions"})
      AMAES_RETURN_IF_ERROR(StorageFailure(files::MakeFolders(folder_ / part)));
    return MakeModel();
  }

  // The folder that the spec names; of a job that was not done when this one was submitted, what it names now.
  absl::Status FindCheckpoint() {
    checkpoint_folder_ = job_.checkpoint.path;
    if (!job_.checkpoint.path.empty()) return absl::OkStatus();
    const absl::StatusOr<JobSource> source = ParseJobSource(job_.checkpoint.from);
    if (!source.ok()) return Bad(source.status(), "BAD_SPEC");
    const absl::StatusOr<FoundCheckpoint> found =
        ChooseCheckpoint(fs::path(start_.job_folder).parent_path() / source->job / "checkpoints", source->which);
    if (!found.ok()) return Bad(Annotate(found.status(), absl::StrCat("job ", source->job)), "CHECKPOINT_UNREADABLE");
    checkpoint_folder_ = found->folder;
    return absl::OkStatus();
  }

  absl::Status ReadCheckpoint() {
    AMAES_RETURN_IF_ERROR(FindCheckpoint());
    const absl::StatusOr<std::string> manifest = files::Read(checkpoint_folder_ / "manifest.json");
    if (!manifest.ok()) return Bad(manifest.status(), "CHECKPOINT_UNREADABLE");
    if (!job_.checkpoint.sha256.empty() && Sha256Hex(*manifest) != job_.checkpoint.sha256) {
      return Bad(absl::DataLossError("the checkpoint is not the one that the job was submitted for"),
                 "CHECKPOINT_UNREADABLE");
    }
    absl::StatusOr<CheckpointManifest> verified = VerifyCheckpoint(checkpoint_folder_);
    if (!verified.ok()) return Bad(verified.status(), "CHECKPOINT_UNREADABLE");
    checkpoint_ = *std::move(verified);
    return absl::OkStatus();
  }

  // All of them, before the first hour is spent.
  absl::Status CheckLabelFiles() const {
    std::vector<std::string> missing;
    for (const LabelledCase& one : plan_.cases) {
      std::error_code error;
      if (!fs::exists(moved_.Now(LabelOf(version_, one).path), error)) missing.push_back(one.key);
    }
    if (missing.empty()) return absl::OkStatus();
    const std::size_t count = missing.size();
    if (missing.size() > 3) missing.resize(3);
    return Bad(absl::FailedPreconditionError(absl::StrCat(
                   count, " of ", plan_.cases.size(), " label files are not where they were ingested (cases ",
                   absl::StrJoin(missing, ", "), count > 3 ? ", …" : "",
                   "): put them back, or say where they are with dataset.moved: FROM=TO")),
               "LABELS_MISSING");
  }

  void SetWindow() {
    window_.patch = plan_.patch;
    window_.overlap = job_.window.overlap;
    window_.weights = job_.window.weights == "gaussian" ? WindowWeights::kGaussian : WindowWeights::kSum;
    for (int a = 0; a < 3; ++a) window_.mirror[a] = job_.window.mirror.find("xyz"[a]) != std::string::npos;
    window_.batch = job_.window.batch;
    window_.bf16 = job_.precision == "bf16";
    window_.keep_going = [this](double) { return !stopped(); };
  }

  absl::Status MakeModel() {
    AMAES_RETURN_IF_ERROR(CheckScriptUnchanged(plan_.model.network, plan_.model.script_digest));
    absl::StatusOr<std::unique_ptr<Network>> network = MakeNetwork(plan_.model.network);
    if (!network.ok()) return Bad(network.status(), "BAD_SPEC");
    network_ = *std::move(network);
    const absl::Status loaded = LoadModel(checkpoint_folder_ / plan_.weights, *network_);
    if (absl::IsFailedPrecondition(loaded)) return Bad(loaded, "CHECKPOINT_UNREADABLE");
    if (!loaded.ok()) return StorageFailure(loaded);
    network_->To(window_.device, at::kFloat);
    return absl::OkStatus();
  }

  // A case that is finished, with all of its files. Nothing: to be done.
  std::optional<CaseResult> Finished(const std::string& key) const {
    const absl::StatusOr<std::string> text = files::Read(CaseFile(key));
    if (!text.ok()) return std::nullopt;
    absl::StatusOr<CaseResult> result = ParseCase(*text);
    std::error_code error;
    if (!result.ok() || result->key != key) return std::nullopt;
    if (job_.predictions && !fs::exists(folder_ / "predictions" / result->prediction, error)) return std::nullopt;
    return *std::move(result);
  }

  absl::StatusOr<bool> Predict() {
    std::vector<const LabelledCase*> mine, left;
    for (std::size_t i = 0; i < plan_.cases.size(); ++i) {
      if (static_cast<int>(i % static_cast<std::size_t>(start_.world_size)) == start_.rank)
        mine.push_back(&plan_.cases[i]);
    }
    for (const LabelledCase* one : mine) {
      if (!Finished(one->key)) left.push_back(one);
    }
    if (left.size() < mine.size()) {
      LogInfo("worker", "goes on", {{"finished", mine.size() - left.size()}, {"left", left.size()}});
    }
    EvaluationCount count{.cases = static_cast<std::int64_t>(mine.size()),
                          .done = static_cast<std::int64_t>(mine.size() - left.size())};
    link_.Report(count);
    const absl::Duration begun = clock_.Monotonic();
    for (std::size_t i = 0; i < left.size(); ++i) {
      if (stopped()) return false;
      const absl::Status done = Do(*left[i]);
      if (absl::IsCancelled(done)) return false;
      AMAES_RETURN_IF_ERROR(done);
      ++count.done;
      const double seconds = absl::ToDoubleSeconds(clock_.Monotonic() - begun);
      count.cases_per_second = seconds > 0 ? static_cast<double>(i + 1) / seconds : 0;
      link_.Report(count);
      FaultPoint("evaluation_case",
                 {.step = count.done, .rank = start_.rank, .attempt = static_cast<int>(start_.attempt)});
    }
    return true;
  }

  // The case's own file last: it stands for all.
  absl::Status Do(const LabelledCase& labelled) {
    const absl::Duration begun = clock_.Monotonic();
    const EvaluateCaseOptions options{.volumes = start_.volumes_folder, .moved = moved_, .window = window_};
    absl::StatusOr<CaseOutcome> outcome = EvaluateCase(*network_, plan_, version_, labelled, options);
    if (absl::IsCancelled(outcome.status())) return outcome.status();
    if (!outcome.ok()) return CaseFailure(outcome.status());
    CaseResult& result = outcome->result;
    if (job_.predictions) {
      result.prediction = PredictionName(result);
      const fs::path file = folder_ / "predictions" / result.prediction;
      const absl::Status written = WriteLabelsLike(file, outcome->like, result.shape, outcome->prediction);
      // The names of both files are a subject's.
      const std::string words = absl::StrReplaceAll(
          written.message(), {{file.string(), "the prediction"}, {outcome->like.string(), "the scan"}});
      AMAES_RETURN_IF_ERROR(StorageFailure(absl::Status(written.code(), words)));
    }
    AMAES_RETURN_IF_ERROR(StorageFailure(files::WriteAtomic(PictureFile(result.key), outcome->overlay)));
    result.seconds = absl::ToDoubleSeconds(clock_.Monotonic() - begun);
    LogInfo("worker", "case measured",
            {{"case", result.key}, {"windows", result.windows}, {"seconds", result.seconds}});
    return StorageFailure(files::WriteAtomic(CaseFile(result.key), CaseJson(result)));
  }

  // Rank 0. The files are what counts: a word may get lost with a coordinator.
  absl::StatusOr<bool> AwaitOthers() {
    for (int rank = 1; rank < start_.world_size; ++rank) {
      while (!IsDone(rank)) {
        if (stopped()) return false;
        const absl::Status told = link_.Wait(Word(rank), kLookAgain).status();
        if (told.ok() && IsDone(rank)) break;
        if (absl::IsAborted(told)) return WithReason(told, "ATTEMPT_OVER", /*retryable=*/true);
        if (!told.ok() && !absl::IsDeadlineExceeded(told)) return WithReason(told, "PEER_LOST", /*retryable=*/true);
        if (told.ok()) {
          return WithReason(
              absl::DataLossError(absl::StrCat("rank ", rank, " has finished, but not all of its cases lie in ",
                                               "the job's folder: do all nodes share it?")),
              "STORAGE", /*retryable=*/true);
        }
      }
    }
    return true;
  }

  bool IsDone(int rank) const {
    for (std::size_t i = static_cast<std::size_t>(rank); i < plan_.cases.size();
         i += static_cast<std::size_t>(start_.world_size)) {
      if (!Finished(plan_.cases[i].key)) return false;
    }
    return true;
  }

  std::vector<std::pair<std::string, std::string>> Facts() const {
    const std::string mirror =
        job_.window.mirror == "none" ? "" : absl::StrCat(", mirrored along ", job_.window.mirror);
    return {
        {"Job",
         spec_.name.empty() || spec_.name == start_.job ? start_.job : absl::StrCat(spec_.name, " (", start_.job, ")")},
        {"Checkpoint", absl::StrCat(CheckpointName(checkpoint_.step, checkpoint_.attempt), " of ", checkpoint_.job)},
        {"Weights", WeightsText(plan_.weights)},
        {"Network", absl::StrCat(NetworkText(plan_.model), ", classes ", plan_.model.labels.ClassesText())},
        {"Dataset", absl::StrCat(version_.name, "@", job_.dataset.version, ", split ", job_.dataset.split,
                                 job_.dataset.filter.empty() ? "" : absl::StrCat(", filter ", job_.dataset.filter))},
        {"Cases", absl::StrCat(plan_.cases.size())},
        {"Windows", absl::StrCat(absl::StrJoin(plan_.patch, " × "), " voxels, overlap ",
                                 absl::StrFormat("%g", job_.window.overlap), ", ",
                                 job_.window.weights == "sum" ? "added up" : "Gaussian mean", mirror)},
        {"Precision", job_.precision},
        {"Software", kSoftware}};
  }

  absl::Status Report() {
    EvaluationResults results;
    results.facts = Facts();
    results.regions = plan_.scoring.scored;
    if (plan_.scoring.renumbered) results.renumbered = plan_.scoring.codes;
    results.notes = plan_.notes;
    for (const LabelledCase& one : plan_.cases) {
      std::optional<CaseResult> result = Finished(one.key);
      if (!result) return absl::DataLossError(absl::StrCat("the results of case ", one.key, " are gone"));
      results.cases.push_back(*std::move(result));
    }
    const std::string title = absl::StrCat("Evaluation ", spec_.name.empty() ? start_.job : spec_.name);
    AMAES_RETURN_IF_ERROR(files::WriteAtomic(folder_ / "results.csv", ResultsCsv(results)));
    AMAES_RETURN_IF_ERROR(
        files::WriteAtomic(folder_ / "report.html", ReportHtml(title, results, [&](const std::string& key) {
                             return files::Read(PictureFile(key)).value_or("");
                           })));
    AMAES_RETURN_IF_ERROR(files::WriteAtomic(folder_ / "results.json", ResultsJson(results)));
    EvaluationScores scores;
    for (const RegionSummary& region : SummaryOf(results)) {
      for (std::size_t i = 0; i < region.measures.size(); ++i) {
        const MeasureSummary& m = region.measures[i];
        if (m.cases + m.undefined + m.infinite == 0) continue;
        scores.rows.push_back(
            {region.region, Measures()[i].name, m.mean, m.standard_deviation, m.cases, m.undefined, m.infinite});
      }
    }
    link_.Report(std::move(scores));
    return absl::OkStatus();
  }

  const WorkerStart& start_;
  const JobSpec& spec_;
  const EvaluateSpec& job_;
  AgentLink& link_;
  Clock& clock_;
  const fs::path folder_;
  DatasetVersion version_;
  fs::path checkpoint_folder_;
  CheckpointManifest checkpoint_;
  EvaluationPlan plan_;
  Moved moved_;
  SlidingWindowOptions window_;
  std::unique_ptr<Network> network_;
};

}  // namespace

absl::StatusOr<bool> RunEvaluation(const WorkerStart& start, const JobSpec& spec, AgentLink& link, Clock& clock) {
  return Evaluation(start, spec, link, clock).Run();
}

}  // namespace amaes
