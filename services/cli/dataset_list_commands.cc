// dataset ls | show
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "libs/base/format.h"
#include "libs/base/status_macros.h"
#include "services/cli/dataset_view.h"
#include "services/cli/exit_codes.h"
#include "services/cli/output.h"

namespace amaes {

absl::StatusOr<v1::ListVolumesResponse> AllVolumes(Context& context, const v1::DatasetVersion& version) {
  const auto stub = context.Stub<v1::DatasetService>();
  v1::ListVolumesRequest request;
  request.set_name(version.name());
  request.set_version(version.version());
  request.set_page_size(1000);
  v1::ListVolumesResponse all;
  do {
    AMAES_ASSIGN_OR_RETURN(const v1::ListVolumesResponse page,
                           Call(*stub, &v1::DatasetService::Stub::ListVolumes, request));
    all.MergeFrom(page);
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  all.clear_next_page_token();
  return all;
}

namespace {

absl::StatusOr<int> List(Context& context, const std::string& filter, int limit) {
  const auto stub = context.Stub<v1::DatasetService>();
  v1::ListDatasetVersionsRequest request;
  request.set_filter(filter);
  request.set_page_size(limit);
  AMAES_ASSIGN_OR_RETURN(const v1::ListDatasetVersionsResponse response,
                         Call(*stub, &v1::DatasetService::Stub::ListDatasetVersions, request));
  if (context.json()) {
    std::cout << ToJson(response);
    return kExitOk;
  }
  std::vector<std::vector<std::string>> rows;
  for (const v1::DatasetVersion& v : response.versions()) {
    rows.push_back({absl::StrCat(v.name(), "@", v.version()), FormatCount(v.volumes()), FormatCount(v.subjects()),
                    FormatCount(v.held_out_volumes()), FormatCount(v.quarantined()), FormatBytes(v.stored_bytes()),
                    v.digest().substr(0, 12), FormatTime(v.create_time()),
                    v.has_retire_time() ? "retired" : v.made_by()});
  }
  std::cout << FormatTable(
      {"DATASET", "VOLUMES", "SUBJECTS", "HELD OUT", "QUARANTINED", "SIZE", "DIGEST", "CREATED", "BY"}, rows);
  return kExitOk;
}

absl::Status PrintVolumes(Context& context, const v1::DatasetVersion& version) {
  AMAES_ASSIGN_OR_RETURN(const v1::ListVolumesResponse volumes, AllVolumes(context, version));
  if (context.json()) {
    std::cout << ToJson(volumes);
    return absl::OkStatus();
  }
  std::vector<std::vector<std::string>> rows;
  for (const v1::Volume& v : volumes.volumes()) {
    rows.push_back({v.subject(), v.session().empty() ? "-" : v.session(), v.modality(), absl::StrJoin(v.shape(), "x"),
                    v.split(), FormatBytes(v.stored_bytes()), v.source()});
  }
  std::cout << FormatTable({"SUBJECT", "SESSION", "MODALITY", "SHAPE", "SPLIT", "SIZE", "SOURCE"}, rows);
  return absl::OkStatus();
}

absl::StatusOr<int> Show(Context& context, const std::string& reference, bool volumes, bool report) {
  AMAES_ASSIGN_OR_RETURN(const v1::GetDatasetVersionRequest request, ParseReference(reference));
  const auto stub = context.Stub<v1::DatasetService>();
  AMAES_ASSIGN_OR_RETURN(const v1::DatasetVersion v,
                         Call(*stub, &v1::DatasetService::Stub::GetDatasetVersion, request));
  if (volumes) {
    AMAES_RETURN_IF_ERROR(PrintVolumes(context, v));
    return kExitOk;
  }
  if (report) {
    AMAES_ASSIGN_OR_RETURN(const v1::IngestReport items, GetReport(context, request));
    if (context.json()) {
      std::cout << ToJson(items);
      return kExitOk;
    }
    std::cout << items.files() << " files = " << items.volumes() << " volumes + " << items.duplicates_size()
              << " duplicates + " << items.quarantined_size() << " quarantined + " << items.skipped_size()
              << " skipped by rule\n";
    PrintItems("quarantined", items.quarantined());
    PrintItems("duplicates", items.duplicates());
    PrintItems("skipped by rule", items.skipped());
    return kExitOk;
  }
  if (context.json()) {
    std::cout << ToJson(v);
    return kExitOk;
  }
  std::cout << FormatPairs(
      {{"dataset", absl::StrCat(v.name(), "@", v.version())},
       {"digest", v.digest()},
       {"contract", v.contract()},
       {"volumes",
        absl::StrFormat("%d (%d to train on, %d held out)", v.volumes(), v.training_volumes(), v.held_out_volumes())},
       {"subjects", absl::StrFormat("%d (%d held out)", v.subjects(), v.held_out_subjects())},
       {"not taken", absl::StrFormat("%d quarantined, %d duplicates, %d skipped by rule", v.quarantined(),
                                     v.duplicates(), v.skipped())},
       {"size", FormatBytes(v.stored_bytes())},
       {"made by", v.job().empty() ? v.made_by() : v.job()},
       {"created", FormatTime(v.create_time())},
       {"folder", v.has_retire_time() ? absl::StrCat("given up ", FormatTime(v.retire_time())) : v.folder()}});
  return kExitOk;
}

}  // namespace

void AddDatasetListCommands(CLI::App& datasets, Context& context) {
  {
    CLI::App* command =
        AddCommand(datasets, "ls", "Lists dataset versions, newest first", "amaes dataset ls --filter name=my-scans");
    auto filter = std::make_shared<std::string>();
    auto limit = std::make_shared<int>(50);
    command->add_option("--filter", *filter, "name=NAME");
    command->add_option("--limit", *limit, "At most so many")->check(CLI::Range(1, 1000))->capture_default_str();
    context.OnRun(command, [&context, filter, limit] { return List(context, *filter, *limit); });
  }
  {
    CLI::App* command = AddCommand(datasets, "show", "Shows a dataset version, its volumes or its ingest report",
                                   "amaes dataset show my-scans@1 --report");
    auto reference = std::make_shared<std::string>();
    auto volumes = std::make_shared<bool>(false);
    auto report = std::make_shared<bool>(false);
    command->add_option("dataset", *reference, "NAME (newest) or NAME@VERSION")->required();
    auto* volumes_flag = command->add_flag("--volumes", *volumes, "Lists the volumes");
    command->add_flag("--report", *report, "Lists what became of every file that is no volume")->excludes(volumes_flag);
    context.OnRun(command,
                  [&context, reference, volumes, report] { return Show(context, *reference, *volumes, *report); });
  }
}

}  // namespace amaes
