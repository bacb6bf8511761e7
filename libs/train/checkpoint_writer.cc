#include "libs/train/checkpoint_writer.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/base/digest.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/ledger_reader.h"
#include "libs/train/failure.h"
#include "libs/train/tensor_buffer.h"

namespace amaes {
namespace {

// Digests travel as numbers that float64 holds exactly: 32 bits each.
constexpr int kShaWords = 8;
// What each rank says first: status code, size of its file, length of its ledger.
constexpr int kFirstWords = 3;

template <typename T>
bool IsReady(const std::future<T>& future) {
  return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

std::int64_t BlocksOf(std::int64_t size) { return (size + kCheckpointBlockBytes - 1) / kCheckpointBlockBytes; }

std::uint32_t FromHex(absl::string_view digits) {
  std::uint32_t value = 0;
  return absl::SimpleHexAtoi(digits, &value) ? value : 0;
}

std::string ToHex(double value) { return absl::StrFormat("%08x", static_cast<std::uint32_t>(value)); }

// Words of one file, to and from its place in the vector.
void PutDigests(const CheckpointFile& file, double* words) {
  for (int i = 0; i < kShaWords; ++i) *words++ = FromHex(absl::string_view(file.sha256).substr(8 * i, 8));
  for (const std::string& crc : file.block_crc32c) *words++ = FromHex(crc);
}

CheckpointFile TakeDigests(std::string name, std::int64_t size, const double* words) {
  CheckpointFile file{.name = std::move(name), .size = size, .sha256 = {}, .block_crc32c = {}};
  for (int i = 0; i < kShaWords; ++i) file.sha256 += ToHex(*words++);
  for (std::int64_t block = 0; block < BlocksOf(size); ++block) file.block_crc32c.push_back(ToHex(*words++));
  return file;
}

// Never the best one.
std::vector<std::string> DeleteOld(const std::filesystem::path& checkpoints, std::int64_t keep,
                                   std::int64_t best_step) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(checkpoints, error)) {
    const std::string name = entry.path().filename().string();
    if (ParseCheckpointName(name).ok() && ReadManifest(entry.path()).ok()) names.push_back(name);
  }
  std::vector<std::string> deleted;
  for (const std::string& name : CheckpointsToDelete(names, keep, best_step)) {
    if (RemoveCheckpoint(checkpoints / name).ok()) deleted.push_back(name);
  }
  return deleted;
}

}  // namespace

CheckpointWriter::CheckpointWriter(CheckpointWriterOptions options, Communicator& communicator, Clock& clock,
                                   std::function<void(WorkerReport)> report)
    : options_(std::move(options)), communicator_(communicator), clock_(clock), report_(std::move(report)) {}

CheckpointWriter::~CheckpointWriter() = default;  // futures of std::async wait

absl::Status CheckpointWriter::Begin(const Network& network, const AdamW& optimizer, const WeightAverage* average,
                                     CheckpointManifest manifest, std::int64_t ledger_length) {
  const absl::Duration start = clock_.Monotonic();
  AMAES_RETURN_IF_ERROR(Finish());
  absl::StatusOr<CheckpointShare> share =
      CopyShare(network, optimizer, average, communicator_.rank(), communicator_.world_size());
  AMAES_RETURN_IF_ERROR(TensorFailure(share.status()));
  manifest_ = std::move(manifest);
  ledger_length_ = ledger_length;
  const std::filesystem::path folder =
      options_.checkpoints / (CheckpointName(manifest_.step, manifest_.attempt) + ".tmp");
  auto owned = std::make_shared<CheckpointShare>(*std::move(share));
  writing_ = std::async(std::launch::async, [folder, owned]() -> absl::StatusOr<std::vector<CheckpointFile>> {
    AMAES_RETURN_IF_ERROR(files::MakeFolders(folder));
    return WriteShare(folder, *owned);
  });
  in_flight_ = true;
  begun_ = clock_.Monotonic();
  stall_ = begun_ - start;
  return absl::OkStatus();
}

bool CheckpointWriter::unfinished() const { return in_flight_ && !IsReady(writing_); }

