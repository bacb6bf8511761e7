// experiment run | show
#include <algorithm>
#include <iostream>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/digest.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/metrics/case_scores.h"
#include "libs/rpc/convert.h"
#include "libs/spec/experiment.h"
#include "libs/spec/spec_io.h"
#include "proto/amaes/v1/datasets.grpc.pb.h"
#include "proto/amaes/v1/jobs.grpc.pb.h"
#include "services/cli/context.h"
#include "services/cli/exit_codes.h"
#include "services/cli/experiment_table.h"
#include "services/cli/output.h"
#include "services/cli/progress_view.h"
#include "services/cli/submit.h"
#include "services/cli/watch.h"

namespace amaes {
namespace {

constexpr int kMostTries = 1000;

struct ExperimentFlags {
  std::string file, table;
  bool detach = false, dry_run = false;
};

// Key of a job of the experiment → the job.
using Jobs = std::map<std::string, v1::Job>;

absl::StatusOr<Experiment> ReadExperiment(const std::string& file) {
  AMAES_ASSIGN_OR_RETURN(const std::string text, files::Read(file, 1 << 20));
  AMAES_ASSIGN_OR_RETURN(Experiment experiment, ParseExperiment(text));
  std::vector<std::string> known;
  for (const Measure& measure : Measures()) known.push_back(measure.name);
  if (std::find(known.begin(), known.end(), experiment.metric) != known.end()) return experiment;
  return absl::InvalidArgumentError(absl::StrCat("experiment: metric: \"", experiment.metric,
                                                 "\" is measured by no evaluation; there are ",
                                                 absl::StrJoin(known, ", ")));
}

bool Failed(const v1::Job& job) {
  return job.state() == v1::JOB_STATE_FAILED || job.state() == v1::JOB_STATE_CANCELLED;
}

// The same experiment gives the same jobs: what ran is found again, what failed is submitted once more.
absl::StatusOr<v1::Job> SubmitOne(Context& context, const ExperimentJob& job, const Jobs& before) {
  const ParsedSpec parsed = SpecOfExperimentJob(job, job.from.empty() ? "" : before.at(job.from).id());
  const std::string digest =
      Sha256Hex(absl::StrCat("experiment\n", job.key, "\n", SpecToJson(parsed.spec))).substr(0, 32);
  for (int attempt = 0; attempt < kMostTries; ++attempt) {
    absl::StatusOr<v1::CreateJobResponse> response =
        CreateJob(context, parsed, absl::StrCat("experiment-", digest, "-", attempt), /*validate_only=*/false);
    if (!response.ok()) return Annotate(response.status(), job.key);
    if (!response->replayed() || !Failed(response->job())) return response->job();
  }
  return absl::ResourceExhaustedError(absl::StrCat(job.key, " failed ", kMostTries, " times"));
}

// How the volumes of a dataset were prepared, as the service writes it.
absl::StatusOr<std::string> ContractOf(Context& context, const std::string& dataset, std::int64_t version) {
  v1::GetDatasetVersionRequest request;
  request.set_name(dataset);
  request.set_version(version);
  const auto stub = context.Stub<v1::DatasetService>();
  AMAES_ASSIGN_OR_RETURN(const v1::DatasetVersion found,
                         Call(*stub, &v1::DatasetService::Stub::GetDatasetVersion, request));
  return found.contract();
}

// Whether a finetuning reads volumes that were prepared as those of the job that it takes its encoder from.
absl::Status CheckContracts(Context& context, const JobSpec& pretraining, const JobSpec& finetuning) {
  if (finetuning.finetune.init.any_contract) return absl::OkStatus();
  const TrainingSpec::Dataset &there = pretraining.training().dataset, &here = finetuning.training().dataset;
  AMAES_ASSIGN_OR_RETURN(const std::string trained, ContractOf(context, there.name, there.version));
  AMAES_ASSIGN_OR_RETURN(const std::string read, ContractOf(context, here.name, here.version));
  if (trained == read) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("volumes of ", here.name, " were prepared under another contract than those of ", there.name,
                   ", which its encoder was trained on (amaes dataset show): make one of them anew, or set "
                   "init.any_contract: true"));
}

// What submitting the first jobs only would leave for later, hours after them: the datasets that finetuning and evaluations name,
// their labels, channels and contracts. A finetuning is checked as if from scratch, once per arm.
//   - InvalidArgument: every problem.
absl::Status Preflight(Context& context, const Experiment& experiment) {
  std::vector<std::string> problems;
  const auto note = [&](const ExperimentJob& job, const absl::Status& status) {
    if (!status.ok()) problems.push_back(absl::StrCat(job.key, ": ", status.message()));
    return status.ok();
  };
  std::map<std::string, JobSpec> sound;
  for (const ExperimentJob& job : experiment.jobs) {
    ParsedSpec parsed = SpecOfExperimentJob(job, "");
    if (parsed.spec.kind == JobKind::kFinetune) parsed.spec.finetune.init.scratch = true;
    if (parsed.spec.kind == JobKind::kEvaluate) {
      const EvaluateSpec::Dataset& dataset = parsed.spec.evaluate.dataset;
      note(job, ContractOf(context, dataset.name, dataset.version).status());
    } else if (parsed.spec.kind != JobKind::kFinetune ||
               static_cast<std::int64_t>(parsed.spec.finetune.seed) == experiment.seeds.front()) {
      if (!note(job, CreateJob(context, parsed, "", /*validate_only=*/true).status())) continue;
      sound.emplace(job.key, parsed.spec);
      const auto pretraining = sound.find(job.from);
      if (pretraining != sound.end()) note(job, CheckContracts(context, pretraining->second, parsed.spec));
    }
  }
  if (problems.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("nothing was submitted; ", absl::StrJoin(problems, "; ")));
}

absl::StatusOr<Jobs> SubmitAll(Context& context, const Experiment& experiment) {
  Jobs jobs;
  for (const ExperimentJob& job : experiment.jobs) {
    AMAES_ASSIGN_OR_RETURN(jobs[job.key], SubmitOne(context, job, jobs));
  }
  return jobs;
}

// The newest job of each name; what was never submitted is left out.
absl::StatusOr<Jobs> FindAll(Context& context, const Experiment& experiment) {
  const auto stub = context.Stub<v1::JobService>();
  Jobs jobs;
  for (const ExperimentJob& job : experiment.jobs) {
    v1::GetJobRequest request;
    request.set_id(job.name);
    absl::StatusOr<v1::Job> found = Call(*stub, &v1::JobService::Stub::GetJob, request);
    if (absl::IsNotFound(found.status())) continue;
    if (!found.ok()) return found.status();
    jobs[job.key] = *std::move(found);
  }
  return jobs;
}

std::vector<ArmScore> ScoresOf(const Experiment& experiment, const Jobs& jobs) {
  std::vector<ArmScore> scores;
  for (const std::string& evaluation : experiment.evaluations) {
    for (const ExperimentArm& arm : experiment.arms) {
      for (const std::int64_t seed : experiment.seeds) {
        const auto job = jobs.find(EvaluateKey(evaluation, arm.name, seed));
        if (job == jobs.end() || job->second.state() != v1::JOB_STATE_SUCCEEDED) continue;
        for (const v1::EvaluationScore& score : job->second.evaluation().scores()) {
          if (score.measure() != experiment.metric) continue;
          scores.push_back({evaluation, arm.name, seed, score.region(), score.mean()});
        }
      }
    }
  }
  return scores;
}

void PrintJobs(const Experiment& experiment, const Jobs& jobs) {
  std::vector<std::vector<std::string>> rows;
  for (const ExperimentJob& job : experiment.jobs) {
    const auto found = jobs.find(job.key);
    if (found == jobs.end()) {
      rows.push_back({job.key, "-", "not submitted", ""});
    } else {
      rows.push_back({job.key, found->second.id(), StateName(found->second.state()), found->second.reason()});
    }
  }
  std::cout << FormatTable({"WHAT", "JOB", "STATE", "REASON"}, rows);
}

absl::Status PrintComparison(Context& context, const Experiment& experiment, const Jobs& jobs,
                             const std::string& save) {
  const std::vector<ComparisonRow> rows = CompareArms(experiment, ScoresOf(experiment, jobs));
  const ComparisonText text = ComparisonForPeople(experiment, rows);
  if (context.json()) {
    std::cout << ComparisonJson(experiment, rows);
  } else if (rows.empty()) {
    std::cout << "\nNo evaluation has ended yet.\n";
  } else {
    std::cout << "\n"
              << experiment.metric << ", mean ± standard deviation over seeds (seeds)\n"
              << FormatTable(text.header, text.rows);
  }
  if (save.empty()) return absl::OkStatus();
  return files::WriteAtomic(save, save.ends_with(".csv") ? ComparisonCsv(experiment, rows) : ComparisonMarkdown(text));
}

absl::StatusOr<int> Run(Context& context, const ExperimentFlags& flags) {
  AMAES_ASSIGN_OR_RETURN(const Experiment experiment, ReadExperiment(flags.file));
  if (flags.dry_run) {
    for (const ExperimentJob& job : experiment.jobs) {
      std::cout << job.key << (job.from.empty() ? "" : absl::StrCat("  after ", job.from)) << "\n";
    }
    return kExitOk;
  }
  AMAES_RETURN_IF_ERROR(Preflight(context, experiment));
  AMAES_ASSIGN_OR_RETURN(Jobs jobs, SubmitAll(context, experiment));
  if (!context.json()) PrintJobs(experiment, jobs);
  if (flags.detach) return kExitOk;
  int code = kExitOk;
  int number = 0;
  for (const ExperimentJob& job : experiment.jobs) {
    ++number;
    v1::Job& state = jobs[job.key];
    if (!IsTerminalState(state.state())) {
      if (!context.json())
        std::cout << "\n[" << number << "/" << experiment.jobs.size() << "] " << job.key << std::endl;
      AMAES_ASSIGN_OR_RETURN(state, WatchToEnd(context, state.id()));
    }
    if (Failed(state)) code = kExitJobFailed;
    if (Failed(state) && !context.json())
      std::cout << job.key << ": " << StateName(state.state()) << " " << state.message() << "\n";
  }
  AMAES_RETURN_IF_ERROR(PrintComparison(context, experiment, jobs, flags.table));
  return code;
}

absl::StatusOr<int> Show(Context& context, const ExperimentFlags& flags) {
  AMAES_ASSIGN_OR_RETURN(const Experiment experiment, ReadExperiment(flags.file));
  AMAES_ASSIGN_OR_RETURN(const Jobs jobs, FindAll(context, experiment));
  if (!context.json()) PrintJobs(experiment, jobs);
  AMAES_RETURN_IF_ERROR(PrintComparison(context, experiment, jobs, flags.table));
  return kExitOk;
}

}  // namespace

