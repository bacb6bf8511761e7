#include "libs/dataset/ingest.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "libs/base/fault.h"
#include "libs/base/files.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/base/utf8.h"
#include "libs/dataset/ingest_files.h"
#include "libs/dataset/ingest_plan.h"
#include "libs/dataset/ingest_readers.h"
#include "libs/dataset/ingest_summary.h"
#include "libs/dataset/volume_store.h"
#include "libs/volume/spacing.h"

namespace amaes {
namespace {

// How long a rank waits for a word before it looks for the file itself.
constexpr absl::Duration kLookAgain = absl::Seconds(1);

class Ingest {
 public:
  Ingest(const IngestOptions& options, Clock& clock, const std::function<bool(const IngestProgress&)>& on_progress)
      : options_(options), clock_(clock), on_progress_(on_progress) {}

  absl::StatusOr<IngestResult> Run() {
    AMAES_RETURN_IF_ERROR(CheckOptions());
    AMAES_RETURN_IF_ERROR(files::MakeFolders(options_.volumes));
    if (options_.gang.rank != 0) return Help();
    if (!options_.previous.empty()) {
      AMAES_ASSIGN_OR_RETURN(previous_, ReadVersion(options_.previous));
    }
    AMAES_RETURN_IF_ERROR(Plan());
    IndexedAnswers answers;
    AMAES_RETURN_IF_ERROR(ReadShare(plan_.requests, answers));
    AMAES_RETURN_IF_ERROR(Collect(answers));
    return Finish();
  }

 private:
  const DatasetVersion* previous() const { return previous_ ? &*previous_ : nullptr; }
  bool alone() const { return options_.gang.world_size == 1; }

  absl::Status CheckOptions() const {
    if (options_.processes < 1) return absl::InvalidArgumentError("ingest: at least one process is needed");
    if (options_.child_command.empty()) return absl::InvalidArgumentError("ingest: no command that reads a file");
    if (!options_.from.is_absolute()) {
      return absl::InvalidArgumentError(absl::StrCat("ingest: ", options_.from.string(), " is not an absolute path"));
    }
    if (!IsUtf8(options_.from.string()) || !IsUtf8(options_.volumes.string())) {
      return absl::InvalidArgumentError("ingest: a folder name is not UTF-8: rename it");
    }
    return absl::OkStatus();
  }

  std::filesystem::path RequestsFile() const {
    return options_.exchange / absl::StrCat("requests-", options_.gang.attempt, ".jsonl.zst");
  }
  std::filesystem::path AnswersFile(int rank) const {
    return options_.exchange / absl::StrCat("answers-", options_.gang.attempt, "-", rank, ".jsonl.zst");
  }

  // --- rank 0 ---

  absl::Status Plan() {
    progress_.phase = "scan";
    AMAES_RETURN_IF_ERROR(Report());
    if (const std::int64_t removed = RemoveAbandoned(options_.volumes, clock_.Now()); removed > 0) {
      LogInfo("ingest", "removed what killed readers had left", {{"files", removed}});
    }
    AMAES_ASSIGN_OR_RETURN(const IngestOptions options, WithSpacing());
    AMAES_ASSIGN_OR_RETURN(
        plan_, PlanIngest(options, previous(), [this](std::int64_t, std::int64_t) { return Report().ok(); }));
    AMAES_RETURN_IF_ERROR(KeepSpacing());
    AMAES_RETURN_IF_ERROR(CheckSpace());
    if (const std::size_t known = plan_.items.size() - plan_.requests.size(); known > 0) {
      LogInfo("ingest", "goes on", {{"finished", known}, {"left", plan_.requests.size()}});
    }
    AMAES_RETURN_IF_ERROR(HandOutExclusions());
    if (!alone()) {
      AMAES_RETURN_IF_ERROR(WriteRequests(RequestsFile(), plan_.requests));
      options_.gang.tell("ingest-requests");
    }
    progress_.files = static_cast<std::int64_t>(plan_.items.size() - plan_.requests.size() + plan_.skipped.size());
    progress_.skipped = progress_.done = static_cast<std::int64_t>(plan_.skipped.size());
    progress_.disk_bytes = plan_.estimate.disk_bytes;
    const int cores = std::min(options_.cores, options_.processes) * options_.gang.world_size;
    progress_.estimated_seconds = plan_.estimate.core_seconds / std::max(1, cores);
    for (std::size_t i = 0; i < plan_.items.size(); ++i) {
      if (plan_.answers[i]) Count(*plan_.answers[i]);
      progress_.unchanged += plan_.unchanged[i] ? 1 : 0;
    }
    return absl::OkStatus();
  }

