// dataset report
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/base/subprocess.h"
#include "libs/dataset/folder_digests.h"
#include "libs/dataset/leakage.h"
#include "libs/dataset/report.h"
#include "libs/rpc/convert.h"
#include "services/cli/dataset_view.h"
#include "services/cli/exit_codes.h"
#include "services/cli/output.h"

namespace amaes {
namespace {

struct ReportFlags {
  std::string dataset, html, against, against_folder, layout = "auto";
  int limit = 20;
};

constexpr absl::Duration kDeadline = absl::Minutes(5);

// What the coordinator knows of one version.
struct Fetched {
  v1::DatasetVersion version;
  DatasetReport report;
};

absl::StatusOr<v1::DatasetVersion> GetVersion(Context& context, const std::string& reference) {
  AMAES_ASSIGN_OR_RETURN(const v1::GetDatasetVersionRequest request, ParseReference(reference));
  const auto stub = context.Stub<v1::DatasetService>();
  return Call(*stub, &v1::DatasetService::Stub::GetDatasetVersion, request);
}

v1::GetDatasetVersionRequest RequestOf(const v1::DatasetVersion& version) {
  v1::GetDatasetVersionRequest request;
  request.set_name(version.name());
  request.set_version(version.version());
  return request;
}

absl::StatusOr<Fetched> Fetch(Context& context, const std::string& reference) {
  Fetched out;
  AMAES_ASSIGN_OR_RETURN(out.version, GetVersion(context, reference));
  const auto stub = context.Stub<v1::DatasetService>();
  CallOptions options;
  options.deadline = kDeadline;
  AMAES_ASSIGN_OR_RETURN(const v1::DatasetReport counts,
                         Call(*stub, &v1::DatasetService::Stub::GetDatasetReport, RequestOf(out.version), options));
  AMAES_ASSIGN_OR_RETURN(const v1::IngestReport ingest, GetReport(context, RequestOf(out.version)));
  out.report = ToDatasetReport(counts);
  out.report.ingest = ToIngestReport(ingest);
  return out;
}

absl::StatusOr<std::vector<ScanIdentity>> FetchIdentities(Context& context, const v1::DatasetVersion& version) {
  AMAES_ASSIGN_OR_RETURN(const v1::ListVolumesResponse volumes, AllVolumes(context, version));
  std::vector<ScanIdentity> out;
  for (const v1::Volume& v : volumes.volumes()) out.push_back({v.subject(), v.source(), v.voxel_digest()});
  return out;
}

absl::StatusOr<std::vector<SheetRow>> FetchSheet(Context& context, const v1::DatasetVersion& version) {
  const auto stub = context.Stub<v1::DatasetService>();
  grpc::ClientContext call;
  const auto stream = stub->ReadContactSheet(&call, RequestOf(version));
  const Interrupts::Scope cancel(context.interrupts(), [&call] { call.TryCancel(); });
  std::vector<SheetRow> rows;
  v1::ContactSheetRow row;
  while (stream->Read(&row)) {
    SheetRow& out = rows.emplace_back();
    out.volume = row.volume();
    out.subject = row.subject();
    out.session = row.session();
    out.modality = row.modality();
    out.source = row.source();
    for (int a = 0; a < 3 && a < row.shape_size(); ++a) out.shape[static_cast<std::size_t>(a)] = row.shape(a);
    out.flags.assign(row.flags().begin(), row.flags().end());
    out.axial = row.axial();
    out.coronal = row.coronal();
    out.sagittal = row.sagittal();
    out.problem = row.problem();
  }
  const absl::Status end = FromGrpcStatus(stream->Finish());
  if (!end.ok()) return end;
  return rows;
}

absl::StatusOr<LeakageReport> Compare(Context& context, const v1::DatasetVersion& version, const ReportFlags& flags) {
  AMAES_ASSIGN_OR_RETURN(const v1::DatasetVersion other, GetVersion(context, flags.against));
  AMAES_ASSIGN_OR_RETURN(const std::vector<ScanIdentity> own, FetchIdentities(context, version));
  AMAES_ASSIGN_OR_RETURN(const std::vector<ScanIdentity> others, FetchIdentities(context, other));
  LeakageReport leakage = FindLeakage(own, others);
  leakage.other = absl::StrCat(other.name(), "@", other.version());
  return leakage;
}

// A folder of its own below the system's folder for temporary files, removed at the end.
class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "amaes-report-XXXXXX").string();
    if (const char* made = mkdtemp(pattern.data()); made != nullptr) path_ = made;
  }
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::filesystem::path& path() const { return path_; }  // empty: it cannot be made

 private:
  std::filesystem::path path_;
};

