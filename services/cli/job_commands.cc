// job ls | show | watch | shards | audit | pictures | report | logs | events | cancel
#include <filesystem>
#include <iostream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/base/files.h"
#include "libs/base/format.h"
#include "libs/base/metric_map.h"
#include "libs/base/status_macros.h"
#include "libs/rpc/convert.h"
#include "libs/spec/spec_io.h"
#include "proto/amaes/v1/jobs.grpc.pb.h"
#include "proto/amaes/v1/logs.grpc.pb.h"
#include "services/cli/audit_view.h"
#include "services/cli/context.h"
#include "services/cli/exit_codes.h"
#include "services/cli/job_pictures_command.h"
#include "services/cli/output.h"
#include "services/cli/progress_view.h"
#include "services/cli/watch.h"

namespace amaes {
namespace {

absl::StatusOr<v1::Job> GetJob(Context& context, const std::string& id) {
  const auto stub = context.Stub<v1::JobService>();
  v1::GetJobRequest request;
  request.set_id(id);
  return Call(*stub, &v1::JobService::Stub::GetJob, request);
}

std::string Progress(const v1::Job& job) {
  if (job.has_training() && job.training().total_steps() > 0) {
    return absl::StrFormat("%d/%d", job.training().step(), job.training().total_steps());
  }
  if (job.has_evaluation()) return absl::StrFormat("%d/%d cases", job.evaluation().done(), job.evaluation().cases());
  if (job.has_ingest()) return absl::StrFormat("%d/%d files", job.ingest().done(), job.ingest().files());
  return "-";
}

absl::StatusOr<int> List(Context& context, const std::string& filter, int limit) {
  const auto stub = context.Stub<v1::JobService>();
  v1::ListJobsRequest request;
  request.set_filter(filter);
  request.set_page_size(limit);
  AMAES_ASSIGN_OR_RETURN(const v1::ListJobsResponse response, Call(*stub, &v1::JobService::Stub::ListJobs, request));
  if (context.json()) {
    std::cout << ToJson(response);
    return kExitOk;
  }
  std::vector<std::vector<std::string>> rows;
  for (const v1::Job& job : response.jobs()) {
    rows.push_back({job.id(), job.spec().name(), JobKindName(ToJobKind(job.spec().kind())), StateName(job.state()),
                    Progress(job), job.dataset_version(), FormatTime(job.create_time()), job.reason()});
  }
  std::cout << FormatTable({"JOB", "NAME", "KIND", "STATE", "PROGRESS", "DATASET", "CREATED", "REASON"}, rows);
  if (!response.next_page_token().empty()) std::cout << "… more: raise --limit\n";
  return kExitOk;
}

// Metrics of kinds of scans, of the newest held-out validation.
std::vector<std::pair<std::string, std::string>> Groups(const v1::Job& job) {
  std::vector<std::pair<std::string, std::string>> groups;
  const auto& validations = job.training().validations();
  for (auto v = validations.rbegin(); v != validations.rend(); ++v) {
    if (v->split() != "held_out") continue;
    const MetricMap metrics(v->metrics().begin(), v->metrics().end());
    for (const auto& [name, value] : metrics) {
      if (IsOfAGroup(name)) groups.emplace_back(name, FormatNumber(value));
    }
    break;
  }
  return groups;
}

absl::StatusOr<int> Show(Context& context, const std::string& id) {
  AMAES_ASSIGN_OR_RETURN(const v1::Job job, GetJob(context, id));
  if (context.json()) {
    std::cout << ToJson(job);
    return kExitOk;
  }
  for (const std::string& line : RenderJob(job, SystemClock().Now(), {.width = 160, .colour = false})) {
    std::cout << line << "\n";
  }
  std::vector<std::pair<std::string, std::string>> pairs = {
      {"created", FormatTime(job.create_time())},
      {"started", FormatTime(job.start_time())},
      {"ended", FormatTime(job.end_time())},
      {"dataset", job.dataset_version()},
      {"attempt", absl::StrCat(job.attempt(), " (", job.restarts(), " restarts after failures)")},
      {"folder", job.folder()}};
  for (const auto& [name, value] : Groups(job)) pairs.emplace_back(name, value);
  if (job.estimate().parameters() > 0) {
    pairs.emplace_back("parameters", FormatCount(job.estimate().parameters()));
    pairs.emplace_back("memory",
                       absl::StrCat("about ", FormatBytes(job.estimate().memory_per_worker_bytes()), " per worker"));
    pairs.emplace_back("checkpoint", absl::StrCat("about ", FormatBytes(job.estimate().checkpoint_bytes())));
  }
  for (const std::string& line : job.initialisation()) pairs.emplace_back("weights", line);
  std::cout << FormatPairs(pairs);
  return kExitOk;
}

absl::StatusOr<int> Watch(Context& context, const std::string& id) {
  AMAES_ASSIGN_OR_RETURN(const v1::Job job, WatchToEnd(context, id));
  std::cout << (context.json() ? ToJson(job) : absl::StrCat(RenderOutcome(job), "\n"));
  return ExitCodeOfJob(job);
}

absl::StatusOr<int> Shards(Context& context, const std::string& id) {
  const auto stub = context.Stub<v1::JobService>();
  v1::GetShardPlanRequest request;
  request.set_id(id);
  AMAES_ASSIGN_OR_RETURN(const v1::ShardPlan plan, Call(*stub, &v1::JobService::Stub::GetShardPlan, request));
  if (context.json()) {
    std::cout << ToJson(plan);
    return kExitOk;
  }
  std::cout << FormatPairs(
      {{"attempt", plan.attempt() == 0 ? "planned, not placed yet" : absl::StrCat(plan.attempt())},
       {"global batch", absl::StrCat(plan.global_batch(), " samples per step")},
       {"position", absl::StrCat(plan.position(), " (pass ", plan.pass(), " through ", plan.training_volumes(),
                                 " training volumes, ", plan.pass_length(), " visits)")}});
  std::vector<std::vector<std::string>> rows;
  for (const auto& shard : plan.shards()) {
    rows.push_back({absl::StrCat(shard.rank()),
                    shard.node().empty() ? "-" : absl::StrCat(shard.node(), "/", shard.slot()),
                    absl::StrCat(shard.first_lane(), " to ", shard.last_lane() - 1), FormatCount(shard.volumes()),
                    FormatBytes(shard.bytes())});
  }
  std::cout << FormatTable({"RANK", "NODE/SLOT", "LANES", "VISITS OF THIS PASS", "BYTES"}, rows);
  return kExitOk;
}

// Ends with 0 when the run is proved.
absl::StatusOr<int> Audit(Context& context, const std::string& id) {
  constexpr absl::Duration kDeadline = absl::Minutes(30);  // checkpoint and ledgers of a long run are read
  const auto stub = context.Stub<v1::JobService>();
  v1::AuditJobRequest request;
  request.set_id(id);
  AMAES_ASSIGN_OR_RETURN(const v1::AuditReport report,
                         Call(*stub, &v1::JobService::Stub::AuditJob, request, {.deadline = kDeadline}));
  std::cout << (context.json() ? ToJson(report) : RenderAudit(report));
  return report.proved() ? kExitOk : kExitDataLoss;
}

struct LogFlags {
  std::string job;
  bool follow = false;
  int attempt = 0;
  std::vector<int> ranks;
  std::int64_t tail = 0;
};

// Goes on with the last cursor when the coordinator was away.
absl::StatusOr<int> Logs(Context& context, const LogFlags& flags) {
  const auto stub = context.Stub<v1::LogService>();
  v1::ReadLogsRequest request;
  request.set_job(flags.job);
  request.set_attempt(flags.attempt);
  request.set_follow(flags.follow);
  request.set_tail_lines(flags.tail);
  for (int rank : flags.ranks) request.add_ranks(rank);
  const absl::Status status = CallWithRetry({.deadline = absl::Minutes(1)}, [&](absl::Duration) {
    grpc::ClientContext call;
    const Interrupts::Scope cancel(context.interrupts(), [&call] { call.TryCancel(); });
    const auto stream = stub->ReadLogs(&call, request);
    v1::LogLine line;
    while (stream->Read(&line)) {
      request.set_cursor(line.cursor());
      if (context.json()) {
        std::cout << ToJson(line);
      } else {
        std::cout << absl::StrFormat("[%d/%d] %s\n", line.attempt(), line.rank(), line.text());
      }
      if (flags.follow) std::cout.flush();
    }
    const grpc::Status end = stream->Finish();
    return context.interrupts().stop() ? grpc::Status::OK : end;
  });
  if (context.interrupts().stop()) return kExitInterrupted;
  AMAES_RETURN_IF_ERROR(status);
  return kExitOk;
}

absl::StatusOr<int> Events(Context& context, const std::string& id) {
  const auto stub = context.Stub<v1::JobService>();
  v1::ListJobEventsRequest request;
  request.set_id(id);
  request.set_page_size(1000);
  v1::ListJobEventsResponse all;
  do {
    AMAES_ASSIGN_OR_RETURN(const v1::ListJobEventsResponse page,
                           Call(*stub, &v1::JobService::Stub::ListJobEvents, request));
    all.MergeFrom(page);
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  all.clear_next_page_token();
  if (context.json()) {
    std::cout << ToJson(all);
    return kExitOk;
  }
  std::vector<std::vector<std::string>> rows;
  for (const v1::JobEvent& event : all.events())
    rows.push_back({FormatTime(event.time()), event.kind(), event.message()});
  std::cout << FormatTable({"TIME", "EVENT", "MESSAGE"}, rows);
  return kExitOk;
}

absl::StatusOr<int> Cancel(Context& context, const std::string& id, bool wait) {
  const auto stub = context.Stub<v1::JobService>();
  v1::CancelJobRequest request;
  request.set_id(id);
  AMAES_ASSIGN_OR_RETURN(v1::Job job, Call(*stub, &v1::JobService::Stub::CancelJob, request));
  if (wait && !IsTerminalState(job.state())) {
    AMAES_ASSIGN_OR_RETURN(job, WatchToEnd(context, job.id()));
  }
  std::cout << (context.json() ? ToJson(job) : absl::StrCat(job.id(), " ", StateName(job.state()), "\n"));
  return kExitOk;
}

// A command whose only argument is a job.
void AddOnJob(CLI::App& parent, Context& context, const std::string& name, const std::string& text,
              absl::StatusOr<int> (*run)(Context&, const std::string&)) {
  CLI::App* command = AddCommand(parent, name, text, absl::StrCat("amaes job ", name, " my-first-run"));
  auto job = std::make_shared<std::string>();
  command->add_option("job", *job, "Id of the job, or the name of the newest one so called")->required();
  context.OnRun(command, [&context, job, run] { return run(context, *job); });
}

struct ReportFlags {
  std::string job, save;
};

// Reads one file of the report into memory: it is a table, or a page with a few pictures.
absl::StatusOr<std::string> ReadReport(Context& context, const std::string& job, const std::string& file) {
  const auto stub = context.Stub<v1::JobService>();
  grpc::ClientContext call;
  v1::ReadReportRequest request;
  request.set_id(job);
  request.set_file(file);
  const auto stream = stub->ReadReport(&call, request);
  const Interrupts::Scope cancel(context.interrupts(), [&call] { call.TryCancel(); });
  std::string out;
  v1::ReportPiece piece;
  while (stream->Read(&piece)) out += piece.data();
  AMAES_RETURN_IF_ERROR(FromGrpcStatus(stream->Finish()));
  return out;
}

// A row per region, a column per measure.
std::string ScoreTable(const v1::EvaluationProgress& evaluation) {
  std::vector<std::string> titles = {"REGION"};
  std::vector<std::vector<std::string>> rows;
  for (const v1::EvaluationScore& score : evaluation.scores()) {
    if (rows.empty() || rows.back()[0] != score.region()) rows.push_back({score.region()});
    if (rows.size() == 1) titles.push_back(absl::AsciiStrToUpper(score.measure()));
    std::string cell = score.cases() == 0 ? "-" : FormatNumber(score.mean());
    if (score.cases() > 1) absl::StrAppend(&cell, " ± ", FormatNumber(score.standard_deviation()));
    if (score.cases() != evaluation.cases())
      absl::StrAppend(&cell, " (", score.cases(), " of ", evaluation.cases(), ")");
    rows.back().push_back(cell);
  }
  return FormatTable(titles, rows);
}

absl::StatusOr<int> Report(Context& context, const ReportFlags& flags) {
  if (!flags.save.empty()) {
    const bool csv = absl::EndsWith(flags.save, ".csv"), json = absl::EndsWith(flags.save, ".json");
    AMAES_ASSIGN_OR_RETURN(const std::string content, ReadReport(context, flags.job,
                                                                 csv    ? "results.csv"
                                                                 : json ? "results.json"
                                                                        : "report.html"));
    AMAES_RETURN_IF_ERROR(files::WriteAtomic(std::filesystem::absolute(flags.save), content));
    if (!context.json())
      std::cout << flags.save << ": " << FormatBytes(static_cast<std::int64_t>(content.size())) << "\n";
    return kExitOk;
  }
  AMAES_ASSIGN_OR_RETURN(const std::string content, ReadReport(context, flags.job, "results.json"));
  if (context.json()) {
    std::cout << content;
    return kExitOk;
  }
  AMAES_ASSIGN_OR_RETURN(const v1::Job job, GetJob(context, flags.job));
  std::cout << ScoreTable(job.evaluation()) << "mean ± standard deviation over " << job.evaluation().cases()
            << " cases; every case: amaes job report " << flags.job << " --save FILE.html (or .csv, .json)\n";
  return kExitOk;
}

void AddReport(CLI::App& jobs, Context& context) {
  CLI::App* command = AddCommand(jobs, "report", "Shows or saves what an evaluation measured",
                                 "amaes job report my-test --save report.html");
  auto flags = std::make_shared<ReportFlags>();
  command->add_option("job", flags->job, "Id or name of the job")->required();
  command->add_option("--save", flags->save, "Writes the page there; FILE.csv or FILE.json: the numbers");
  context.OnRun(command, [&context, flags] { return Report(context, *flags); });
}

}  // namespace

void AddJobCommands(CLI::App& app, Context& context) {
  CLI::App* jobs = AddCommand(app, "job", "Jobs: list, watch, logs, cancel", "amaes job ls --filter state=RUNNING");
  jobs->require_subcommand(1);
  {
    CLI::App* command =
        AddCommand(*jobs, "ls", "Lists jobs, newest first", "amaes job ls --filter state=RUNNING,kind=pretrain");
    auto filter = std::make_shared<std::string>();
    auto limit = std::make_shared<int>(50);
    command->add_option("--filter", *filter, "key=value[,key=value]: state, kind, name");
    command->add_option("--limit", *limit, "At most so many")->check(CLI::Range(1, 1000))->capture_default_str();
    context.OnRun(command, [&context, filter, limit] { return List(context, *filter, *limit); });
  }
  AddOnJob(*jobs, context, "show", "Shows one job", Show);
  AddOnJob(*jobs, context, "watch", "Follows a job to its end; ends with the job's outcome as exit code", Watch);
  AddOnJob(*jobs, context, "shards", "Shows which rank takes which lanes and volumes", Shards);
  AddOnJob(*jobs, context, "audit",
           "Proves from the ledgers what a training job read; 0: proved, 7: something is wrong", Audit);
  AddJobPicturesCommand(*jobs, context);
  AddReport(*jobs, context);
  AddOnJob(*jobs, context, "events", "Shows what happened to a job", Events);
  {
    CLI::App* command =
        AddCommand(*jobs, "logs", "Prints the logs of a job's workers", "amaes job logs -f --rank 0 my-first-run");
    auto flags = std::make_shared<LogFlags>();
    command->add_option("job", flags->job, "Id or name of the job")->required();
    command->add_flag("-f,--follow", flags->follow, "Goes on until the job is over");
    command->add_option("--rank", flags->ranks, "Only this rank; may be repeated");
    command->add_option("--attempt", flags->attempt, "Only this attempt");
    command->add_option("--tail", flags->tail, "Only the last lines of each rank");
    context.OnRun(command, [&context, flags] { return Logs(context, *flags); });
  }
  {
    CLI::App* command = AddCommand(*jobs, "cancel", "Stops a job in order (its last state is kept as a checkpoint)",
                                   "amaes job cancel --wait my-first-run");
    auto job = std::make_shared<std::string>();
    auto wait = std::make_shared<bool>(false);
    command->add_option("job", *job, "Id or name of the job")->required();
    command->add_flag("--wait", *wait, "Returns when its slots are free");
    context.OnRun(command, [&context, job, wait] { return Cancel(context, *job, *wait); });
  }
}

}  // namespace amaes