  // The median that an earlier attempt has worked out holds, whatever was added to the folder since: else all would be read
  // again.
  std::filesystem::path SpacingFile() const { return options_.exchange / "spacing"; }
  bool NeedsMedian() const { return options_.spacing == "median" && !previous_; }

  absl::StatusOr<IngestOptions> WithSpacing() const {
    IngestOptions options = options_;
    if (!NeedsMedian()) return options;
    const absl::StatusOr<std::string> kept = files::Read(SpacingFile());
    if (absl::IsNotFound(kept.status())) return options;
    if (!kept.ok()) return kept.status();
    options.spacing = *kept;
    return options;
  }

  absl::Status KeepSpacing() const {
    if (!NeedsMedian()) return absl::OkStatus();
    AMAES_RETURN_IF_ERROR(files::MakeFolders(options_.exchange));
    return files::WriteAtomic(SpacingFile(), SpacingText(plan_.contract.spacing_mm));
  }

  absl::Status CheckSpace() const {
    if (options_.free_bytes) return CheckDiskSpace(plan_.estimate, *options_.free_bytes);
    std::error_code error;
    const std::filesystem::space_info space = std::filesystem::space(options_.volumes, error);
    return error ? absl::OkStatus() : CheckDiskSpace(plan_.estimate, static_cast<std::int64_t>(space.available));
  }

  // What readers look their voxels up in.
  absl::Status HandOutExclusions() {
    if (!previous_) return absl::OkStatus();
    std::string lines;
    for (const Exclusion& exclusion : previous_->exclusions) {
      if (exclusion.kind != "voxels") continue;
      absl::StrAppend(&lines, exclusion.value, " ", absl::StrReplaceAll(exclusion.reason, {{"\n", " "}}), "\n");
    }
    if (lines.empty()) return absl::OkStatus();
    const std::filesystem::path file = options_.exchange / absl::StrCat("exclusions-", options_.gang.attempt);
    AMAES_RETURN_IF_ERROR(files::MakeFolders(options_.exchange));
    AMAES_RETURN_IF_ERROR(files::WriteAtomic(file, lines));
    for (ReadRequest& request : plan_.requests) request.exclusions = file;
    return absl::OkStatus();
  }

  // Answers of this rank and of all others into the plan.
  absl::Status Collect(IndexedAnswers answers) {
    for (int rank = 1; rank < options_.gang.world_size; ++rank) {
      AMAES_ASSIGN_OR_RETURN(IndexedAnswers more, Await<IndexedAnswers>(absl::StrCat("ingest-answers-", rank), [&] {
                               return ReadAnswers(AnswersFile(rank));
                             }));
      std::move(more.begin(), more.end(), std::back_inserter(answers));
    }
    for (auto& [index, answer] : answers) {
      if (index < 0 || index >= static_cast<std::int64_t>(plan_.answers.size())) {
        return absl::DataLossError("ingest: an answer belongs to no request");
      }
      plan_.answers[index] = std::move(answer);
    }
    for (const std::optional<ReadAnswer>& answer : plan_.answers) {
      if (!answer) return absl::UnavailableError("ingest: a rank has not answered all of its requests");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<IngestResult> Finish() {
    progress_.phase = "publish";
    AMAES_RETURN_IF_ERROR(Report());
    IngestResult result;
    result.version.name = options_.dataset;
    result.version.contract = plan_.contract;
    if (previous_) {
      result.version.exclusions = previous_->exclusions;
      result.version.base = BaseNumber();
    }
    result.report = Summarise(plan_, previous(), result.version);
    const IngestReport& report = result.report;
    if (report.volumes == 0 && report.duplicates.empty() && !report.quarantined.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat("no volume could be read: ", FrequentReasons(report.quarantined, 3)));
    }
    if (result.version.entries.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat("there is no volume to make a version of: ", FrequentReasons(report.skipped, 3)));
    }
    FinishVersion(result.version, previous(), options_.held_out_share);
    AMAES_RETURN_IF_ERROR(files::MakeFolders(options_.staging));
    AMAES_RETURN_IF_ERROR(WriteUnused(options_.staging, Unused(result.version)));
    AMAES_RETURN_IF_ERROR(WriteVersion(options_.staging, result.version, result.report));
    LogInfo("ingest", "finished",
            {{"files", report.files},
             {"volumes", report.volumes},
             {"unchanged", report.unchanged},
             {"carried", report.carried},
             {"duplicates", report.duplicates.size()},
             {"quarantined", report.quarantined.size()},
             {"skipped", report.skipped.size()}});
    return result;
  }

  // The coordinator numbers versions by their folders, after they are written.
  std::int64_t BaseNumber() const {
    std::int64_t number = 0;
    return absl::SimpleAtoi(options_.previous.filename().string(), &number) ? number : previous_->version;
  }

