#include "services/cli/pull.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/digest.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/rpc/client.h"

namespace amaes {
namespace {

// Appends blocks to one file and flushes at the end.
class PartFile {
 public:
  // Goes on at the end of what is there when `resume`, else starts anew.
  static absl::StatusOr<std::unique_ptr<PartFile>> Open(const std::filesystem::path& path, bool resume) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | (resume ? 0 : O_TRUNC), 0644);
    if (fd < 0) return files::ErrnoStatus(errno, "cannot write", path);
    return std::unique_ptr<PartFile>(new PartFile(path, fd, lseek(fd, 0, SEEK_END)));
  }
  ~PartFile() { close(fd_); }

  std::int64_t size() const { return size_; }
  absl::Status Append(const std::string& data) {
    std::size_t done = 0;
    while (done < data.size()) {
      const ssize_t n = write(fd_, data.data() + done, data.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return files::ErrnoStatus(errno, "cannot write", path_);
      done += static_cast<std::size_t>(n);
    }
    size_ += static_cast<std::int64_t>(data.size());
    return absl::OkStatus();
  }

 private:
  PartFile(std::filesystem::path path, int fd, std::int64_t size) : path_(std::move(path)), fd_(fd), size_(size) {}
  std::filesystem::path path_;
  int fd_;
  std::int64_t size_;
};

struct Transfer {
  v1::CheckpointService::StubInterface& stub;
  const v1::Checkpoint& checkpoint;
  const PullOptions& options;
  std::int64_t done = 0, total = 0;
};

// One stream from the part's end on. A block that was damaged on the way ends the stream and is asked for again.
absl::Status ReadStream(Transfer& transfer, const v1::CheckpointFile& file, PartFile& part) {
  v1::ReadCheckpointFileRequest request;
  request.set_job(transfer.checkpoint.job());
  request.set_checkpoint(transfer.checkpoint.name());
  request.set_file(file.name());
  request.set_offset(part.size());
  request.set_if_sha256(file.sha256());
  grpc::ClientContext call;
  const auto stream = transfer.stub.ReadCheckpointFile(&call, request);
  absl::Status status;
  v1::FileChunk chunk;
  while (status.ok() && stream->Read(&chunk)) {
    if (chunk.offset() != part.size() || Crc32c(chunk.data().data(), chunk.data().size()) != chunk.crc32c()) {
      status = absl::UnavailableError(absl::StrCat("a block of ", file.name(), " was damaged on the way"));
    } else if (status = part.Append(chunk.data()); status.ok()) {
      transfer.done += static_cast<std::int64_t>(chunk.data().size());
      if (transfer.options.on_progress && !transfer.options.on_progress(transfer.done, transfer.total)) {
        status = absl::CancelledError("interrupted; `amaes ckpt pull --resume` goes on from here");
      }
    }
  }
  if (!status.ok()) call.TryCancel();
  const absl::Status end = FromGrpcStatus(stream->Finish());
  return status.ok() ? end : status;
}

absl::Status PullFile(Transfer& transfer, const v1::CheckpointFile& file) {
  const std::filesystem::path target = transfer.options.to / file.name();
  const std::filesystem::path part_path = absl::StrCat(target.string(), ".part");
  if (const auto there = Sha256OfFile(target); there.ok()) {
    if (*there != file.sha256()) {
      return absl::AlreadyExistsError(absl::StrCat(target.string(), " exists with other content: choose another --to"));
    }
    transfer.done += file.size();
    return absl::OkStatus();
  }
  AMAES_ASSIGN_OR_RETURN(const std::unique_ptr<PartFile> part, PartFile::Open(part_path, transfer.options.resume));
  transfer.done += part->size();
  if (part->size() < file.size() || file.size() == 0) {
    absl::Status last;
    AMAES_RETURN_IF_ERROR(CallWithRetry({.deadline = absl::Minutes(2)}, [&](absl::Duration) {
      last = ReadStream(transfer, file, *part);
      return absl::IsUnavailable(last) ? grpc::Status(grpc::StatusCode::UNAVAILABLE, std::string(last.message()))
                                       : grpc::Status::OK;
    }));
    AMAES_RETURN_IF_ERROR(last);
  }
  AMAES_ASSIGN_OR_RETURN(const std::string sha256, Sha256OfFile(part_path));
  if (sha256 != file.sha256()) {
    unlink(part_path.c_str());
    return absl::DataLossError(absl::StrCat(file.name(), " does not fit its SHA-256 and was removed: pull it again"));
  }
  AMAES_RETURN_IF_ERROR(files::Sync(part_path));
  return files::Rename(part_path, target);
}

}  // namespace

absl::StatusOr<std::vector<v1::CheckpointFile>> FilesToPull(const v1::Checkpoint& checkpoint,
                                                            const PullOptions& options) {
  std::set<std::string> wanted = {"manifest.json"};
  if (options.weights != "ema") wanted.insert("model.safetensors");
  if (options.weights != "model") wanted.insert("ema.safetensors");
  std::vector<v1::CheckpointFile> chosen;
  for (const v1::CheckpointFile& file : checkpoint.files()) {
    if (wanted.erase(file.name()) > 0 || options.all) chosen.push_back(file);
  }
  if (!wanted.empty()) {
    return absl::NotFoundError(
        absl::StrCat("checkpoint ", checkpoint.name(), " has no ", *wanted.begin(),
                     *wanted.begin() == "ema.safetensors" ? ": its job kept no average (ema.decay)" : ""));
  }
  return chosen;
}

absl::Status PullCheckpoint(v1::CheckpointService::StubInterface& stub, const v1::Checkpoint& checkpoint,
                            const PullOptions& options) {
  AMAES_ASSIGN_OR_RETURN(const std::vector<v1::CheckpointFile> wanted, FilesToPull(checkpoint, options));
  AMAES_RETURN_IF_ERROR(files::MakeFolders(options.to));
  Transfer transfer{stub, checkpoint, options};
  for (const v1::CheckpointFile& file : wanted) transfer.total += file.size();
  for (const v1::CheckpointFile& file : wanted) {
    if (file.name().empty() || absl::StrContains(file.name(), "/") || file.name()[0] == '.') {
      return absl::DataLossError(absl::StrCat("the coordinator names a file '", file.name(), "': refused"));
    }
    AMAES_RETURN_IF_ERROR(PullFile(transfer, file));
  }
  return absl::OkStatus();
}

}  // namespace amaes
