// dataset add | ls | show, phantom
#include <filesystem>
#include <iostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/volume/nifti.h"
#include "libs/volume/phantom.h"
#include "proto/amaes/v1/datasets.grpc.pb.h"
#include "services/cli/context.h"
#include "services/cli/exit_codes.h"
#include "services/cli/output.h"
#include "services/cli/progress_view.h"
#include "services/cli/submit.h"
#include "services/cli/watch.h"

namespace amaes {
namespace {

struct AddFlags {
  std::string name, from, layout = "auto", contract = "amaes", request_id;
  std::vector<std::string> assignments;
  bool reference_crop = false, wait = false;
};

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

absl::StatusOr<int> Add(Context& context, const AddFlags& flags) {
  std::error_code error;
  const std::filesystem::path from = std::filesystem::canonical(flags.from, error);
  if (error) return absl::NotFoundError(absl::StrCat("--from ", flags.from, ": ", error.message()));
  std::vector<std::string> assignments = {
      "kind=ingest", absl::StrCat("dataset=", flags.name), absl::StrCat("from=", from.string()),
      absl::StrCat("layout=", flags.layout), absl::StrCat("contract=", flags.contract),
      absl::StrCat("reference_crop=", flags.reference_crop ? "true" : "false")};
  assignments.insert(assignments.end(), flags.assignments.begin(), flags.assignments.end());
  AMAES_ASSIGN_OR_RETURN(const v1::CreateJobResponse response,
                         CreateJob(context, ParseSpec("", assignments), flags.request_id, false));
  if (!flags.wait) {
    std::cout << (context.json() ? ToJson(response) : absl::StrCat(response.job().id(), "\n"));
    if (!context.json()) std::cerr << "watch it: amaes job watch " << response.job().id() << "\n";
    return kExitOk;
  }
  AMAES_ASSIGN_OR_RETURN(const v1::Job job, WatchToEnd(context, response.job().id()));
  std::cout << (context.json() ? ToJson(job) : absl::StrCat(RenderOutcome(job), "\n"));
  if (!context.json() && job.ingest().quarantined() > 0 && !job.dataset_version().empty()) {
    AMAES_ASSIGN_OR_RETURN(const v1::GetDatasetVersionRequest reference, ParseReference(job.dataset_version()));
    AMAES_ASSIGN_OR_RETURN(const v1::IngestReport report, GetReport(context, reference));
    PrintItems("quarantined", report.quarantined());
  }
  return ExitCodeOfJob(job);
}

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
                    v.digest().substr(0, 12), FormatTime(v.create_time())});
  }
  std::cout << FormatTable({"DATASET", "VOLUMES", "SUBJECTS", "HELD OUT", "QUARANTINED", "SIZE", "DIGEST", "CREATED"}, rows);
  return kExitOk;
}

absl::StatusOr<v1::ListVolumesResponse> AllVolumes(Context& context, const v1::DatasetVersion& version) {
  const auto stub = context.Stub<v1::DatasetService>();
  v1::ListVolumesRequest request;
  request.set_name(version.name());
  request.set_version(version.version());
  request.set_page_size(1000);
  v1::ListVolumesResponse all;
  do {
    AMAES_ASSIGN_OR_RETURN(const v1::ListVolumesResponse page, Call(*stub, &v1::DatasetService::Stub::ListVolumes, request));
    all.MergeFrom(page);
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  all.clear_next_page_token();
  return all;
}

absl::Status PrintVolumes(Context& context, const v1::DatasetVersion& version) {
  AMAES_ASSIGN_OR_RETURN(const v1::ListVolumesResponse volumes, AllVolumes(context, version));
  if (context.json()) {
    std::cout << ToJson(volumes);
    return absl::OkStatus();
  }
  std::vector<std::vector<std::string>> rows;
  for (const v1::Volume& v : volumes.volumes()) {
    rows.push_back({v.subject(), v.session().empty() ? "-" : v.session(), v.modality(), absl::StrJoin(v.shape(), "x"), v.split(),
                    FormatBytes(v.stored_bytes()), v.source()});
  }
  std::cout << FormatTable({"SUBJECT", "SESSION", "MODALITY", "SHAPE", "SPLIT", "SIZE", "SOURCE"}, rows);
  return absl::OkStatus();
}

absl::StatusOr<int> Show(Context& context, const std::string& reference, bool volumes, bool report) {
  AMAES_ASSIGN_OR_RETURN(const v1::GetDatasetVersionRequest request, ParseReference(reference));
  const auto stub = context.Stub<v1::DatasetService>();
  AMAES_ASSIGN_OR_RETURN(const v1::DatasetVersion v, Call(*stub, &v1::DatasetService::Stub::GetDatasetVersion, request));
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
    std::cout << items.files() << " files = " << items.volumes() << " volumes + " << items.duplicates_size() << " duplicates + "
              << items.quarantined_size() << " quarantined + " << items.skipped_size() << " skipped by rule\n";
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
       {"volumes", absl::StrFormat("%d (%d to train on, %d held out)", v.volumes(), v.training_volumes(), v.held_out_volumes())},
       {"subjects", absl::StrFormat("%d (%d held out)", v.subjects(), v.held_out_subjects())},
       {"not taken", absl::StrFormat("%d quarantined, %d duplicates, %d skipped by rule", v.quarantined(), v.duplicates(),
                                     v.skipped())},
       {"size", FormatBytes(v.stored_bytes())},
       {"made by", v.job()},
       {"created", FormatTime(v.create_time())},
       {"folder", v.folder()}});
  return kExitOk;
}

