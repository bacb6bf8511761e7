// JobService.ReadReport.
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/rpc/errors.h"
#include "services/coordinator/job_service.h"

namespace amaes {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
constexpr const char* kFiles[] = {"report.html", "results.json", "results.csv"};

}  // namespace

grpc::Status JobServiceImpl::ReadReport(grpc::ServerContext*, const v1::ReadReportRequest* request,
                                        grpc::ServerWriter<v1::ReportPiece>* writer) {
  return ToGrpcStatus(SendReport(*request, *writer));
}

absl::Status JobServiceImpl::SendReport(const v1::ReadReportRequest& request,
                                        grpc::ServerWriter<v1::ReportPiece>& writer) {
  AMAES_ASSIGN_OR_RETURN(const JobView job, engine_.GetJob(request.id()));
  const std::string& id = job.record.id.value;
  if (job.spec.kind != JobKind::kEvaluate) {
    return ErrorWithReason(
        absl::StatusCode::kFailedPrecondition, "NOT_AN_EVALUATION",
        absl::StrCat(id, " is a job of kind ", JobKindName(job.spec.kind), ", which has no such report"),
        {{"job", id}});
  }
  bool known = false;
  for (const char* name : kFiles) known = known || request.file() == name;
  if (!known) {
    return ErrorWithReason(absl::StatusCode::kInvalidArgument, "BAD_FILE",
                           absl::StrCat("'", request.file(), "' is none of report.html, results.json, results.csv"),
                           {{"file", request.file()}});
  }
  std::ifstream in(engine_.JobFolder(job.record.id) / "evaluation" / request.file(), std::ios::binary);
  if (!in) {
    return ErrorWithReason(
        absl::StatusCode::kFailedPrecondition, "NO_REPORT_YET",
        absl::StrCat(id, " has no report: it is ", JobStateName(job.record.state), ", with ",
                     job.progress.evaluation.done, " of ", job.progress.evaluation.cases, " cases done"),
        {{"job", id}});
  }
  v1::ReportPiece piece;
  while (in) {
    std::string& data = *piece.mutable_data();
    data.resize(kPieceBytes);
    in.read(data.data(), static_cast<std::streamsize>(data.size()));
    data.resize(static_cast<std::size_t>(in.gcount()));
    if (!data.empty() && !writer.Write(piece)) return absl::CancelledError("the client went away");
  }
  if (in.bad()) return absl::UnavailableError(absl::StrCat("reading ", request.file(), " failed"));
  return absl::OkStatus();
}

}  // namespace amaes
