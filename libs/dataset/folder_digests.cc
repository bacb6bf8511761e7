#include "libs/dataset/folder_digests.h"

#include <algorithm>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/dataset/ingest_plan.h"
#include "libs/dataset/ingest_readers.h"

namespace amaes {

absl::StatusOr<FolderDigests> DigestFolder(
    const FolderDigestOptions& options, Clock& clock,
    const std::function<bool(std::int64_t done, std::int64_t all)>& on_progress) {
  IngestOptions ingest;
  ingest.from = options.from;
  ingest.layout = options.layout;
  ingest.labels = false;
  ingest.volumes = ingest.staging = options.scratch;
  ingest.records = options.scratch / "records";
  ingest.processes = ingest.cores = options.processes;
  ingest.memory_limit_bytes = options.memory_limit_bytes;
  ingest.time_limit = options.time_limit;
  ingest.child_command = options.child_command;
  AMAES_ASSIGN_OR_RETURN(IngestPlan plan, PlanIngest(ingest, nullptr, [&](std::int64_t, std::int64_t all) {
                           return on_progress(0, all);
                         }));
  for (ReadRequest& request : plan.requests) request.digest_only = true;
  FolderDigests out;
  out.layout = plan.layout;
  const auto all = static_cast<std::int64_t>(plan.requests.size());
  std::int64_t done = 0;
  const auto progress = [&] { return on_progress(done, all) ? absl::OkStatus() : absl::CancelledError("stopped"); };
  std::vector<std::pair<std::int64_t, ReadAnswer>> answers;
  const auto take = [&](std::int64_t index, ReadAnswer answer) {
    answers.emplace_back(index, std::move(answer));
    ++done;
    return progress();
  };
  AMAES_RETURN_IF_ERROR(ReadRequestsInChildren(ingest, plan.requests, clock, take, progress));
  std::sort(answers.begin(), answers.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [index, answer] : answers) {
    const ScanFile& item = plan.items[static_cast<std::size_t>(index)];
    if (answer.outcome == ReadAnswer::Outcome::kVolume) {
      out.scans.push_back({item.subject, item.source, answer.entry.voxel_digest});
    } else {
      // Its subject can be compared all the same.
      out.scans.push_back({item.subject, item.source, ""});
      out.unread.push_back({item.source, answer.reason});
    }
  }
  return out;
}

}  // namespace amaes
