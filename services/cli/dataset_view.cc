#include "services/cli/dataset_view.h"

#include <iostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "proto/amaes/v1/datasets.grpc.pb.h"
#include "services/cli/output.h"

namespace amaes {

// NAME or NAME@VERSION.   - InvalidArgument: a version that is no number.
absl::StatusOr<v1::GetDatasetVersionRequest> ParseReference(const std::string& text) {
  v1::GetDatasetVersionRequest request;
  const std::size_t at = text.find('@');
  request.set_name(text.substr(0, at));
  std::int64_t version = 0;
  if (at != std::string::npos && (!absl::SimpleAtoi(text.substr(at + 1), &version) || version < 1)) {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not NAME or NAME@VERSION"));
  }
  request.set_version(version);
  return request;
}

void PrintItems(const std::string& title, const google::protobuf::RepeatedPtrField<v1::IngestReport::Item>& items) {
  if (items.empty()) return;
  std::cout << "\n" << title << " (" << items.size() << ")\n";
  std::vector<std::vector<std::string>> rows;
  for (const auto& item : items) rows.push_back({item.source(), item.reason()});
  std::cout << FormatTable({"FILE", "REASON"}, rows);
}

absl::StatusOr<v1::IngestReport> GetReport(Context& context, const v1::GetDatasetVersionRequest& request) {
  const auto stub = context.Stub<v1::DatasetService>();
  return Call(*stub, &v1::DatasetService::Stub::GetIngestReport, request);
}

}  // namespace amaes
