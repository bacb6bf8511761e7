// submit
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "libs/base/files.h"
#include "libs/base/format.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/selection.h"
#include "libs/rpc/convert.h"
#include "libs/spec/spec_io.h"
#include "proto/amaes/v1/jobs.grpc.pb.h"
#include "services/cli/context.h"
#include "services/cli/exit_codes.h"
#include "services/cli/output.h"
#include "services/cli/progress_view.h"
#include "services/cli/submit.h"
#include "services/cli/watch.h"

namespace amaes {
namespace {

struct SubmitFlags {
  std::string file, preset, dataset, name, request_id;
  std::vector<std::string> assignments;
  int workers = 0, priority = -1;
  bool dry_run = false, wait = false, describe = false, markdown = false;
};

// File or preset, then the flags, then --set: later wins.
absl::StatusOr<ParsedSpec> ReadSpec(const SubmitFlags& flags) {
  if (flags.file.empty() == flags.preset.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("give either -f FILE or --preset NAME (presets: ", absl::StrJoin(PresetNames(), ", "), ")"));
  }
  std::string text;
  if (!flags.file.empty()) {
    AMAES_ASSIGN_OR_RETURN(text, files::Read(flags.file, 1 << 20));
  } else {
    AMAES_ASSIGN_OR_RETURN(text, PresetText(flags.preset));
  }
  std::vector<std::string> assignments;
  if (!flags.dataset.empty()) {
    const std::size_t at = flags.dataset.find('@');
    assignments.push_back(absl::StrCat("dataset.name=", flags.dataset.substr(0, at)));
    if (at != std::string::npos) assignments.push_back(absl::StrCat("dataset.version=", flags.dataset.substr(at + 1)));
  }
  if (!flags.name.empty()) assignments.push_back(absl::StrCat("name=", flags.name));
  if (flags.workers > 0) assignments.push_back(absl::StrCat("workers=", flags.workers));
  if (flags.priority >= 0) assignments.push_back(absl::StrCat("priority=", flags.priority));
  assignments.insert(assignments.end(), flags.assignments.begin(), flags.assignments.end());
  return ParseSpec(text, assignments);
}

// What the job will take: memory and disk, `separator`, time. "" of a job that has no network.
std::string EstimateText(const v1::Job& job, const std::string& separator) {
  const v1::SpecEstimate& e = job.estimate();
  if (e.parameters() == 0) return "";
  const JobSpec spec = ToJobSpec(job.spec()).spec;
  std::string text =
      absl::StrCat(FormatCount(e.parameters()), " parameters, ",
                   spec.trains() && spec.training().micro_batch == 0 ? "at least " : "",
                   FormatBytes(e.memory_per_worker_bytes()), " of memory per worker, ",
                   FormatBytes(e.checkpoint_bytes()), " per checkpoint, ", FormatBytes(e.disk_bytes()), " on disk");
  if (e.seconds() > 0) {
    absl::StrAppend(&text, separator, "roughly ", FormatDuration(e.seconds()), " of training, by ", e.basis(), " (",
                    absl::StrFormat("%.3g", static_cast<double>(e.flops_per_sample()) / 1e12), " TFLOP per sample)");
  }
  return text;
}

absl::StatusOr<int> Submit(Context& context, const SubmitFlags& flags) {
  if (flags.describe || flags.markdown) {
    std::cout << (flags.markdown ? SpecFieldsMarkdown() : DescribeSpecFields());
    return kExitOk;
  }
  AMAES_ASSIGN_OR_RETURN(const ParsedSpec parsed, ReadSpec(flags));
  AMAES_ASSIGN_OR_RETURN(const v1::CreateJobResponse response,
                         CreateJob(context, parsed, flags.request_id, flags.dry_run));
  const v1::Job& job = response.job();
  if (flags.dry_run) {
    if (context.json()) {
      std::cout << ToJson(response);
      return kExitOk;
    }
    std::cout << "# the complete spec; nothing was submitted\n" << SpecToYaml(ToJobSpec(job.spec()).spec);
    if (!job.message().empty()) std::cout << "# " << job.message() << "\n";
    const std::string estimate = EstimateText(job, "\n# ");
    if (!estimate.empty()) std::cout << "# about " << estimate << "\n";
    return kExitOk;
  }
  const std::string estimate = response.replayed() ? "" : EstimateText(job, "; ");
  if (!context.json() && !estimate.empty()) std::cerr << "about " << estimate << "\n";
  if (!flags.wait) {
    if (context.json()) {
      std::cout << ToJson(response);
    } else {
      std::cout << job.id() << (response.replayed() ? " (submitted before)" : "") << "\n";
      std::cerr << "watch it: amaes job watch " << job.id() << "\n";
    }
    return kExitOk;
  }
  if (!context.json()) std::cout << job.id() << "\n";
  AMAES_ASSIGN_OR_RETURN(const v1::Job end, WatchToEnd(context, job.id()));
  std::cout << (context.json() ? ToJson(end) : absl::StrCat(RenderOutcome(end), "\n"));
  return ExitCodeOfJob(end);
}

}  // namespace

