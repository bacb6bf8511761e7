// run: one job, no service. Coordinator and agent live as long as the job does; everything is kept in one folder.
#include <atomic>
#include <iostream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "proto/amaes/v1/datasets.grpc.pb.h"
#include "services/agent/inventory.h"
#include "services/cli/context.h"
#include "services/cli/exit_codes.h"
#include "services/cli/output.h"
#include "services/cli/progress_view.h"
#include "services/cli/submit.h"
#include "services/cli/supervisor.h"
#include "services/cli/watch.h"

namespace amaes {
namespace {

// Fixed: the second call in the same folder finds the job of the first.
constexpr char kIngestRequest[] = "run-ingest";
constexpr char kJobRequest[] = "run-job";

struct RunFlags {
  std::string file, dir, data;
  std::vector<std::string> assignments;
};

// Makes the dataset that the spec names, under the contract that it wants, when it is not there yet.
absl::Status ProvideDataset(Context& context, const RunFlags& flags, const TrainingSpec::Dataset& wanted) {
  const std::string& name = wanted.name;
  const auto stub = context.Stub<v1::DatasetService>();
  v1::GetDatasetVersionRequest request;
  request.set_name(name);
  const auto there = Call(*stub, &v1::DatasetService::Stub::GetDatasetVersion, request);
  if (there.ok() || !absl::IsNotFound(there.status())) return there.status();
  if (flags.data.empty()) {
    return absl::NotFoundError(
        absl::StrCat("dataset '", name, "' is not in ", flags.dir, " yet: say where its scans lie with --data FOLDER"));
  }
  const std::string from = std::filesystem::absolute(flags.data).lexically_normal().string();
  std::vector<std::string> fields = {"kind=ingest", absl::StrCat("dataset=", name), absl::StrCat("from=", from)};
  if (!wanted.contract.empty()) fields.push_back(absl::StrCat("contract=", wanted.contract));
  AMAES_ASSIGN_OR_RETURN(const v1::CreateJobResponse response,
                         CreateJob(context, ParseSpec("", fields), kIngestRequest, false));
  AMAES_ASSIGN_OR_RETURN(const v1::Job job, WatchToEnd(context, response.job().id()));
  if (!context.json()) std::cout << RenderOutcome(job) << "\n";
  if (job.state() == v1::JOB_STATE_SUCCEEDED) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("the scans could not be ingested: ", job.message()));
}

absl::StatusOr<int> RunJob(Context& context, const RunFlags& flags, const ParsedSpec& parsed) {
  if (parsed.problems.empty()) {
    AMAES_RETURN_IF_ERROR(ProvideDataset(context, flags, parsed.spec.training().dataset));
  }
  absl::StatusOr<v1::CreateJobResponse> response = CreateJob(context, parsed, kJobRequest, false);
  if (ReasonOf(response.status()) == "REQUEST_ID_REUSED") {
    return absl::FailedPreconditionError(absl::StrCat(flags.dir, " holds a run of another spec: choose another --dir"));
  }
  AMAES_RETURN_IF_ERROR(response.status());
  const v1::Job& job = response->job();
  if (!context.json()) std::cout << job.id() << (response->replayed() ? ": going on\n" : "\n");
  AMAES_ASSIGN_OR_RETURN(const v1::Job end, WatchToEnd(context, job.id()));
  std::cout << (context.json() ? ToJson(end) : absl::StrCat(RenderOutcome(end), "\n")) << std::flush;
  return ExitCodeOfJob(end);
}

// Enough slots for the job: GPUs where there are enough, else CPU slots.
//   - FailedPrecondition: the job wants GPUs that this machine has not: it would wait for ever.
absl::StatusOr<std::string> SlotsFor(const JobSpec& spec) {
  const auto gpus = static_cast<std::int64_t>(TakeInventory().gpus.size());
  if (spec.training().device != "cpu" && gpus >= spec.training().workers) return "auto";
  if (spec.training().device == "gpu") {
    return absl::FailedPreconditionError(absl::StrCat("the job wants ", spec.training().workers,
                                                      " GPUs, this machine has ", gpus,
                                                      ": lower workers, or say device: cpu or auto"));
  }
  return absl::StrCat(spec.slots());
}

absl::StatusOr<int> Run(Context& context, const RunFlags& flags) {
  AMAES_ASSIGN_OR_RETURN(const std::string text, files::Read(flags.file, 1 << 20));
  const ParsedSpec parsed = ParseSpec(text, flags.assignments);
  AMAES_ASSIGN_OR_RETURN(const std::string slots, SlotsFor(parsed.spec));
  SupervisorOptions options{.home = std::filesystem::absolute(flags.dir).lexically_normal(),
                            .listen = "127.0.0.1:0",
                            .http = "127.0.0.1:0",
                            .slots = slots};
  AMAES_ASSIGN_OR_RETURN(const std::unique_ptr<Supervisor> supervisor, Supervisor::Start(options, SystemClock()));
  context.coordinator_flag = supervisor->coordinator().grpc;
  if (!context.json()) std::cout << "status page http://" << supervisor->coordinator().http << "/\n" << std::flush;
  // The children die with the thread that started them, so this one watches over them and another follows the job.
  std::atomic<bool> done{false};
  absl::StatusOr<int> result = kExitError;
  std::thread job([&] {
    result = RunJob(context, flags, parsed);
    done = true;
  });
  absl::Status status;
  while (!done && status.ok() && !context.interrupts().stop()) status = supervisor->Watch(absl::Milliseconds(200));
  if (context.interrupts().stop()) std::cerr << "stopping; the same command goes on from the newest checkpoint\n";
  supervisor->Stop();
  job.join();
  AMAES_RETURN_IF_ERROR(status);
  return context.interrupts().stop() ? absl::StatusOr<int>(kExitInterrupted) : result;
}

}  // namespace

void AddRunCommand(CLI::App& app, Context& context) {
  CLI::App* command =
      AddCommand(app, "run", "Runs one job without a service; the same command again goes on where it was",
                 "amaes run -f job.yaml --data /data/scans --dir out");
  auto flags = std::make_shared<RunFlags>();
  command->add_option("-f,--file", flags->file, "Spec of a pretraining job, YAML or JSON")
      ->required()
      ->check(CLI::ExistingFile);
  command->add_option("--dir", flags->dir, "Folder that keeps everything: volumes, checkpoints, logs")->required();
  command->add_option("--data", flags->data, "Scans to make the spec's dataset of, when it is not in --dir yet")
      ->check(CLI::ExistingDirectory);
  command->add_option("--set", flags->assignments, "field=value; may be repeated")->expected(1)->take_all();
  context.OnRun(command, [&context, flags] { return Run(context, *flags); });
}

}  // namespace amaes
