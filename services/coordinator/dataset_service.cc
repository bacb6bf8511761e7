#include "services/coordinator/dataset_service.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/rpc/convert.h"
#include "libs/rpc/errors.h"
#include "libs/rpc/paging.h"
#include "services/coordinator/dataset_record.h"

namespace amaes {
namespace {

template <typename Message>
grpc::Status Answer(absl::StatusOr<Message> result, Message* out) {
  if (!result.ok()) return ToGrpcStatus(result.status());
  *out = *std::move(result);
  return grpc::Status::OK;
}

}  // namespace

v1::DatasetVersion DatasetServiceImpl::Show(const DatasetRecord& record) {
  v1::DatasetVersion out = ToProto(record);
  if (!record.is_retired()) out.set_folder(engine_.DatasetFolder(record.name, record.version).string());
  return out;
}

grpc::Status DatasetServiceImpl::GetDatasetVersion(grpc::ServerContext*, const v1::GetDatasetVersionRequest* request,
                                                   v1::DatasetVersion* out) {
  const absl::StatusOr<DatasetRecord> record = FindDataset(engine_.store(), request->name(), request->version());
  if (record.ok()) *out = Show(*record);
  return ToGrpcStatus(record.status());
}

grpc::Status DatasetServiceImpl::ListDatasetVersions(grpc::ServerContext*,
                                                     const v1::ListDatasetVersionsRequest* request,
                                                     v1::ListDatasetVersionsResponse* out) {
  return ToGrpcStatus(ListVersions(*request, out));
}

absl::Status DatasetServiceImpl::ListVersions(const v1::ListDatasetVersionsRequest& request,
                                              v1::ListDatasetVersionsResponse* out) {
  AMAES_ASSIGN_OR_RETURN(const Filter filter, ParseFilter(request.filter(), {"name"}));
  const std::string name = filter.contains("name") ? filter.at("name") : "";
  const std::string scope = absl::StrCat("datasets ", request.filter());
  AMAES_ASSIGN_OR_RETURN(const PageRequest page, ParsePage(request.page_size(), request.page_token(), scope));
  AMAES_ASSIGN_OR_RETURN(const Page<DatasetRecord> found,
                         engine_.store().ListDatasets(name, page.page_size, page.cursor));
  for (const DatasetRecord& record : found.records) *out->add_versions() = Show(record);
  out->set_next_page_token(MakePageToken(found.next_cursor, scope));
  return absl::OkStatus();
}

grpc::Status DatasetServiceImpl::ListVolumes(grpc::ServerContext*, const v1::ListVolumesRequest* request,
                                             v1::ListVolumesResponse* out) {
  return ToGrpcStatus(Volumes(*request, out));
}

absl::Status DatasetServiceImpl::Volumes(const v1::ListVolumesRequest& request, v1::ListVolumesResponse* out) {
  AMAES_ASSIGN_OR_RETURN(const DatasetRecord record, FindDataset(engine_.store(), request.name(), request.version()));
  AMAES_RETURN_IF_ERROR(CheckNotRetired(record));
  // Versions are immutable: the place in the catalogue is a cursor.
  const std::string scope = absl::StrCat("volumes ", record.name, "@", record.version);
  AMAES_ASSIGN_OR_RETURN(const PageRequest page, ParsePage(request.page_size(), request.page_token(), scope));
  std::size_t first = 0;
  if (!page.cursor.empty() && !absl::SimpleAtoi(page.cursor, &first)) {
    return absl::InternalError(absl::StrCat("cursor '", page.cursor, "' is no number"));
  }
  AMAES_ASSIGN_OR_RETURN(const std::shared_ptr<const DatasetVersion> version,
                         engine_.catalogues().Get(engine_.DatasetFolder(record.name, record.version)));
  const std::size_t size = version->entries.size();
  const std::size_t last = std::min(size, first + static_cast<std::size_t>(page.page_size));
  for (std::size_t i = first; i < last; ++i) *out->add_volumes() = ToProto(version->entries[i]);
  if (last < size) out->set_next_page_token(MakePageToken(absl::StrCat(last), scope));
  return absl::OkStatus();
}

grpc::Status DatasetServiceImpl::GetIngestReport(grpc::ServerContext*, const v1::GetDatasetVersionRequest* request,
                                                 v1::IngestReport* out) {
  return ToGrpcStatus(Report(*request, out));
}

absl::Status DatasetServiceImpl::Report(const v1::GetDatasetVersionRequest& request, v1::IngestReport* out) {
  AMAES_ASSIGN_OR_RETURN(const DatasetRecord record, FindDataset(engine_.store(), request.name(), request.version()));
  AMAES_RETURN_IF_ERROR(CheckNotRetired(record));
  const absl::StatusOr<IngestReport> report = ReadReport(engine_.DatasetFolder(record.name, record.version));
  if (!report.ok()) {
    return ErrorWithReason(absl::StatusCode::kDataLoss, "CATALOGUE_DAMAGED",
                           absl::StrCat("the report of ", record.name, "@", record.version,
                                        " cannot be read: ", report.status().message()),
                           {{"dataset", record.name}});
  }
  *out = ToProto(*report);
  return absl::OkStatus();
}

grpc::Status DatasetServiceImpl::ExcludeVolumes(grpc::ServerContext*, const v1::ChangeDatasetRequest* request,
                                                v1::DatasetChange* out) {
  return Answer(changes_.Exclude(*request), out);
}

grpc::Status DatasetServiceImpl::ForgetVolumes(grpc::ServerContext*, const v1::ChangeDatasetRequest* request,
                                               v1::DatasetChange* out) {
  return Answer(changes_.Forget(*request), out);
}

grpc::Status DatasetServiceImpl::RemoveDataset(grpc::ServerContext*, const v1::RemoveDatasetRequest* request,
                                               v1::DatasetChange* out) {
  return Answer(changes_.Remove(*request), out);
}

}  // namespace amaes
