#include "libs/dataset/ingest.h"

#include <errno.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "libs/base/digest.h"
#include "libs/base/fault.h"
#include "libs/base/files.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/base/utf8.h"
#include "libs/dataset/ingest_answer.h"
#include "libs/dataset/ingest_summary.h"
#include "libs/dataset/layout.h"
#include "libs/dataset/reader_process.h"

namespace amaes {
namespace {

constexpr absl::Duration kProgressInterval = absl::Seconds(1);
// Longest wait before deadlines are looked at again.
constexpr int kPollMilliseconds = 200;

// Size and time of a file, "-" if there is none.
std::string Stamp(const std::filesystem::path& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return "-";
  return absl::StrCat(info.st_size, " ", info.st_mtim.tv_sec, ".", info.st_mtim.tv_nsec);
}

// The data half of a .hdr, by its name; the path itself for every other file.
std::filesystem::path DataHalf(const std::filesystem::path& path) {
  return path.parent_path() / absl::StrReplaceAll(path.filename().string(), {{".hdr", ".img"}, {".HDR", ".IMG"}});
}

class Ingest {
 public:
  Ingest(const IngestOptions& options, Clock& clock, const std::function<bool(const IngestProgress&)>& on_progress)
      : options_(options), clock_(clock), on_progress_(on_progress) {}

  absl::StatusOr<IngestResult> Run() {
    AMAES_RETURN_IF_ERROR(CheckOptions());
    AMAES_ASSIGN_OR_RETURN(const std::unique_ptr<Layout> layout, MakeLayout(options_.layout));
    AMAES_ASSIGN_OR_RETURN(list_, layout->Scan(options_.from));
    std::optional<DatasetVersion> previous;
    if (!options_.previous.empty()) {
      AMAES_ASSIGN_OR_RETURN(previous, ReadVersion(options_.previous));
    }
    AMAES_RETURN_IF_ERROR(files::MakeFolders(Records()));
    AMAES_RETURN_IF_ERROR(files::MakeFolders(options_.volumes));
    LoadRecords();
    AMAES_RETURN_IF_ERROR(ReadAll());
    return Finish(previous.has_value() ? &*previous : nullptr);
  }

 private:
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

  std::filesystem::path Records() const { return options_.staging / "files"; }

  // Changes with the file and with the contract, so that a record speaks of exactly what a new read would find.
  std::filesystem::path RecordPath(const ScanFile& file) const {
    const std::filesystem::path path = options_.from / file.source;
    const std::string key = absl::StrCat("amaes-ingest-file/1\n", file.source, "\n", Stamp(path), "\n",
                                         Stamp(DataHalf(path)), "\n", ContractJson(options_.contract));
    return Records() / absl::StrCat(Sha256Hex(key), ".json");
  }

  // What an earlier run of this ingest has finished.
  void LoadRecords() {
    answers_.resize(list_.files.size());
    progress_.files = static_cast<std::int64_t>(list_.files.size() + list_.skipped.size());
    progress_.skipped = progress_.done = static_cast<std::int64_t>(list_.skipped.size());
    for (std::size_t i = 0; i < list_.files.size(); ++i) {
      const absl::StatusOr<std::string> text = files::Read(RecordPath(list_.files[i]));
      absl::StatusOr<ReadAnswer> answer = text.ok() ? ParseAnswer(*text) : text.status();
      if (answer.ok() && answer->final() && IsStored(*answer)) {
        answers_[i] = *std::move(answer);
        Count(answers_[i]);
      } else {
        waiting_.push_back(static_cast<std::int64_t>(i));
      }
    }
    std::reverse(waiting_.begin(), waiting_.end());
    if (list_.files.size() > waiting_.size()) {
      LogInfo("ingest", "goes on", {{"finished", list_.files.size() - waiting_.size()}, {"left", waiting_.size()}});
    }
  }

  // Whether the volume that an answer names is still in the store.
  bool IsStored(const ReadAnswer& answer) const {
    if (answer.outcome != ReadAnswer::Outcome::kVolume) return true;
    std::error_code error;
    const auto size = std::filesystem::file_size(VolumePath(options_.volumes, answer.entry.volume), error);
    return !error && static_cast<std::int64_t>(size) == answer.entry.stored_bytes;
  }

  void Count(const ReadAnswer& answer) {
    ++progress_.done;
    if (answer.outcome != ReadAnswer::Outcome::kVolume)
      ++progress_.quarantined;
    else if (!seen_.insert(answer.entry.voxel_digest).second)
      ++progress_.duplicates;
    else
      ++progress_.volumes;
  }

  absl::Status Report() {
    reported_ = clock_.Monotonic();
    return !on_progress_ || on_progress_(progress_) ? absl::OkStatus() : absl::CancelledError("ingest stopped");
  }

