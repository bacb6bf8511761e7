// ckpt ls | show | pull
#include <unistd.h>

#include <iostream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "libs/base/format.h"
#include "libs/base/metric_map.h"
#include "libs/base/status_macros.h"
#include "proto/amaes/v1/checkpoints.grpc.pb.h"
#include "services/cli/context.h"
#include "services/cli/exit_codes.h"
#include "services/cli/output.h"
#include "services/cli/pull.h"

namespace amaes {
namespace {

std::string StateOf(const v1::Checkpoint& checkpoint) {
  return std::string(absl::StripPrefix(v1::CheckpointState_Name(checkpoint.state()), "CHECKPOINT_STATE_"));
}

absl::StatusOr<v1::Checkpoint> Get(Context& context, const std::string& job, const std::string& name,
                                   bool best = false) {
  const auto stub = context.Stub<v1::CheckpointService>();
  v1::GetCheckpointRequest request;
  request.set_job(job);
  request.set_name(name);
  request.set_best(best);
  return Call(*stub, &v1::CheckpointService::Stub::GetCheckpoint, request);
}

absl::StatusOr<int> List(Context& context, const std::string& job, bool all, int limit) {
  const auto stub = context.Stub<v1::CheckpointService>();
  v1::ListCheckpointsRequest request;
  std::string filter = job.empty() ? "" : absl::StrCat("job=", job);
  if (!all) absl::StrAppend(&filter, filter.empty() ? "" : ",", "state=COMMITTED");
  request.set_filter(filter);
  request.set_page_size(limit);
  AMAES_ASSIGN_OR_RETURN(const v1::ListCheckpointsResponse response,
                         Call(*stub, &v1::CheckpointService::Stub::ListCheckpoints, request));
  if (context.json()) {
    std::cout << ToJson(response);
    return kExitOk;
  }
  std::vector<std::vector<std::string>> rows;
  for (const v1::Checkpoint& c : response.checkpoints()) {
    rows.push_back({c.job(), c.name(), c.best() ? "best" : "", FormatCount(c.step()), StateOf(c),
                    FormatNumber(LossOf(MetricMap(c.metrics().begin(), c.metrics().end()))),
                    FormatBytes(c.size_bytes()), c.dataset_version(), c.parent().empty() ? "-" : c.parent(),
                    FormatTime(c.create_time())});
  }
  std::cout << FormatTable({"JOB", "CHECKPOINT", "", "STEP", "STATE", "LOSS", "SIZE", "DATASET", "PARENT", "CREATED"},
                           rows);
  return kExitOk;
}

absl::StatusOr<int> Show(Context& context, const std::string& job, const std::string& name) {
  AMAES_ASSIGN_OR_RETURN(const v1::Checkpoint c, Get(context, job, name));
  if (context.json()) {
    std::cout << ToJson(c);
    return kExitOk;
  }
  std::cout << FormatPairs({{"job", c.job()},
                            {"checkpoint", c.name()},
                            {"step", FormatCount(c.step())},
                            {"state", c.message().empty() ? StateOf(c) : absl::StrCat(StateOf(c), ": ", c.message())},
                            {"resumed from", c.parent().empty() ? "scratch" : c.parent()},
                            {"dataset", absl::StrCat(c.dataset_version(), " (", c.dataset_digest(), ")")},
                            {"loss", FormatNumber(LossOf(MetricMap(c.metrics().begin(), c.metrics().end())))},
                            {"manifest", c.manifest_sha256()},
                            {"created", FormatTime(c.create_time())},
                            {"folder", c.folder()}});
  std::vector<std::vector<std::string>> rows;
  for (const v1::CheckpointFile& file : c.files())
    rows.push_back({file.name(), FormatBytes(file.size()), file.sha256()});
  std::cout << "\n" << FormatTable({"FILE", "SIZE", "SHA-256"}, rows);
  return kExitOk;
}

struct PullFlags {
  std::string job, name, to;
  bool all = false, resume = false, best = false;
  std::string weights = "model";
};

absl::StatusOr<int> Pull(Context& context, const PullFlags& flags) {
  AMAES_ASSIGN_OR_RETURN(const v1::Checkpoint checkpoint, Get(context, flags.job, flags.name, flags.best));
  const bool show = !context.json() && isatty(STDERR_FILENO) == 1;
  PullOptions options;
  options.to = flags.to.empty() ? std::filesystem::path(checkpoint.name()) : std::filesystem::path(flags.to);
  options.all = flags.all;
  options.weights = flags.weights;
  options.resume = flags.resume;
  options.on_progress = [&](std::int64_t done, std::int64_t total) {
    if (show) std::cerr << "\r" << FormatBytes(done) << " of " << FormatBytes(total) << "   " << std::flush;
    return !context.interrupts().stop();
  };
  const auto stub = context.Stub<v1::CheckpointService>();
  const absl::Status status = PullCheckpoint(*stub, checkpoint, options);
  if (show) std::cerr << "\n";
  AMAES_RETURN_IF_ERROR(status);
  if (context.json()) {
    std::cout << ToJson(checkpoint);
    return kExitOk;
  }
  AMAES_ASSIGN_OR_RETURN(const std::vector<v1::CheckpointFile> pulled, FilesToPull(checkpoint, options));
  for (const v1::CheckpointFile& file : pulled) {
    std::cout << (options.to / file.name()).string() << "  " << FormatBytes(file.size()) << "  sha256 " << file.sha256()
              << "\n";
  }
  return kExitOk;
}

}  // namespace

void AddCheckpointCommands(CLI::App& app, Context& context) {
  CLI::App* checkpoints = AddCommand(app, "ckpt", "Checkpoints: list, show, download", "amaes ckpt ls my-first-run");
  checkpoints->require_subcommand(1);
  {
    CLI::App* command = AddCommand(*checkpoints, "ls", "Lists checkpoints, newest first", "amaes ckpt ls my-first-run");
    auto job = std::make_shared<std::string>();
    auto all = std::make_shared<bool>(false);
    auto limit = std::make_shared<int>(50);
    command->add_option("job", *job, "Only of this job");
    command->add_flag("--all", *all, "Also those that are deleted or corrupt");
    command->add_option("--limit", *limit, "At most so many")->check(CLI::Range(1, 1000))->capture_default_str();
    context.OnRun(command, [&context, job, all, limit] { return List(context, *job, *all, *limit); });
  }
  {
    CLI::App* command =
        AddCommand(*checkpoints, "show", "Shows a checkpoint and its files", "amaes ckpt show my-first-run");
    auto job = std::make_shared<std::string>();
    auto name = std::make_shared<std::string>();
    command->add_option("job", *job, "Id or name of the job")->required();
    command->add_option("checkpoint", *name, "STEP-ATTEMPT; default: the newest");
    context.OnRun(command, [&context, job, name] { return Show(context, *job, *name); });
  }
  {
    CLI::App* command = AddCommand(*checkpoints, "pull", "Downloads a checkpoint; every block is verified",
                                   "amaes ckpt pull my-first-run --to ./weights\n  amaes ckpt pull my-first-run --best "
                                   "--weights ema\n  amaes ckpt pull my-first-run 00000500-001 --all --resume");
    auto flags = std::make_shared<PullFlags>();
    command->add_option("job", flags->job, "Id or name of the job")->required();
    command->add_option("checkpoint", flags->name, "STEP-ATTEMPT; default: the newest");
    command->add_option("--to", flags->to, "Folder; default: ./STEP-ATTEMPT");
    command->add_flag("--best", flags->best, "The best one, by checkpoint.best_metric of the job")
        ->excludes("checkpoint");
    command->add_option("--weights", flags->weights, "model, ema (their moving average) or both")
        ->check(CLI::IsMember({"model", "ema", "both"}))
        ->capture_default_str();
    command->add_flag("--all", flags->all, "Also the optimiser's state, so that training can go on from it");
    command->add_flag("--resume", flags->resume, "Goes on with what an earlier try has left");
    context.OnRun(command, [&context, flags] { return Pull(context, *flags); });
  }
}

}  // namespace amaes
