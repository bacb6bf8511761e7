#include "services/coordinator/checkpoint_service.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "libs/base/digest.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/checkpoint/checkpoint.h"
#include "libs/rpc/convert.h"
#include "libs/rpc/errors.h"
#include "libs/rpc/paging.h"

namespace amaes {
namespace {

constexpr std::int64_t kChunkBytes = std::int64_t{1} << 20;
constexpr char kManifestFile[] = "manifest.json";
constexpr char kMarkerFile[] = "COMMITTED";

absl::Status Damaged(const CheckpointRecord& record, const absl::Status& status) {
  return ErrorWithReason(absl::StatusCode::kDataLoss, "CHECKPOINT_DAMAGED",
                         absl::StrCat("checkpoint ", record.name, " of ", record.job.value, ": ", status.message()),
                         {{"job", record.job.value}, {"checkpoint", record.name}});
}

// Everything that may be read: what the manifest lists, the manifest and the marker. A name from a request is only ever
// compared with these.
absl::StatusOr<std::vector<CheckpointFile>> FilesOf(const CheckpointRecord& record,
                                                    const std::filesystem::path& folder) {
  const absl::StatusOr<CheckpointManifest> manifest = ReadManifest(folder);
  if (!manifest.ok()) return Damaged(record, manifest.status());
  std::vector<CheckpointFile> files = manifest->files;
  for (const char* name : {kManifestFile, kMarkerFile}) {
    const absl::StatusOr<std::string> content = files::Read(folder / name);
    if (!content.ok()) return Damaged(record, content.status());
    files.push_back({name, static_cast<std::int64_t>(content->size()), Sha256Hex(*content), {}});
  }
  return files;
}

absl::Status CheckRange(const v1::ReadCheckpointFileRequest& request, const CheckpointFile& file) {
  if (request.offset() >= 0 && request.offset() <= file.size && request.limit() >= 0) return absl::OkStatus();
  return ErrorWithReason(absl::StatusCode::kOutOfRange, "BAD_OFFSET",
                         absl::StrCat("offset ", request.offset(), ", limit ", request.limit(), ": ", file.name,
                                      " has ", file.size, " bytes"),
                         {{"file", file.name}, {"size", absl::StrCat(file.size)}});
}

// Reads `size` bytes at `offset`; a shorter file is an error.
absl::Status ReadExactly(int descriptor, std::int64_t offset, std::int64_t size, std::string& out) {
  out.resize(static_cast<std::size_t>(size));
  std::int64_t done = 0;
  while (done < size) {
    const ssize_t got = pread(descriptor, out.data() + done, static_cast<std::size_t>(size - done), offset + done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::UnavailableError(absl::StrCat("reading failed with error ", errno));
    if (got == 0) return absl::DataLossError("the file is shorter than its manifest says");
    done += got;
  }
  return absl::OkStatus();
}

}  // namespace

std::filesystem::path CheckpointServiceImpl::Folder(const CheckpointRecord& record) const {
  return engine_.JobFolder(record.job) / "checkpoints" / record.name;
}

absl::StatusOr<CheckpointRecord> CheckpointServiceImpl::Find(const std::string& job, const std::string& name) {
  AMAES_ASSIGN_OR_RETURN(const JobView view, engine_.GetJob(job));
  const JobId& id = view.record.id;
  if (name.empty()) {
    AMAES_ASSIGN_OR_RETURN(const Page<CheckpointRecord> newest,
                           engine_.store().ListCheckpoints({id.value, CheckpointState::kCommitted}, 1, ""));
    if (!newest.records.empty()) return newest.records.front();
  } else {
    absl::StatusOr<CheckpointRecord> record = engine_.store().GetCheckpoint(id, name);
    if (!absl::IsNotFound(record.status())) return record;
  }
  return ErrorWithReason(absl::StatusCode::kNotFound, "CHECKPOINT_NOT_FOUND",
                         name.empty() ? absl::StrCat(id.value, " has no committed checkpoint yet")
                                      : absl::StrCat(id.value, " has no checkpoint '", name, "'"),
                         {{"job", id.value}, {"checkpoint", name}});
}

absl::StatusOr<std::string> CheckpointServiceImpl::BestOf(const std::string& job) {
  AMAES_ASSIGN_OR_RETURN(const JobView view, engine_.GetJob(job));
  if (!view.progress.best_checkpoint.empty()) return view.progress.best_checkpoint;
  const bool watches = view.spec.trains() && !view.spec.training().checkpoint.best_metric.empty();
  return ErrorWithReason(
      absl::StatusCode::kNotFound, "NO_BEST_CHECKPOINT",
      absl::StrCat(view.record.id.value, watches ? " has no best checkpoint yet"
                                                 : " watches no metric: set checkpoint.best_metric at submit"),
      {{"job", view.record.id.value}});
}

grpc::Status CheckpointServiceImpl::GetCheckpoint(grpc::ServerContext*, const v1::GetCheckpointRequest* request,
                                                  v1::Checkpoint* out) {
  return ToGrpcStatus(Get(*request, out));
}

absl::Status CheckpointServiceImpl::Get(const v1::GetCheckpointRequest& request, v1::Checkpoint* out) {
  std::string name = request.name();
  if (request.best()) {
    AMAES_ASSIGN_OR_RETURN(name, BestOf(request.job()));
  }
  AMAES_ASSIGN_OR_RETURN(const CheckpointRecord record, Find(request.job(), name));
  *out = ToProto(record);
  out->set_best(record.name == BestOf(request.job()).value_or(""));
  out->set_folder(Folder(record).string());
  if (record.state != CheckpointState::kCommitted) return absl::OkStatus();
  AMAES_ASSIGN_OR_RETURN(const std::vector<CheckpointFile> files, FilesOf(record, Folder(record)));
  for (const CheckpointFile& file : files) {
    v1::CheckpointFile* added = out->add_files();
    added->set_name(file.name);
    added->set_size(file.size);
    added->set_sha256(file.sha256);
  }
  return absl::OkStatus();
}

grpc::Status CheckpointServiceImpl::ListCheckpoints(grpc::ServerContext*, const v1::ListCheckpointsRequest* request,
                                                    v1::ListCheckpointsResponse* out) {
  return ToGrpcStatus(List(*request, out));
}

absl::Status CheckpointServiceImpl::List(const v1::ListCheckpointsRequest& request, v1::ListCheckpointsResponse* out) {
  AMAES_ASSIGN_OR_RETURN(const Filter filter, ParseFilter(request.filter(), {"job", "state"}));
  StoreReader::CheckpointFilter wanted;
  for (const auto& [key, value] : filter) {
    if (key == "job") {
      AMAES_ASSIGN_OR_RETURN(const JobView view, engine_.GetJob(value));
      wanted.job = view.record.id.value;
    }
    if (key == "state") {
      const absl::StatusOr<CheckpointState> state = ParseCheckpointState(value);
      if (!state.ok()) return BadFilterValue(key, value, std::string(state.status().message()));
      wanted.state = *state;
    }
  }
  const std::string scope = absl::StrCat("checkpoints ", request.filter());
  AMAES_ASSIGN_OR_RETURN(const PageRequest page, ParsePage(request.page_size(), request.page_token(), scope));
  AMAES_ASSIGN_OR_RETURN(const Page<CheckpointRecord> found,
                         engine_.store().ListCheckpoints(wanted, page.page_size, page.cursor));
  std::map<std::string, std::string> best;  // by job
  for (const CheckpointRecord& record : found.records) {
    v1::Checkpoint* added = out->add_checkpoints();
    *added = ToProto(record);
    const auto [of_job, is_new] = best.try_emplace(record.job.value);
    if (is_new) of_job->second = BestOf(record.job.value).value_or("");
    added->set_best(record.name == of_job->second);
    added->set_folder(Folder(record).string());
  }
  out->set_next_page_token(MakePageToken(found.next_cursor, scope));
  return absl::OkStatus();
}

grpc::Status CheckpointServiceImpl::ReadCheckpointFile(grpc::ServerContext*,
                                                       const v1::ReadCheckpointFileRequest* request,
                                                       grpc::ServerWriter<v1::FileChunk>* writer) {
  return ToGrpcStatus(Read(*request, writer));
}

absl::Status CheckpointServiceImpl::Read(const v1::ReadCheckpointFileRequest& request,
                                         grpc::ServerWriter<v1::FileChunk>* writer) {
  AMAES_ASSIGN_OR_RETURN(const CheckpointRecord record, Find(request.job(), request.checkpoint()));
  if (record.state != CheckpointState::kCommitted) {
    return Damaged(record, absl::DataLossError(absl::StrCat("is ", CheckpointStateName(record.state))));
  }
  AMAES_ASSIGN_OR_RETURN(const std::vector<CheckpointFile> files, FilesOf(record, Folder(record)));
  const auto file =
      std::find_if(files.begin(), files.end(), [&](const CheckpointFile& f) { return f.name == request.file(); });
  if (file == files.end()) {
    return ErrorWithReason(absl::StatusCode::kNotFound, "FILE_NOT_FOUND",
                           absl::StrCat("checkpoint ", record.name, " has no file '", request.file(), "'"),
                           {{"checkpoint", record.name}, {"file", request.file()}});
  }
  AMAES_RETURN_IF_ERROR(CheckRange(request, *file));
  if (!request.if_sha256().empty() && request.if_sha256() != file->sha256) {
    return ErrorWithReason(absl::StatusCode::kAborted, "DIGEST_CHANGED",
                           absl::StrCat(file->name, " has the SHA-256 ", file->sha256), {{"sha256", file->sha256}});
  }
  const int descriptor = open((Folder(record) / file->name).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) return Damaged(record, absl::DataLossError(absl::StrCat(file->name, " cannot be opened")));
  const absl::Cleanup close_file = [descriptor] { close(descriptor); };
  const std::int64_t end = request.limit() == 0 ? file->size : std::min(file->size, request.offset() + request.limit());
  v1::FileChunk chunk;
  for (std::int64_t offset = request.offset(); offset < end; offset += kChunkBytes) {
    const absl::Status status =
        ReadExactly(descriptor, offset, std::min(kChunkBytes, end - offset), *chunk.mutable_data());
    if (!status.ok()) return absl::IsDataLoss(status) ? Damaged(record, status) : status;
    chunk.set_offset(offset);
    chunk.set_crc32c(Crc32c(chunk.data().data(), chunk.data().size()));
    if (!writer->Write(chunk)) return absl::CancelledError("the client went away");
  }
  return absl::OkStatus();
}

}  // namespace amaes