  // Returning early destroys the readers, which kills them.
  absl::Status ReadAll() {
    AMAES_RETURN_IF_ERROR(Report());
    while (!waiting_.empty() || !readers_.empty()) {
      while (!waiting_.empty() && readers_.size() < static_cast<std::size_t>(options_.processes)) {
        AMAES_RETURN_IF_ERROR(StartOne());
      }
      AMAES_RETURN_IF_ERROR(WaitForReaders());
      if (clock_.Monotonic() - reported_ >= kProgressInterval) AMAES_RETURN_IF_ERROR(Report());
    }
    return absl::OkStatus();
  }

  absl::Status StartOne() {
    const std::int64_t index = waiting_.back();
    waiting_.pop_back();
    const ReadRequest request{index, options_.from / list_.files[index].source, options_.volumes, options_.contract};
    absl::StatusOr<ReaderProcess> reader = ReaderProcess::Start(
        options_.child_command, request, {options_.memory_limit_bytes, options_.time_limit}, clock_.Monotonic());
    if (!reader.ok()) return Annotate(reader.status(), "cannot start a reader");
    readers_.push_back(std::make_unique<ReaderProcess>(*std::move(reader)));
    return absl::OkStatus();
  }

  // Waits until something happens to a reader, and takes care of those that have ended or are late.
  absl::Status WaitForReaders() {
    std::vector<pollfd> descriptors;
    absl::Duration wait = absl::Milliseconds(kPollMilliseconds);
    const absl::Duration before = clock_.Monotonic();
    for (const auto& reader : readers_) {
      descriptors.push_back({reader->output_descriptor(), POLLIN, 0});
      descriptors.push_back({reader->exit_descriptor(), POLLIN, 0});
      wait = std::min(wait, std::max(reader->deadline() - before, absl::ZeroDuration()));
    }
    const int timeout = static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(wait, absl::Milliseconds(1))));
    if (poll(descriptors.data(), descriptors.size(), timeout) < 0 && errno != EINTR) {
      return absl::UnavailableError(absl::StrCat("cannot wait for readers: errno ", errno));
    }
    const absl::Duration now = clock_.Monotonic();
    std::vector<std::unique_ptr<ReaderProcess>> running;
    std::vector<std::pair<std::int64_t, ReadAnswer>> ended;
    for (std::size_t i = 0; i < readers_.size(); ++i) {
      ReaderProcess& reader = *readers_[i];
      if (descriptors[2 * i].revents != 0) reader.Drain();
      if (descriptors[2 * i + 1].revents != 0)
        ended.emplace_back(reader.index(), reader.Finish());
      else if (now >= reader.deadline())
        ended.emplace_back(reader.index(), reader.FinishLate());
      else
        running.push_back(std::move(readers_[i]));
    }
    readers_ = std::move(running);
    for (auto& [index, answer] : ended) AMAES_RETURN_IF_ERROR(Take(index, std::move(answer)));
    return absl::OkStatus();
  }

  absl::Status Take(std::int64_t index, ReadAnswer answer) {
    if (answer.outcome == ReadAnswer::Outcome::kStore) {
      return absl::Status(answer.code, absl::StrCat("the volume store cannot be used: ", answer.reason));
    }
    if (answer.final()) AMAES_RETURN_IF_ERROR(files::WriteAtomic(RecordPath(list_.files[index]), AnswerJson(answer)));
    if (answer.outcome == ReadAnswer::Outcome::kVolume && !answer.reused) {
      progress_.voxels += VoxelCount(answer.entry.source_shape);
    }
    Count(answer);
    answers_[index] = std::move(answer);
    FaultPoint("ingest_file", {.step = progress_.done});
    return Report();
  }

  absl::StatusOr<IngestResult> Finish(const DatasetVersion* previous) {
    IngestResult result;
    result.version.name = options_.dataset;
    result.version.contract = options_.contract;
    result.report = Summarise(list_, answers_, result.version);
    if (result.report.volumes == 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("no volume could be read: ", FrequentReasons(result.report, 3)));
    }
    FinishVersion(result.version, previous);
    AMAES_RETURN_IF_ERROR(WriteVersion(options_.staging, result.version, result.report));
    std::error_code ignored;  // records that stay behind only take space
    std::filesystem::remove_all(Records(), ignored);
    LogInfo("ingest", "finished",
            {{"files", result.report.files},
             {"volumes", result.report.volumes},
             {"duplicates", result.report.duplicates.size()},
             {"quarantined", result.report.quarantined.size()},
             {"skipped", result.report.skipped.size()}});
    return result;
  }

  const IngestOptions& options_;
  Clock& clock_;
  const std::function<bool(const IngestProgress&)>& on_progress_;
  ScanList list_;
  std::vector<ReadAnswer> answers_;    // one per file
  std::vector<std::int64_t> waiting_;  // files to read, the next one last
  std::vector<std::unique_ptr<ReaderProcess>> readers_;
  std::set<std::string> seen_;  // voxel digests
  IngestProgress progress_;
  absl::Duration reported_;
};

}  // namespace

absl::StatusOr<IngestResult> RunIngest(const IngestOptions& options, Clock& clock,
                                       const std::function<bool(const IngestProgress&)>& on_progress) {
  return Ingest(options, clock, on_progress).Run();
}

}  // namespace amaes