void AddExperimentCommands(CLI::App& app, Context& context) {
  CLI::App* experiments =
      AddCommand(app, "experiment", "Pretraining, finetuning and evaluation of several arms, compared",
                 "amaes experiment run experiment.yaml");
  experiments->require_subcommand(1);
  auto flags = std::make_shared<ExperimentFlags>();
  CLI::App* run =
      AddCommand(*experiments, "run", "Submits the jobs that are not there yet, follows them, prints the comparison",
                 "amaes experiment run experiment.yaml --table result.md");
  CLI::App* show = AddCommand(*experiments, "show", "How far the jobs are, and the comparison so far",
                              "amaes experiment show experiment.yaml --table result.csv");
  for (CLI::App* command : {run, show}) {
    command->add_option("file", flags->file, "The experiment as YAML: docs/experiments.md")
        ->required()
        ->check(CLI::ExistingFile);
    command->add_option("--table", flags->table, "Writes the comparison there: .csv, else Markdown");
  }
  run->add_flag("--detach", flags->detach, "Only submits");
  run->add_flag("--dry-run", flags->dry_run, "Checks the file and lists the jobs; submits nothing");
  context.OnRun(run, [&context, flags] { return Run(context, *flags); });
  context.OnRun(show, [&context, flags] { return Show(context, *flags); });
}

}  // namespace amaes