struct PhantomFlags {
  std::string to;
  int subjects = 8;
  std::uint64_t seed = 1;
  bool labels = false;
};

absl::StatusOr<int> WritePhantoms(const PhantomFlags& flags) {
  AMAES_RETURN_IF_ERROR(files::MakeFolders(flags.to));
  PhantomOptions options;
  options.seed = flags.seed;
  for (int subject = 0; subject < flags.subjects; ++subject) {
    const Phantom phantom = MakePhantom(subject, options);
    const std::string stem = absl::StrFormat("%s/sub-phantom%03d", flags.to, subject);
    for (std::size_t i = 0; i < phantom.images.size(); ++i) {
      AMAES_RETURN_IF_ERROR(WriteNifti(absl::StrCat(stem, "_", phantom.contrasts[i], ".nii.gz"), phantom.images[i]));
    }
    if (flags.labels) AMAES_RETURN_IF_ERROR(WriteNifti(absl::StrCat(stem, "_label.nii.gz"), phantom.labels));
  }
  return kExitOk;
}

}  // namespace

void AddDatasetCommands(CLI::App& app, Context& context) {
  CLI::App* datasets = AddCommand(app, "dataset", "Datasets: add scans, list, show", "amaes dataset ls");
  datasets->require_subcommand(1);
  {
    CLI::App* command = AddCommand(*datasets, "add", "Makes a dataset version of a folder of scans (a job of kind ingest)",
                                   "amaes dataset add my-scans --from /data/scans --wait");
    auto flags = std::make_shared<AddFlags>();
    command->add_option("name", flags->name, "Name of the dataset")->required();
    command->add_option("--from", flags->from, "Folder with the scans (NIfTI-1/2, ANALYZE)")->required();
    command->add_option("--layout", flags->layout, "How the scans lie there: auto or folder")->capture_default_str();
    command->add_option("--contract", flags->contract, "Preprocessing: amaes")->capture_default_str();
    command->add_flag("--reference-crop", flags->reference_crop, "Crop as the reference does, one voxel too large");
    command->add_option("--set", flags->assignments, "A further field of the spec, e.g. memory_limit_mib=8192")
        ->expected(1)
        ->take_all();
    command->add_option("--request-id", flags->request_id, "Makes a repeated call harmless");
    command->add_flag("--wait", flags->wait, "Follows the job to its end and lists quarantined files");
    context.OnRun(command, [&context, flags] { return Add(context, *flags); });
  }
  {
    CLI::App* command = AddCommand(*datasets, "ls", "Lists dataset versions, newest first", "amaes dataset ls --filter name=my-scans");
    auto filter = std::make_shared<std::string>();
    auto limit = std::make_shared<int>(50);
    command->add_option("--filter", *filter, "name=NAME");
    command->add_option("--limit", *limit, "At most so many")->check(CLI::Range(1, 1000))->capture_default_str();
    context.OnRun(command, [&context, filter, limit] { return List(context, *filter, *limit); });
  }
  {
    CLI::App* command = AddCommand(*datasets, "show", "Shows a dataset version, its volumes or its ingest report",
                                   "amaes dataset show my-scans@1 --report");
    auto reference = std::make_shared<std::string>();
    auto volumes = std::make_shared<bool>(false);
    auto report = std::make_shared<bool>(false);
    command->add_option("dataset", *reference, "NAME (newest) or NAME@VERSION")->required();
    auto* volumes_flag = command->add_flag("--volumes", *volumes, "Lists the volumes");
    command->add_flag("--report", *report, "Lists what became of every file that is no volume")->excludes(volumes_flag);
    context.OnRun(command, [&context, reference, volumes, report] { return Show(context, *reference, *volumes, *report); });
  }
  {
    CLI::App* command = AddCommand(app, "phantom", "Writes brain-like phantoms (T1w, T2w, FLAIR), to try things out",
                                   "amaes phantom --to /tmp/phantoms --subjects 8");
    auto flags = std::make_shared<PhantomFlags>();
    command->add_option("--to", flags->to, "Folder")->required();
    command->add_option("--subjects", flags->subjects, "How many")->check(CLI::Range(1, 10000))->capture_default_str();
    command->add_option("--seed", flags->seed, "Another seed, other brains")->capture_default_str();
    command->add_flag("--labels", flags->labels, "Label maps too");
    context.OnRun(command, [flags] { return WritePhantoms(*flags); });
  }
}

}  // namespace amaes