absl::Status CheckpointWriter::Complete() {
  if (!in_flight_) return absl::OkStatus();
  in_flight_ = false;
  const absl::StatusOr<std::vector<CheckpointFile>> written = writing_.get();
  AMAES_ASSIGN_OR_RETURN(const std::vector<double> first, ExchangeSizes(written));
  AMAES_ASSIGN_OR_RETURN(std::vector<CheckpointFile> files, ExchangeDigests(written->front(), first));
  if (communicator_.rank() != 0) return absl::OkStatus();
  manifest_.files.assign(written->begin() + 1, written->end());  // the weights
  manifest_.files.insert(manifest_.files.end(), files.begin(), files.end());
  for (int rank = 0; rank < communicator_.world_size(); ++rank) {
    manifest_.ledger[LedgerName({manifest_.attempt, rank})] = static_cast<std::int64_t>(first[kFirstWords * rank + 2]);
  }
  StartCommit();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<double>> CheckpointWriter::ExchangeSizes(
    const absl::StatusOr<std::vector<CheckpointFile>>& written) {
  const int world_size = communicator_.world_size();
  std::vector<double> words(kFirstWords * world_size);
  double* own = &words[kFirstWords * communicator_.rank()];
  own[0] = static_cast<double>(written.status().raw_code());
  own[1] = written.ok() ? static_cast<double>(written->front().size) : 0;
  own[2] = static_cast<double>(ledger_length_);
  AMAES_RETURN_IF_ERROR(CollectiveFailure(AllReduceSum(words, communicator_, options_.device)));
  AMAES_RETURN_IF_ERROR(StorageFailure(Annotate(written.status(), "checkpoint")));
  for (int rank = 0; rank < world_size; ++rank) {
    const auto code = static_cast<absl::StatusCode>(static_cast<int>(words[kFirstWords * rank]));
    if (code == absl::StatusCode::kOk) continue;
    return StorageFailure(absl::Status(code, absl::StrCat("checkpoint: rank ", rank, " could not write its share (",
                                                          absl::StatusCodeToString(code), ")")));
  }
  return words;
}

absl::StatusOr<std::vector<CheckpointFile>> CheckpointWriter::ExchangeDigests(const CheckpointFile& own,
                                                                              const std::vector<double>& sizes) {
  const int world_size = communicator_.world_size();
  std::vector<std::int64_t> offsets, bytes;
  std::int64_t total = 0;
  for (int rank = 0; rank < world_size; ++rank) {
    offsets.push_back(total);
    bytes.push_back(static_cast<std::int64_t>(sizes[kFirstWords * rank + 1]));
    total += kShaWords + BlocksOf(bytes.back());
  }
  std::vector<double> words(total);
  PutDigests(own, &words[offsets[communicator_.rank()]]);
  AMAES_RETURN_IF_ERROR(CollectiveFailure(AllReduceSum(words, communicator_, options_.device)));
  std::vector<CheckpointFile> files;
  for (int rank = 0; rank < world_size; ++rank) {
    files.push_back(TakeDigests(OptimizerFile(rank, world_size), bytes[rank], &words[offsets[rank]]));
  }
  return files;
}

void CheckpointWriter::StartCommit() {
  manifest_.written = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", clock_.Now(), absl::UTCTimeZone());
  committing_ = std::async(std::launch::async, [this, manifest = manifest_, stall = stall_, begun = begun_] {
    Committed result = Commit(manifest);
    result.report.stall_seconds = absl::ToDoubleSeconds(stall);
    result.report.persist_seconds = absl::ToDoubleSeconds(clock_.Monotonic() - begun);
    return result;
  });
}

CheckpointWriter::Committed CheckpointWriter::Commit(const CheckpointManifest& manifest) const {
  Committed result;
  result.report.name = CheckpointName(manifest.step, manifest.attempt);
  result.report.step = manifest.step;
  result.report.parent = manifest.parent;
  result.report.best = manifest.best_step == manifest.step;
  result.report.metrics = manifest.metrics;
  for (const CheckpointFile& file : manifest.files) result.report.size_bytes += file.size;
  const std::filesystem::path folder = options_.checkpoints / result.report.name;
  result.status = CommitCheckpoint(folder, manifest);
  if (!result.status.ok()) return result;
  absl::StatusOr<std::string> sha256 = Sha256OfFile(folder / "manifest.json");
  result.status = sha256.status();
  if (sha256.ok()) result.report.manifest_sha256 = *std::move(sha256);
  result.deleted = DeleteOld(options_.checkpoints, options_.keep, manifest.best_step);
  return result;
}

absl::Status CheckpointWriter::Poll() {
  if (committing_.valid() && IsReady(committing_)) return WaitForCommit();
  return absl::OkStatus();
}

absl::Status CheckpointWriter::WaitForCommit() {
  if (!committing_.valid()) return absl::OkStatus();
  Committed committed = committing_.get();
  AMAES_RETURN_IF_ERROR(StorageFailure(Annotate(committed.status, "commit of a checkpoint")));
  report_(std::move(committed.report));
  for (std::string& name : committed.deleted) report_(CheckpointDeleted{std::move(name)});
  return absl::OkStatus();
}

absl::Status CheckpointWriter::Finish() {
  AMAES_RETURN_IF_ERROR(Complete());
  return WaitForCommit();
}

}  // namespace amaes
