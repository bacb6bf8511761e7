// dataset add: a job that makes a version, or a look at what it would do
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/base/format.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/ingest_plan.h"
#include "libs/volume/spacing.h"
#include "nlohmann/json.hpp"
#include "proto/amaes/v1/jobs.pb.h"
#include "services/agent/ingest_worker.h"
#include "services/cli/context.h"
#include "services/cli/dataset_view.h"
#include "services/cli/exit_codes.h"
#include "services/cli/home.h"
#include "services/cli/output.h"
#include "services/cli/progress_view.h"
#include "services/cli/submit.h"
#include "services/cli/watch.h"

namespace amaes {
namespace {

constexpr std::size_t kReasonsShown = 10;

struct AddFlags {
  std::string name, from, layout = "auto", source, contract = "amaes", spacing = "1", frames = "first",
                          nonfinite = "repair", request_id;
  std::vector<std::string> assignments;
  std::int64_t workers = 1;
  double held_out = 0;
  bool reference_crop = false, no_labels = false, wait = false, dry_run = false;
};

std::vector<std::string> Assignments(const AddFlags& flags, const std::string& from) {
  std::vector<std::string> out = {"kind=ingest",
                                  absl::StrCat("dataset=", flags.name),
                                  absl::StrCat("from=", from),
                                  absl::StrCat("layout=", flags.layout),
                                  absl::StrCat("contract=", flags.contract),
                                  absl::StrCat("spacing=", flags.spacing),
                                  absl::StrCat("frames=", flags.frames),
                                  absl::StrCat("nonfinite=", flags.nonfinite),
                                  absl::StrCat("labels=", flags.no_labels ? "false" : "true"),
                                  absl::StrCat("held_out_share=", flags.held_out),
                                  absl::StrCat("workers=", flags.workers),
                                  absl::StrCat("reference_crop=", flags.reference_crop ? "true" : "false")};
  if (!flags.source.empty()) out.push_back(absl::StrCat("source=", flags.source));
  out.insert(out.end(), flags.assignments.begin(), flags.assignments.end());
  return out;
}

using Counts = std::map<std::string, std::int64_t>;

std::vector<std::pair<std::string, std::int64_t>> MostFrequent(const Counts& counts) {
  std::vector<std::pair<std::string, std::int64_t>> out(counts.begin(), counts.end());
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return out;
}

// What a plan says, counted.
struct PlanCounts {
  Counts scans;       // "COLLECTION  MODALITY"
  Counts skipped;     // by rule
  Counts unreadable;  // by what is wrong with the header
};

PlanCounts CountPlan(const IngestPlan& plan) {
  PlanCounts out;
  for (const ScanFile& item : plan.items) {
    ++out.scans[item.collection.empty() ? item.modality : absl::StrCat(item.collection, " ", item.modality)];
  }
  for (const auto& [source, rule] : plan.skipped) ++out.skipped[rule];
  for (const HeaderFacts& header : plan.headers) {
    if (header.ok() || absl::IsFailedPrecondition(header.status())) continue;
    ++out.unreadable[std::string(header.status().message())];
  }
  return out;
}

void PrintCounts(const std::string& title, const Counts& counts) {
  if (counts.empty()) return;
  std::int64_t total = 0;
  for (const auto& [what, count] : counts) total += count;
  std::cout << "\n" << title << " (" << FormatCount(total) << ")\n";
  std::size_t shown = 0;
  for (const auto& [what, count] : MostFrequent(counts)) {
    if (++shown > kReasonsShown) {
      std::cout << "  … and " << counts.size() - kReasonsShown << " more\n";
      break;
    }
    std::cout << absl::StrFormat("%9s  %s\n", FormatCount(count), what);
  }
}

// Why the folder was taken for what it was taken for; "" where a user said so.
std::string LayoutReason(const IngestSpec& job) {
  if (job.layout != "auto" || !job.source.empty()) return "";
  const auto recognised = RecogniseLayouts(job.from);
  if (recognised.empty() || recognised.front().second.certainty == 0) return "";
  return recognised.front().second.reason;
}

void PrintPlan(const IngestPlan& plan, const std::string& layout_reason, int cores, std::int64_t free_bytes) {
  const IngestEstimate& e = plan.estimate;
  const PlanCounts counts = CountPlan(plan);
  const std::string mm = SpacingText(plan.contract.spacing_mm);
  std::cout << FormatPairs(
      {{"layout", layout_reason.empty() ? plan.layout : absl::StrCat(plan.layout, ": ", layout_reason)},
       {"scans", FormatCount(static_cast<std::int64_t>(plan.items.size()))},
       {"contract", absl::StrCat(plan.contract.name, ", spacing ", mm, mm == "native" ? "" : " mm")},
       {"headers", absl::StrCat(FormatCount(e.inspected), " of ", FormatCount(e.items), " inspected")},
       {"voxels",
        absl::StrFormat("%s to read, about %s stored", FormatCount(e.source_voxels), FormatCount(e.stored_voxels))},
       {"disk", absl::StrCat("about ", FormatBytes(e.disk_bytes), " (", FormatBytes(free_bytes), " free here)")},
       {"time", absl::StrFormat("about %s on %d cores", FormatDuration(e.core_seconds / cores), cores)}});
  if (const absl::Status fits = CheckDiskSpace(e, free_bytes); !fits.ok()) {
    std::cout << "\nwarning: " << fits.message() << "\n";
  }
  PrintCounts("scans", counts.scans);
  PrintCounts("not scans", counts.skipped);
  PrintCounts("scans that would be quarantined, by their headers", counts.unreadable);
  for (const std::string& finding : plan.findings) std::cout << "note: " << finding << "\n";
}

std::string PlanJson(const IngestPlan& plan, int cores, std::int64_t free_bytes) {
  const IngestEstimate& e = plan.estimate;
  const PlanCounts counts = CountPlan(plan);
  const nlohmann::json out = {{"layout", plan.layout},
                              {"scans", plan.items.size()},
                              {"contract", nlohmann::json::parse(ContractJson(plan.contract))},
                              {"inspected", e.inspected},
                              {"source_voxels", e.source_voxels},
                              {"stored_voxels", e.stored_voxels},
                              {"disk_bytes", e.disk_bytes},
                              {"free_bytes", free_bytes},
                              {"fits", CheckDiskSpace(e, free_bytes).ok()},
                              {"cores", cores},
                              {"seconds", e.core_seconds / cores},
                              {"counts", counts.scans},
                              {"skipped", counts.skipped},
                              {"unreadable", counts.unreadable},
                              {"findings", plan.findings}};
  return absl::StrCat(out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace), "\n");
}

// Lists and looks at headers on this machine; nothing is read, written or sent.
absl::StatusOr<int> DryRun(Context& context, const JobSpec& spec) {
  AMAES_ASSIGN_OR_RETURN(IngestOptions options, IngestOptionsOf(spec.ingest));
  options.cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  AMAES_ASSIGN_OR_RETURN(const IngestPlan plan, PlanIngest(options, nullptr, [&](std::int64_t, std::int64_t) {
                           return !context.interrupts().stop();
                         }));
  std::error_code error;
  std::filesystem::path home = ResolveHome(context.home_flag);
  while (!std::filesystem::exists(home, error) && home.has_relative_path()) home = home.parent_path();
  const auto free_bytes = static_cast<std::int64_t>(std::filesystem::space(home, error).available);
  if (context.json()) {
    std::cout << PlanJson(plan, options.cores, free_bytes);
  } else {
    PrintPlan(plan, LayoutReason(spec.ingest), options.cores, free_bytes);
  }
  return kExitOk;
}

absl::StatusOr<int> Add(Context& context, const AddFlags& flags) {
  std::error_code error;
  const std::filesystem::path from = std::filesystem::canonical(flags.from, error);
  if (error) return absl::NotFoundError(absl::StrCat("--from ", flags.from, ": ", error.message()));
  const ParsedSpec parsed = ParseSpec("", Assignments(flags, from.string()));
  if (flags.dry_run) {
    std::vector<SpecProblem> problems = parsed.problems;
    for (const SpecProblem& problem : ValidateSpec(parsed.spec)) problems.push_back(problem);
    if (!problems.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(problems[0].field, ": ", problems[0].message));
    }
    return DryRun(context, parsed.spec);
  }
  AMAES_ASSIGN_OR_RETURN(const v1::CreateJobResponse response, CreateJob(context, parsed, flags.request_id, false));
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

}  // namespace

