#include "services/coordinator/request_id.h"

#include "absl/strings/str_cat.h"
#include "libs/rpc/errors.h"

namespace amaes {
namespace {

constexpr std::size_t kMaxRequestIdLength = 64;

}  // namespace

absl::Status CheckRequestId(const std::string& request_id) {
  if (!request_id.empty() && request_id.size() <= kMaxRequestIdLength) return absl::OkStatus();
  return ErrorWithReason(
      absl::StatusCode::kInvalidArgument, "BAD_REQUEST_ID",
      absl::StrCat("request_id has ", request_id.size(), " characters; 1 to ", kMaxRequestIdLength, " are allowed"));
}

absl::Status RequestIdReused(const std::string& request_id, const StoreReader::RequestRecord& known) {
  const bool job = !known.job.value.empty();
  return ErrorWithReason(absl::StatusCode::kInvalidArgument, "REQUEST_ID_REUSED",
                         absl::StrCat("request_id ", request_id, " was used for ",
                                      job ? absl::StrCat("job ", known.job.value, " with another spec")
                                          : std::string("a change of a dataset with another body"),
                                      "; make a new one"),
                         {{"request_id", request_id}, {"job", known.job.value}});
}

}  // namespace amaes