  // Final answers that are no entry of the version, by stamp.
  std::vector<std::pair<std::string, ReadAnswer>> Unused(const DatasetVersion& version) const {
    std::set<std::string> used;
    for (const CatalogueEntry& entry : version.entries) used.insert(entry.stamp);
    std::vector<std::pair<std::string, ReadAnswer>> out;
    for (std::size_t i = 0; i < plan_.items.size(); ++i) {
      if (plan_.answers[i]->final() && !used.contains(plan_.stamps[i]))
        out.emplace_back(plan_.stamps[i], *plan_.answers[i]);
    }
    return out;
  }

  // --- the others ---

  absl::StatusOr<IngestResult> Help() {
    progress_.phase = "scan";
    AMAES_RETURN_IF_ERROR(Report());
    AMAES_ASSIGN_OR_RETURN(
        const std::vector<ReadRequest> requests,
        Await<std::vector<ReadRequest>>("ingest-requests", [&] { return ReadRequests(RequestsFile()); }));
    IndexedAnswers answers;
    AMAES_RETURN_IF_ERROR(ReadShare(requests, answers));
    AMAES_RETURN_IF_ERROR(WriteAnswers(AnswersFile(options_.gang.rank), answers));
    options_.gang.tell(absl::StrCat("ingest-answers-", options_.gang.rank));
    return IngestResult();
  }

  // --- all ---

  // Until the file that `read` looks for is there. The file is what counts: a word may get lost with a coordinator.
  template <typename T>
  absl::StatusOr<T> Await(const std::string& key, const std::function<absl::StatusOr<T>()>& read) {
    while (true) {
      absl::StatusOr<T> found = read();
      if (!absl::IsNotFound(found.status())) return found;
      AMAES_RETURN_IF_ERROR(options_.gang.wait(key, kLookAgain));
      AMAES_RETURN_IF_ERROR(Report());
    }
  }

  absl::Status ReadShare(const std::vector<ReadRequest>& requests, IndexedAnswers& answers) {
    std::vector<ReadRequest> share;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const bool mine = static_cast<int>(i % static_cast<std::size_t>(options_.gang.world_size)) == options_.gang.rank;
      if (mine) share.push_back(requests[i]);
    }
    progress_.phase = "read";
    progress_.files += static_cast<std::int64_t>(share.size());
    // Headers are with rank 0: it states the voxels of all ranks.
    progress_.total_voxels = plan_.estimate.source_voxels;
    const absl::Duration begun = clock_.Monotonic();
    const auto report = [&] {
      const double seconds = absl::ToDoubleSeconds(clock_.Monotonic() - begun);
      progress_.voxels_per_second = seconds > 0 ? static_cast<double>(progress_.voxels) / seconds : 0;
      return Report();
    };
    AMAES_RETURN_IF_ERROR(report());
    return ReadRequestsInChildren(
        options_, share, clock_,
        [&](std::int64_t index, ReadAnswer answer) {
          if (answer.outcome == ReadAnswer::Outcome::kVolume) {
            progress_.voxels += VoxelCount(answer.entry.source_shape);
            progress_.stored += answer.reused ? 0 : 1;
          }
          Count(answer);
          answers.emplace_back(index, std::move(answer));
          FaultPoint(
              "ingest_file",
              {.step = progress_.done, .rank = options_.gang.rank, .attempt = static_cast<int>(options_.gang.attempt)});
          return report();
        },
        report);
  }

  void Count(const ReadAnswer& answer) {
    ++progress_.done;
    if (answer.outcome == ReadAnswer::Outcome::kExcluded)
      ++progress_.skipped;
    else if (answer.outcome != ReadAnswer::Outcome::kVolume)
      ++progress_.quarantined;
    else if (!seen_.insert(answer.entry.voxel_digest).second)
      ++progress_.duplicates;
    else
      ++progress_.volumes;
  }

  absl::Status Report() {
    return !on_progress_ || on_progress_(progress_) ? absl::OkStatus() : absl::CancelledError("ingest stopped");
  }

  const IngestOptions& options_;
  Clock& clock_;
  const std::function<bool(const IngestProgress&)>& on_progress_;
  std::optional<DatasetVersion> previous_;
  IngestPlan plan_;             // rank 0
  std::set<std::string> seen_;  // voxel digests
  IngestProgress progress_;
};

}  // namespace

absl::StatusOr<IngestResult> RunIngest(const IngestOptions& options, Clock& clock,
                                       const std::function<bool(const IngestProgress&)>& on_progress) {
  return Ingest(options, clock, on_progress).Run();
}

}  // namespace amaes
