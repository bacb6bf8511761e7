#include "services/coordinator/log_service.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/rpc/errors.h"

namespace amaes {
namespace {

// A worker's lines do not pass the coordinator, so nothing tells it that there are new ones.
constexpr absl::Duration kPollPeriod = absl::Milliseconds(200);

}  // namespace

grpc::Status LogServiceImpl::ReadLogs(grpc::ServerContext* context, const v1::ReadLogsRequest* request,
                                      grpc::ServerWriter<v1::LogLine>* writer) {
  return ToGrpcStatus(Read(context, *request, writer));
}

absl::StatusOr<LogCursor> LogServiceImpl::Begin(const v1::ReadLogsRequest& request, const JobView& job,
                                                const LogReader& reader) {
  if (!request.cursor().empty()) {
    AMAES_ASSIGN_OR_RETURN(LogCursor cursor, ParseCursor(request.cursor()));
    if (request.attempt() == 0 || cursor.attempt == request.attempt()) return cursor;
    return ErrorWithReason(
        absl::StatusCode::kInvalidArgument, "BAD_CURSOR",
        absl::StrCat("the cursor is of attempt ", cursor.attempt, ", asked for is ", request.attempt()),
        {{"cursor", request.cursor()}});
  }
  if (request.tail_lines() > 0) {
    return reader.Tail(request.attempt() > 0 ? request.attempt() : std::max(1, job.record.attempt),
                       request.tail_lines());
  }
  return LogCursor{std::max(1, request.attempt()), {}};
}

absl::Status LogServiceImpl::Read(grpc::ServerContext* context, const v1::ReadLogsRequest& request,
                                  grpc::ServerWriter<v1::LogLine>* writer) {
  AMAES_ASSIGN_OR_RETURN(JobView job, engine_.GetJob(request.job()));
  const JobId id = job.record.id;
  const LogReader reader(engine_.JobFolder(id) / "logs", {request.ranks().begin(), request.ranks().end()});
  AMAES_ASSIGN_OR_RETURN(LogCursor cursor, Begin(request, job, reader));
  v1::LogLine line;
  const auto send = [&](const LogText& text, const LogCursor& after) {
    line.set_attempt(text.attempt);
    line.set_rank(text.rank);
    line.set_text(text.text);
    line.set_cursor(CursorText(after));
    return writer->Write(line);
  };
  while (!context->IsCancelled()) {
    // The job's state is older than what is read: once it says that the attempt is over, its files are complete.
    const bool over =
        job.record.attempt > cursor.attempt || job.record.state == JobState::kQueued || IsTerminal(job.record.state);
    AMAES_ASSIGN_OR_RETURN(const bool more, reader.Read(cursor, over, send));
    if (!more) break;
    const bool one_attempt = request.attempt() > 0;
    if (over && !one_attempt && job.record.attempt > cursor.attempt) {
      cursor = {cursor.attempt + 1, {}};
      continue;
    }
    const bool ended = over && (one_attempt || IsTerminal(job.record.state));
    if (ended || !request.follow()) return absl::OkStatus();
    if (engine_.stopped()) return absl::UnavailableError("the coordinator is stopping");
    engine_.WaitForStop(kPollPeriod);
    AMAES_ASSIGN_OR_RETURN(job, engine_.GetJob(id.value));
  }
  return absl::CancelledError("the client went away");
}

}  // namespace amaes
