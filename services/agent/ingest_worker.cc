#include "services/agent/ingest_worker.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "absl/strings/numbers.h"
#include "libs/base/clock.h"
#include "libs/base/files.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/catalogue.h"
#include "libs/dataset/ingest.h"
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

absl::StatusOr<IngestOptions> OptionsOf(const WorkerStart& start, const std::vector<std::string>& child_command) {
  AMAES_ASSIGN_OR_RETURN(const JobSpec spec, SpecFromCompleteJson(start.spec_json));
  IngestOptions options;
  options.dataset = spec.ingest.dataset;
  options.from = spec.ingest.from;
  options.layout = spec.ingest.layout;
  options.contract.name = spec.ingest.contract;
  options.contract.reference_crop = spec.ingest.reference_crop;
  options.volumes = start.volumes_folder;
  options.staging = start.staging_folder;
  options.previous = start.previous_folder;
  options.processes = spec.ingest.processes > 0 ? static_cast<int>(spec.ingest.processes) : SlotCores();
  options.memory_limit_bytes = static_cast<std::uint64_t>(spec.ingest.memory_limit_mib) << 20;
  options.time_limit = absl::Seconds(spec.ingest.time_limit_seconds);
  options.child_command = child_command;
  return options;
}

IngestCount CountOf(const IngestProgress& p) {
  return {p.files, p.done, p.volumes, p.quarantined, p.duplicates, p.skipped, p.voxels};
}

// Reads everything, writes the version into the staging folder, reports it.
absl::Status Ingest(AgentLink& link, const std::vector<std::string>& child_command) {
  AMAES_ASSIGN_OR_RETURN(const WorkerStart start, link.WaitForStart(kStartTimeout));
  AMAES_ASSIGN_OR_RETURN(const IngestOptions options, OptionsOf(start, child_command));
  AMAES_RETURN_IF_ERROR(files::MakeFolders(options.volumes));
  AMAES_RETURN_IF_ERROR(files::MakeFolders(options.staging));
  link.Report(WorkerPhase{"read", 0});
  AMAES_ASSIGN_OR_RETURN(const IngestResult result, RunIngest(options, SystemClock(), [&](const IngestProgress& progress) {
                           link.Report(CountOf(progress));
                           return !link.stop_requested().has_value();
                         }));
  link.Report(WorkerPhase{"publish", 0});
  AMAES_RETURN_IF_ERROR(WriteVersion(options.staging, result.version, result.report));
  link.Report(DatasetStaged{result.version.digest});
  return absl::OkStatus();
}

// What would be the same on the next try.
bool Retryable(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status) || absl::IsDeadlineExceeded(status);
}

}  // namespace

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
