// What the commands about datasets share.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "proto/amaes/v1/datasets.grpc.pb.h"
#include "services/cli/context.h"

namespace amaes {

// NAME or NAME@VERSION.   - InvalidArgument: a version that is no number.
absl::StatusOr<v1::GetDatasetVersionRequest> ParseReference(const std::string& text);

// What happened to every file.   Errors of the call.
absl::StatusOr<v1::IngestReport> GetReport(Context& context, const v1::GetDatasetVersionRequest& request);

// A title with the count and a table; nothing when there is none.
void PrintItems(const std::string& title, const google::protobuf::RepeatedPtrField<v1::IngestReport::Item>& items);

// The volumes of a version, all pages.
absl::StatusOr<v1::ListVolumesResponse> AllVolumes(Context& context, const v1::DatasetVersion& version);

void AddDatasetAddCommand(CLI::App& datasets, Context& context);
void AddDatasetListCommands(CLI::App& datasets, Context& context);    // ls, show
void AddDatasetChangeCommands(CLI::App& datasets, Context& context);  // verify, exclude, forget, rm
void AddDatasetReportCommand(CLI::App& datasets, Context& context);   // report

}  // namespace amaes