absl::StatusOr<v1::CreateJobResponse> CreateJob(Context& context, const ParsedSpec& parsed,
                                                const std::string& request_id, bool validate_only) {
  std::vector<SpecProblem> problems = parsed.problems;
  if (!problems.empty()) {
    // What the coordinator would find too, so that all is said at once.
    for (const SpecProblem& problem : ValidateSpec(parsed.spec)) problems.push_back(problem);
    const TrainingSpec::Dataset& dataset = parsed.spec.training().dataset;
    for (const SelectionProblem& problem : CheckSelection(dataset.filter, dataset.repeats)) {
      problems.push_back({absl::StrCat("dataset.", problem.field), problem.message});
    }
    return WithProblems(ErrorWithReason(absl::StatusCode::kInvalidArgument, "INVALID_SPEC", "the spec has problems"),
                        problems);
  }
  const auto stub = context.Stub<v1::JobService>();
  v1::CreateJobRequest request;
  *request.mutable_spec() = ToProto(parsed.spec);
  request.set_request_id(request_id.empty() ? NewRequestId() : request_id);
  request.set_validate_only(validate_only);
  return Call(*stub, &v1::JobService::Stub::CreateJob, request);
}

void AddSubmitCommand(CLI::App& app, Context& context) {
  CLI::App* command =
      AddCommand(app, "submit", "Submits a job; prints its id",
                 "amaes submit --preset pretrain --dataset my-scans --workers 2 --set schedule.steps=5000\n"
                 "  amaes submit -f job.yaml --wait");
  auto flags = std::make_shared<SubmitFlags>();
  command->add_option("-f,--file", flags->file, "Spec as YAML or JSON")->check(CLI::ExistingFile);
  command->add_option("--preset", flags->preset,
                      absl::StrCat("Start from a named spec: ", absl::StrJoin(PresetNames(), ", ")));
  command->add_option("--dataset", flags->dataset, "NAME or NAME@VERSION");
  command->add_option("--name", flags->name, "Name that people see");
  command->add_option("--workers", flags->workers, "World size")->check(CLI::PositiveNumber);
  command->add_option("--priority", flags->priority, "0 to 100, higher first")->check(CLI::Range(0, 100));
  command->add_option("--set", flags->assignments, "field=value, e.g. optimizer.learning_rate=3e-4; may be repeated")
      ->expected(1)
      ->take_all();
  command->add_option("--request-id", flags->request_id, "Makes a repeated call harmless: same id and spec, same job");
  command->add_flag("--dry-run", flags->dry_run, "Checks everything, prints the complete spec and an estimate");
  command->add_flag("--wait", flags->wait, "Follows the job to its end");
  command->add_flag("--help-spec", flags->describe, "Lists every field of the spec with unit and default");
  command->add_flag("--help-spec-markdown", flags->markdown, "The same as a table for docs/job-spec.md")->group("");
  context.OnRun(command, [&context, flags] { return Submit(context, *flags); });
}

}  // namespace amaes
