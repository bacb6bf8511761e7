// DatasetService.GetDatasetReport and ReadContactSheet.
#include "libs/base/status_macros.h"
#include "libs/dataset/contact_sheet.h"
#include "libs/dataset/report.h"
#include "libs/rpc/convert.h"
#include "libs/rpc/errors.h"
#include "services/coordinator/dataset_record.h"
#include "services/coordinator/dataset_service.h"

namespace amaes {
namespace {

v1::ContactSheetRow ToProto(SheetRow row) {
  v1::ContactSheetRow out;
  out.set_volume(row.volume);
  out.set_subject(row.subject);
  out.set_session(row.session);
  out.set_modality(row.modality);
  out.set_source(row.source);
  for (const auto extent : row.shape) out.add_shape(extent);
  for (const std::string& flag : row.flags) out.add_flags(flag);
  out.set_axial(std::move(row.axial));
  out.set_coronal(std::move(row.coronal));
  out.set_sagittal(std::move(row.sagittal));
  out.set_problem(row.problem);
  return out;
}

}  // namespace

grpc::Status DatasetServiceImpl::GetDatasetReport(grpc::ServerContext*, const v1::GetDatasetVersionRequest* request,
                                                  v1::DatasetReport* out) {
  return ToGrpcStatus(Count(*request, out));
}

absl::Status DatasetServiceImpl::Count(const v1::GetDatasetVersionRequest& request, v1::DatasetReport* out) {
  AMAES_ASSIGN_OR_RETURN(const DatasetRecord record, FindDataset(engine_.store(), request.name(), request.version()));
  AMAES_RETURN_IF_ERROR(CheckNotRetired(record));
  AMAES_ASSIGN_OR_RETURN(const std::shared_ptr<const DatasetVersion> version,
                         engine_.catalogues().Get(engine_.DatasetFolder(record.name, record.version)));
  DatasetReport report = MakeReport(*version, {});
  report.version = record.version;
  *out = ::amaes::ToProto(report);
  return absl::OkStatus();
}

grpc::Status DatasetServiceImpl::ReadContactSheet(grpc::ServerContext* context,
                                                  const v1::GetDatasetVersionRequest* request,
                                                  grpc::ServerWriter<v1::ContactSheetRow>* writer) {
  return ToGrpcStatus(Sheet(*context, *request, *writer));
}

absl::Status DatasetServiceImpl::Sheet(grpc::ServerContext& context, const v1::GetDatasetVersionRequest& request,
                                       grpc::ServerWriter<v1::ContactSheetRow>& writer) {
  AMAES_ASSIGN_OR_RETURN(const DatasetRecord record, FindDataset(engine_.store(), request.name(), request.version()));
  AMAES_ASSIGN_OR_RETURN(const DatasetVersion version,
                         ReadCatalogue(record, engine_.DatasetFolder(record.name, record.version)));
  for (const std::size_t index : ChooseForSheet(version, kSheetVolumes)) {
    if (context.IsCancelled()) return absl::CancelledError("the client went away");
    if (engine_.stopped()) return absl::UnavailableError("the coordinator is stopping");
    const SheetRow row = MakeSheetRow(version.entries[index], version.contract, engine_.options().home / "volumes");
    if (!writer.Write(ToProto(row))) return absl::CancelledError("the client went away");
  }
  return absl::OkStatus();
}

}  // namespace amaes
