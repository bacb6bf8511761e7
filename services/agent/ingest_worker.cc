#include "services/agent/ingest_worker.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <set>

#include "absl/strings/numbers.h"
#include "libs/base/clock.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/catalogue.h"
#include "libs/dataset/ingest.h"
#include "libs/dataset/ingest_plan.h"
#include "libs/spec/spec_io.h"
#include "libs/worker_protocol/channel.h"

namespace amaes {
namespace {

constexpr absl::Duration kStartTimeout = absl::Seconds(60);

int SlotCores() {
  const char* value = std::getenv("AMAES_SLOT_CORES");
  int cores = 0;
  return value != nullptr && absl::SimpleAtoi(value, &cores) && cores > 0 ? cores : 1;
}

// Ranks find each other's files by themselves; words through the coordinator save them the time to look again.
IngestGang GangOf(const WorkerStart& start, AgentLink& link) {
  IngestGang gang;
  gang.rank = start.rank;
  gang.world_size = start.world_size;
  gang.attempt = start.attempt;
  gang.tell = [&link](const std::string& key) { (void)link.Set(key, "1"); };
  gang.wait = [&link, told = std::set<std::string>()](const std::string& key, absl::Duration timeout) mutable {
    // Once told, the word comes at once, the file perhaps later: then only the time counts.
    const absl::Status status = link.Wait(told.contains(key) ? "ingest-nothing" : key, timeout).status();
    if (status.ok()) told.insert(key);
    if (absl::IsAborted(status)) return absl::CancelledError("the attempt is over");
    return absl::IsDeadlineExceeded(status) ? absl::OkStatus() : status;
  };
  return gang;
}

absl::StatusOr<IngestOptions> OptionsOf(const WorkerStart& start, const std::vector<std::string>& child_command) {
  AMAES_ASSIGN_OR_RETURN(const JobSpec spec, SpecFromCompleteJson(start.spec_json));
  const IngestSpec& job = spec.ingest;
  const std::filesystem::path staging = start.staging_folder;
  AMAES_ASSIGN_OR_RETURN(IngestOptions options, IngestOptionsOf(job));
  options.volumes = start.volumes_folder;
  options.staging = staging / kStagedVersion;
  options.exchange = staging / "exchange";
  options.records = staging.parent_path() / kIngestRecords;
  options.previous = start.previous_folder;
  options.cores = SlotCores();
  options.processes = job.processes > 0 ? static_cast<int>(job.processes) : options.cores;
  options.memory_limit_bytes = static_cast<std::uint64_t>(job.memory_limit_mib) << 20;
  options.time_limit = absl::Seconds(job.time_limit_seconds);
  options.child_command = child_command;
  return options;
}

IngestCount CountOf(const IngestProgress& p) {
  return {.files = p.files,
          .done = p.done,
          .volumes = p.volumes,
          .quarantined = p.quarantined,
          .duplicates = p.duplicates,
          .skipped = p.skipped,
          .voxels = p.voxels,
          .unchanged = p.unchanged,
          .total_voxels = p.total_voxels,
          .disk_bytes = p.disk_bytes,
          .voxels_per_second = p.voxels_per_second,
          .estimated_seconds = p.estimated_seconds};
}

// Reads everything, writes the version into the staging folder, reports it.
absl::Status Ingest(AgentLink& link, const std::vector<std::string>& child_command) {
  AMAES_ASSIGN_OR_RETURN(const WorkerStart start, link.WaitForStart(kStartTimeout));
  AMAES_ASSIGN_OR_RETURN(IngestOptions options, OptionsOf(start, child_command));
  options.gang = GangOf(start, link);
  std::string phase;
  AMAES_ASSIGN_OR_RETURN(const IngestResult result,
                         RunIngest(options, SystemClock(), [&](const IngestProgress& progress) {
                           if (progress.phase != phase) link.Report(WorkerPhase{progress.phase, 0});
                           phase = progress.phase;
                           link.Report(CountOf(progress));
                           return !link.stop_requested().has_value();
                         }));
  if (start.rank == 0) link.Report(DatasetStaged{result.version.digest});
  return absl::OkStatus();
}

// What would be the same on the next try.
bool Retryable(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status) || absl::IsDeadlineExceeded(status);
}

}  // namespace

absl::StatusOr<IngestOptions> IngestOptionsOf(const IngestSpec& spec) {
  IngestOptions options;
  options.dataset = spec.dataset;
  options.from = spec.from;
  options.layout = spec.layout;
  options.source = spec.source;
  AMAES_ASSIGN_OR_RETURN(options.contract, ContractOf(spec.contract, spec.spacing, spec.reference_crop));
  options.spacing = spec.spacing;
  options.frames = spec.frames;
  options.nonfinite = spec.nonfinite;
  options.labels = spec.labels;
  options.held_out_share = spec.held_out_share;
  return options;
}

int RunIngestWorker(const std::vector<std::string>& child_command) {
  const std::unique_ptr<AgentLink> link = AgentLink::Create(kWorkerSocket, [] { _exit(1); });
  link->Report(WorkerHello{kWorkerProtocolVersion, "amaes ingest"});
  const absl::Status status = Ingest(*link, child_command);
  if (absl::IsCancelled(status)) {
    link->Report(WorkerFinished{false, 0});
    return 0;
  }
  if (!status.ok()) {
    LogError("ingest", "failed", {{"error", status.ToString()}});
    link->Report(WorkerFailed{"INGEST_FAILED", std::string(status.message()), Retryable(status)});
    return 1;
  }
  link->Report(WorkerFinished{true, 0});
  return 0;
}

}  // namespace amaes