absl::StatusOr<LeakageReport> CompareFolder(Context& context, const v1::DatasetVersion& version,
                                            const ReportFlags& flags) {
  std::error_code error;
  FolderDigestOptions options;
  options.from = std::filesystem::canonical(flags.against_folder, error);
  if (error) return absl::NotFoundError(absl::StrCat("--against-folder ", flags.against_folder, ": ", error.message()));
  const Scratch scratch;
  if (scratch.path().empty()) return absl::UnavailableError("no temporary folder can be made: is TMPDIR writable?");
  options.layout = flags.layout;
  options.scratch = scratch.path();
  options.processes = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  options.child_command = {OwnProgram(), "ingest-child"};
  AMAES_ASSIGN_OR_RETURN(const std::vector<ScanIdentity> own, FetchIdentities(context, version));
  const bool live = isatty(STDERR_FILENO) == 1;
  const absl::StatusOr<FolderDigests> folder =
      DigestFolder(options, SystemClock(), [&](std::int64_t done, std::int64_t all) {
        if (live) std::cerr << "\r\x1b[K" << done << " of " << all << " scans read" << std::flush;
        return !context.interrupts().stop();
      });
  if (live) std::cerr << "\r\x1b[K" << std::flush;
  if (!folder.ok()) return folder.status();
  LeakageReport leakage = FindLeakage(own, folder->scans);
  leakage.other = absl::StrCat(options.from.string(), " (layout ", folder->layout, ")");
  leakage.unread = folder->unread;
  return leakage;
}

absl::StatusOr<int> Report(Context& context, const ReportFlags& flags) {
  AMAES_ASSIGN_OR_RETURN(Fetched fetched, Fetch(context, flags.dataset));
  if (!flags.against.empty()) {
    AMAES_ASSIGN_OR_RETURN(fetched.report.leakage, Compare(context, fetched.version, flags));
  }
  if (!flags.against_folder.empty()) {
    AMAES_ASSIGN_OR_RETURN(fetched.report.leakage, CompareFolder(context, fetched.version, flags));
  }
  if (!flags.html.empty()) {
    AMAES_ASSIGN_OR_RETURN(const std::vector<SheetRow> sheet, FetchSheet(context, fetched.version));
    AMAES_RETURN_IF_ERROR(files::WriteAtomic(flags.html, ReportHtml(fetched.report, sheet)));
    std::cerr << "wrote " << flags.html << "\n";
    if (!context.json()) return kExitOk;
  }
  std::cout << (context.json() ? DatasetReportJson(fetched.report) : ReportText(fetched.report, flags.limit));
  return kExitOk;
}

}  // namespace

void AddDatasetReportCommand(CLI::App& datasets, Context& context) {
  CLI::App* command = AddCommand(
      datasets, "report", "Counts, histograms, quarantined files, pictures; and what is shared with another dataset",
      "amaes dataset report my-scans --html report.html --against my-test-set");
  auto flags = std::make_shared<ReportFlags>();
  command->add_option("dataset", flags->dataset, "NAME (newest) or NAME@VERSION")->required();
  command->add_option("--html", flags->html, "Writes one self-contained page with pictures to this file");
  CLI::Option* against =
      command->add_option("--against", flags->against, "NAME[@VERSION]: names the volumes and subjects that both have");
  command
      ->add_option("--against-folder", flags->against_folder,
                   "A folder of scans on this machine: reads them here and names what the dataset has of them")
      ->excludes(against);
  command->add_option("--layout", flags->layout, "How the scans lie in that folder")->capture_default_str();
  command->add_option("--limit", flags->limit, "Lines per list in the terminal")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  context.OnRun(command, [&context, flags] { return Report(context, *flags); });
}

}  // namespace amaes