void AddDatasetAddCommand(CLI::App& datasets, Context& context) {
  CLI::App* command =
      AddCommand(datasets, "add",
                 "Adds a folder of scans to a dataset: a job that makes its next version. Files that it "
                 "knows are not read again",
                 "amaes dataset add my-scans --from /data/scans --dry-run\n"
                 "  amaes dataset add my-scans --from /data/scans --wait");
  auto flags = std::make_shared<AddFlags>();
  command->add_option("name", flags->name, "Name of the dataset")->required();
  command->add_option("--from", flags->from, "Folder with the scans, or a list of them")->required();
  command->add_option("--layout", flags->layout, "How the scans lie there; auto: found out")->capture_default_str();
  command->add_option("--source", flags->source, "A public collection that the folder should be, e.g. brains-45k");
  command->add_option("--contract", flags->contract, "Preprocessing: amaes or zscore")->capture_default_str();
  command->add_option("--spacing", flags->spacing, "Millimetres (1, 1x1x2), median of the scans, or native")
      ->capture_default_str();
  command->add_option("--frames", flags->frames, "Of a 4D file: first, split (a volume each) or refuse")
      ->capture_default_str();
  command->add_option("--nonfinite", flags->nonfinite, "NaN and infinities: repair (0 instead) or quarantine")
      ->capture_default_str();
  command
      ->add_option("--held-out", flags->held_out,
                   "Share of subjects kept apart, e.g. 0.25 as a test set (default: 1 %, at least 5)")
      ->check(CLI::Range(0.0, 0.9));
  command->add_flag("--no-labels", flags->no_labels, "Leave label maps and masks out");
  command->add_flag("--reference-crop", flags->reference_crop, "Crop as the reference does, one voxel too large");
  command->add_option("--workers", flags->workers, "Slots that read at the same time")->capture_default_str();
  command->add_option("--set", flags->assignments, "A further field of the spec, e.g. memory_limit_mib=8192")
      ->expected(1)
      ->take_all();
  command->add_option("--request-id", flags->request_id, "Makes a repeated call harmless");
  command->add_flag("--dry-run", flags->dry_run,
                    "Only list, look at headers and estimate, here and now; starts no job");
  command->add_flag("--wait", flags->wait, "Follows the job to its end and lists quarantined files");
  context.OnRun(command, [&context, flags] { return Add(context, *flags); });
}

}  // namespace amaes
