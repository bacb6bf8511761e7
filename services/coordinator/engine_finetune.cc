// What a finetuning needs to know at submit: its cases, their classes, the weights to begin with.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/base/status_macros.h"
#include "libs/checkpoint/init_source.h"
#include "libs/checkpoint/weights_file.h"
#include "libs/spec/cases.h"
#include "libs/spec/probe.h"
#include "services/coordinator/contract_facts.h"
#include "services/coordinator/dataset_record.h"
#include "services/coordinator/engine.h"
#include "services/coordinator/finetune_facts.h"
#include "services/coordinator/invalid_spec.h"

namespace amaes {
namespace {

std::string NotesOn(const LabelledCases& cases, const LabelSet& labels, const std::vector<std::string>& absent) {
  std::vector<std::string> parts = {absl::StrCat(cases.train.size(), " training cases, ", cases.validation.size(),
                                                 " for validation, ", cases.test.size(), " held out; ", cases.channels,
                                                 cases.channels == 1 ? " channel" : " channels", "; ",
                                                 labels.regions ? "regions " : "classes ", labels.ClassesText())};
  if (!absent.empty())
    parts.push_back(absl::StrCat("no training case has ", absl::StrJoin(absent, ", "), ": it cannot be learnt"));
  parts.insert(parts.end(), cases.notes.begin(), cases.notes.end());
  return absl::StrJoin(parts, "; ");
}

// "" or what is wrong with taking the encoder of a job of `before` for `now`.
std::string NetworkDefect(const std::string& before_json, const JobSpec& now) {
  if (before_json.empty()) return "";
  const JobSpec before = ParseSpec(before_json).spec;
  if (!before.trains()) return "";
  const NetworkOptions there = NetworkOptionsOf(before), here = NetworkOptionsOf(now);
  if (SameEncoder(there, here)) return "";
  const auto text = [](const NetworkOptions& network) {
    return network.name == kScriptNetwork ? absl::StrCat("script, whose encoder is called ", EncoderPrefixOf(network))
                                          : absl::StrCat(network.name, " with ", FiltersOf(network), " filters");
  };
  return absl::StrCat("is of network ", text(there), "; this job's is ", text(here));
}

EncoderTraits TraitsOf(const NetworkOptions& network) {
  EncoderTraits traits{.prefix = EncoderPrefixOf(network), .filters = FiltersOf(network)};
  if (const NetworkFacts* facts = FindNetwork(network.name)) {
    traits.mark = facts->mark;
    traits.mark_size = facts->mark_widths * traits.filters;
  }
  return traits;
}

SpecProblem InitProblem(const FinetuneSpec::Init& init, absl::string_view what) {
  return {"init.from", absl::StrCat(init.from, ": ", what)};
}

std::string UnlessAllowed(const std::string& defect) {
  return absl::StrCat(defect, "; or set init.allow_mismatch: true");
}

}  // namespace

void ResolveCases(const DatasetVersion& version, const FinetuneSpec& spec, DatasetFacts& facts, std::string& notes,
                  std::vector<SpecProblem>& problems) {
  const absl::StatusOr<LabelledCases> cases = FindCases(version, CaseOptionsOf(spec));
  if (!cases.ok()) {
    problems.push_back({"dataset", std::string(cases.status().message())});
    return;
  }
  const FinetuneSpec::Labels& wanted = spec.labels;
  const absl::StatusOr<LabelSet> labels = wanted.classes.empty()
                                              ? LabelsFromValues(LabelsOf(version, *cases), wanted.background)
                                              : ParseLabels(wanted.classes, wanted.regions, wanted.background);
  absl::Status status = labels.status();
  if (status.ok()) status = CheckLabelValues(version, *cases, *labels);
  if (!status.ok()) {
    problems.push_back({"labels.classes", std::string(status.message())});
    return;
  }
  facts.pass_length = static_cast<std::int64_t>(cases->train.size());
  facts.selection = cases->digest;
  facts.in_channels = cases->channels;
  facts.out_channels = labels->outputs();
  facts.classes = labels->ClassesText();
  notes = NotesOn(*cases, *labels, AbsentClasses(version, *cases, *labels));
}

absl::Status Engine::CheckInitFits(const FinetuneSpec::Init& init, const std::string& encoder_prefix,
                                   const std::vector<TensorShape>& encoder) {
  if (init.from.empty() || init.allow_mismatch) return absl::OkStatus();
  absl::StatusOr<std::string> misfit = std::string();
  if (!init.sha256.empty()) {
    misfit = EncoderMisfit(init.path, encoder_prefix, encoder);
  } else {  // yet to be written by a job: its script tells
    AMAES_ASSIGN_OR_RETURN(const JobSource source, ParseJobSource(init.from));
    AMAES_ASSIGN_OR_RETURN(const JobView job, GetJob(source.job));
    const NetworkOptions network = NetworkOptionsOf(job.spec);
    if (network.name != kScriptNetwork) return absl::OkStatus();
    const absl::StatusOr<CheckedScript> script = TryScript(network, job.spec.training().patch, "init.from");
    if (!script.ok()) return absl::OkStatus();  // that job has read it; the worker compares
    misfit = Incompleteness(PlanInit(script->encoder, encoder, {encoder_prefix, /*load_decoder=*/false}));
  }
  if (!misfit.ok()) return InvalidSpec({InitProblem(init, misfit.status().message())});
  return misfit->empty() ? absl::OkStatus() : InvalidSpec({InitProblem(init, UnlessAllowed(*misfit))});
}

absl::StatusOr<InitFile> Engine::FindInit(const JobSpec& spec) {
  const std::string &from = spec.finetune.init.from, &weights = spec.finetune.init.weights;
  if (from[0] == '/') return FindInitFile(from, weights);
  AMAES_ASSIGN_OR_RETURN(const JobSource source, ParseJobSource(from));
  const absl::StatusOr<JobView> job = GetJob(source.job);
  if (absl::IsNotFound(job.status())) return absl::NotFoundError(absl::StrCat("no job is called \"", source.job, "\""));
  if (!job.ok()) return job.status();
  if (!job->spec.trains()) {
    return absl::FailedPreconditionError(
        absl::StrCat("job ", source.job, " is an ", JobKindName(job->spec.kind), ": it has no weights"));
  }
  const std::filesystem::path checkpoints = JobFolder(job->record.id) / "checkpoints";
  const bool moving = !IsTerminal(job->record.state) && (source.which == "last" || source.which == "best");
  if (!moving) {
    AMAES_ASSIGN_OR_RETURN(const FoundCheckpoint chosen, ChooseCheckpoint(checkpoints, source.which));
    return InitFileOf(chosen, weights);
  }
  const std::vector<std::string> after = absl::StrSplit(spec.after, ',', absl::SkipEmpty());
  if (std::find(after.begin(), after.end(), job->record.id.value) == after.end()) {
    return absl::FailedPreconditionError(absl::StrCat("job ", source.job,
                                                      " is not over: wait for it with after: ", source.job,
                                                      ", or name a step that it has a checkpoint of (@STEP)"));
  }
  AMAES_RETURN_IF_ERROR(WeightsFile(weights, job->spec.training().ema.decay > 0).status());
  // Chosen when this job starts.
  const TrainingSpec::Dataset& read = job->spec.training().dataset;
  AMAES_ASSIGN_OR_RETURN(const DatasetRecord dataset, amaes::FindDataset(store_, read.name, read.version));
  return InitFile{checkpoints, "", SpecToJson(job->spec), dataset.contract_json};
}

absl::Status Engine::ResolveInit(const JobSpec& spec, const std::string& contract_json, DatasetFacts& facts,
                                 std::string& notes, std::vector<SpecProblem>& problems) {
  const FinetuneSpec::Init& init = spec.finetune.init;
  if (init.from.empty() || (init.from[0] != '/' && init.from.rfind("job:", 0) != 0))
    return absl::OkStatus();  // said by ValidateSpec
  const absl::StatusOr<InitFile> file = FindInit(spec);
  if (absl::IsUnavailable(file.status())) return file.status();
  const auto refuse = [&](absl::string_view what) {
    problems.push_back(InitProblem(init, what));
    return absl::OkStatus();
  };
  if (absl::IsFailedPrecondition(file.status()) && init.weights == "average") {
    JobSpec any = spec;
    any.finetune.init.weights = "auto";
    if (FindInit(any).ok()) {  // then it is the choice of weights that is wrong
      problems.push_back({"init.weights", std::string(file.status().message())});
      return absl::OkStatus();
    }
  }
  if (!file.ok()) return refuse(file.status().message());
  std::string defect = NetworkDefect(file->spec_json, spec);
  if (defect.empty() && !file->sha256.empty()) {
    const absl::StatusOr<std::string> found = EncoderDefect(file->path, TraitsOf(NetworkOptionsOf(spec)));
    if (!found.ok()) return refuse(found.status().message());
    defect = *found;
  }
  if (!defect.empty() && !init.allow_mismatch) return refuse(UnlessAllowed(defect));
  const std::string difference = contract_json.empty() ? "" : ContractDifference(file->contract_json, contract_json);
  if (!difference.empty() && !init.any_contract) {
    return refuse(
        absl::StrCat(difference, ": take a dataset of the encoder's contract, or set init.any_contract: true"));
  }
  for (const std::string& mismatch : {defect, difference}) {
    if (!mismatch.empty())
      absl::StrAppend(&notes, notes.empty() ? "" : "; ", "init.from ", mismatch, ", which is allowed");
  }
  facts.init_path = file->path.string();
  facts.init_sha256 = file->sha256;
  return absl::OkStatus();
}

absl::Status Engine::ResolveProbe(JobSpec& spec, const std::string& contract_json, std::string& notes,
                                  std::vector<SpecProblem>& problems) {
  PretrainSpec::Probe& probe = spec.pretrain.probe;
  if (!HasProbe(spec) || probe.dataset.empty()) return absl::OkStatus();  // said by ValidateSpec
  const FinetuneSpec finetune = ProbeJob(spec.pretrain).finetune;
  const absl::StatusOr<DatasetRecord> record = FindDataset(finetune.dataset);
  if (absl::IsNotFound(record.status()) || absl::IsFailedPrecondition(record.status())) {
    problems.push_back({"probe.dataset", std::string(record.status().message())});
    return absl::OkStatus();
  }
  AMAES_RETURN_IF_ERROR(record.status());
  const std::string difference = ContractDifference(contract_json, record->contract_json);
  if (!difference.empty()) {
    problems.push_back({"probe.dataset",
                        absl::StrCat("the encoder ", difference, ": a probe reads volumes that were prepared alike")});
    return absl::OkStatus();
  }
  AMAES_ASSIGN_OR_RETURN(const std::shared_ptr<const DatasetVersion> version,
                         catalogues_.Get(DatasetFolder(record->name, record->version)));
  DatasetFacts facts;
  std::string found;
  std::vector<SpecProblem> wrong;
  ResolveCases(*version, finetune, facts, found, wrong);
  if (wrong.empty()) {
    AMAES_ASSIGN_OR_RETURN(const LabelledCases cases, FindCases(*version, CaseOptionsOf(finetune)));
    if (cases.validation.empty()) {
      wrong.push_back({"dataset", absl::StrCat(record->name, "@", record->version,
                                               " has one labelled subject that is not held out: a probe trains on some "
                                               "and is measured on others")});
    }
  }
  for (const SpecProblem& problem : wrong) problems.push_back(ProblemOfProbe(problem));
  if (!wrong.empty()) return absl::OkStatus();
  probe.version = record->version;
  probe.digest = record->digest;
  probe.classes = facts.classes;
  probe.in_channels = facts.in_channels;
  probe.out_channels = facts.out_channels;
  notes = absl::StrCat("probe on ", record->name, "@", record->version, ": ", found);
  return absl::OkStatus();
}

}  // namespace amaes
