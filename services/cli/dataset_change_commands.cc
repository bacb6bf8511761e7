// dataset verify | exclude | forget | rm
#include <unistd.h>

#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "libs/base/clock.h"
#include "libs/base/format.h"
#include "libs/base/status_macros.h"
#include "services/cli/dataset_view.h"
#include "services/cli/exit_codes.h"
#include "services/cli/output.h"

namespace amaes {
namespace {

// Catalogues are read, files removed: with many volumes that takes its time.
constexpr absl::Duration kChangeDeadline = absl::Minutes(30);

struct ChangeFlags {
  std::string name, reason, request_id, filter;
  std::vector<std::string> subjects, files, volumes;
  bool dry_run = false;
};

v1::ChangeDatasetRequest RequestOf(const ChangeFlags& flags) {
  v1::ChangeDatasetRequest request;
  request.set_name(flags.name);
  request.set_reason(flags.reason);
  request.set_validate_only(flags.dry_run);
  request.set_request_id(flags.request_id.empty() ? NewRequestId() : flags.request_id);
  v1::VolumeSelector* selector = request.mutable_selector();
  for (const std::string& subject : flags.subjects) selector->add_subjects(subject);
  for (const std::string& file : flags.files) selector->add_files(file);
  for (const std::string& volume : flags.volumes) selector->add_volumes(volume);
  selector->set_filter(flags.filter);
  return request;
}

std::string Versions(const std::string& name, const google::protobuf::RepeatedField<std::int64_t>& versions) {
  return absl::StrJoin(versions, ", ", [&](std::string* out, std::int64_t v) { absl::StrAppend(out, name, "@", v); });
}

void PrintWitnesses(const v1::DatasetChange& change) {
  if (change.witnesses().empty()) return;
  std::vector<std::vector<std::string>> rows;
  for (const auto& w : change.witnesses()) {
    rows.push_back({w.job(), w.checkpoint().empty() ? "(the job)" : w.checkpoint(), w.dataset_version(), w.saw()});
  }
  std::cout << "\njobs and checkpoints of versions that held it\n"
            << FormatTable({"JOB", "CHECKPOINT", "DATASET", "SAW IT"}, rows)
            << "trained: a ledger shows that it was read   not_read: a ledger shows that it was not\n"
               "held_out: validation alone used it           unknown: nothing is left to tell\n";
}

// "1 volume", "3 volumes".
std::string Counted(std::int64_t count, const std::string& what) {
  return absl::StrCat(count, " ", what, count == 1 ? "" : "s");
}

void PrintChange(const v1::DatasetChange& change, bool dry_run) {
  for (const auto& selected : change.selected()) {
    std::cout << "  " << selected.source() << "   " << selected.volume().substr(0, 12) << "   in "
              << Versions(change.name(), selected.versions()) << "\n";
  }
  if (change.selected_size() < change.selected_volumes()) {
    std::cout << "  … and " << change.selected_volumes() - change.selected_size() << " more\n";
  }
  if (change.nothing_to_do()) {
    std::cout << "nothing to do: it was excluded before\n";
    return;
  }
  if (change.selected_volumes() > 0) {
    std::cout << Counted(change.selected_volumes(), "volume") << " of "
              << Counted(change.selected_subjects(), "subject") << "\n";
  }
  if (change.version() > 0) {
    std::cout << (dry_run ? "would make " : "made ") << change.name() << "@" << change.version() << ": "
              << change.name() << "@" << change.base_version() << " without "
              << Counted(change.excluded_volumes(), "volume") << "\n";
  }
  if (!change.retired_versions().empty()) {
    std::cout << (dry_run ? "would retire " : "retired ") << Versions(change.name(), change.retired_versions())
              << " (records stay)\n"
              << (dry_run ? "would remove " : "removed ") << Counted(change.removed_volumes(), "stored volume") << ", "
              << FormatBytes(change.removed_bytes()) << "; " << change.kept_volumes()
              << " stay, since others need them\n";
    for (const auto& kept : change.kept()) {
      std::cout << "  " << kept.volume().substr(0, 12) << "   needed by " << kept.needed_by() << "\n";
    }
  }
  for (const std::string& note : change.notes()) std::cout << "note: " << note << "\n";
  PrintWitnesses(change);
  if (!change.jobs_in_use().empty()) {
    std::cout << "\nwould be refused: " << absl::StrJoin(change.jobs_in_use(), ", ") << " has not ended\n";
  }
  if (change.replayed()) std::cout << "(an earlier call with this request id had done it)\n";
}

absl::StatusOr<int> Finish(Context& context, const absl::StatusOr<v1::DatasetChange>& change, bool dry_run) {
  if (!change.ok()) return change.status();
  if (context.json()) {
    std::cout << ToJson(*change);
  } else {
    PrintChange(*change, dry_run);
  }
  return change->jobs_in_use().empty() ? kExitOk : kExitConflict;
}

CallOptions Patient() {
  CallOptions options;
  options.deadline = kChangeDeadline;
  return options;
}

using Change = grpc::Status (v1::DatasetService::Stub::*)(grpc::ClientContext*, const v1::ChangeDatasetRequest&,
                                                          v1::DatasetChange*);

void AddSelectorCommand(CLI::App& datasets, Context& context, const std::string& name, const std::string& text,
                        Change method) {
  CLI::App* command = AddCommand(
      datasets, name, text,
      absl::StrCat("amaes dataset ", name, " my-scans --subject sub-042 --reason \"consent withdrawn\" --dry-run"));
  auto flags = std::make_shared<ChangeFlags>();
  command->add_option("dataset", flags->name, "Name of the dataset")->required();
  command->add_option("--subject", flags->subjects, "Subject as in `amaes dataset show --volumes`; may be repeated");
  command->add_option("--file", flags->files, "Shell pattern over the source files; * also matches /; may be repeated");
  command->add_option("--volume", flags->volumes,
                      "Name of a stored volume, or its first eight digits; may be repeated");
  command->add_option("--filter", flags->filter, "Catalogue fields, e.g. \"modality=T1w|T2w foreground_share<0.1\"");
  command->add_option("--reason", flags->reason, "Why; kept with the dataset")->required();
  command->add_flag("--dry-run", flags->dry_run, "Says what would happen, changes nothing");
  command->add_option("--request-id", flags->request_id, "Makes a repeated call harmless");
  context.OnRun(command, [&context, flags, method]() -> absl::StatusOr<int> {
    const auto stub = context.Stub<v1::DatasetService>();
    return Finish(context, Call(*stub, method, RequestOf(*flags), Patient()), flags->dry_run);
  });
}

absl::StatusOr<int> Remove(Context& context, const std::string& reference, const ChangeFlags& flags) {
  AMAES_ASSIGN_OR_RETURN(const v1::GetDatasetVersionRequest parsed, ParseReference(reference));
  v1::RemoveDatasetRequest request;
  request.set_name(parsed.name());
  request.set_version(parsed.version());
  request.set_validate_only(flags.dry_run);
  request.set_request_id(flags.request_id.empty() ? NewRequestId() : flags.request_id);
  const auto stub = context.Stub<v1::DatasetService>();
  return Finish(context, Call(*stub, &v1::DatasetService::Stub::RemoveDataset, request, Patient()), flags.dry_run);
}

std::string VerifyLine(const v1::VerifyDatasetUpdate& update, absl::Duration elapsed) {
  const double seconds = absl::ToDoubleSeconds(elapsed);
  const double rate = seconds > 0 ? static_cast<double>(update.bytes_done()) / seconds : 0;
  const double left = rate > 0 ? static_cast<double>(update.bytes() - update.bytes_done()) / rate : 0;
  return absl::StrCat(FormatCount(update.done()), " of ", FormatCount(update.volumes()), " files, ",
                      FormatBytes(update.bytes_done()), " of ", FormatBytes(update.bytes()), ", ",
                      FormatCount(update.damaged()), " damaged", left >= 1 ? ", " : "",
                      left >= 1 ? absl::StrCat(FormatDuration(left), " left") : "");
}

absl::StatusOr<int> Verify(Context& context, const std::string& reference) {
  AMAES_ASSIGN_OR_RETURN(const v1::GetDatasetVersionRequest parsed, ParseReference(reference));
  v1::VerifyDatasetRequest request;
  request.set_name(parsed.name());
  request.set_version(parsed.version());
  const auto stub = context.Stub<v1::DatasetService>();
  grpc::ClientContext call;
  const auto stream = stub->VerifyDataset(&call, request);
  const Interrupts::Scope cancel(context.interrupts(), [&call] { call.TryCancel(); });
  const bool live = isatty(STDERR_FILENO) == 1 && !context.json();
  const absl::Duration begin = SystemClock().Monotonic();
  v1::VerifyDatasetUpdate update, all;
  while (stream->Read(&update)) {
    all.MergeFrom(update);
    if (live) std::cerr << "\r\x1b[K" << VerifyLine(update, SystemClock().Monotonic() - begin) << std::flush;
    if (context.json()) continue;
    for (const auto& damage : update.damage()) {
      if (live) std::cerr << "\r\x1b[K";
      std::cout << "damaged: " << damage.source() << " (subject " << damage.subject() << "), " << damage.part() << " "
                << damage.volume().substr(0, 16)
                << (damage.chunk() >= 0 ? absl::StrCat(", chunk ", damage.chunk()) : std::string()) << ": "
                << damage.problem() << std::endl;
    }
  }
  if (live) std::cerr << "\r\x1b[K" << std::flush;
  AMAES_RETURN_IF_ERROR(FromGrpcStatus(stream->Finish()));
  if (!all.finished()) return absl::UnavailableError("the coordinator ended the verification early; start it again");
  if (context.json()) {
    std::cout << ToJson(all);
  } else {
    std::cout << all.dataset_version() << ": " << VerifyLine(update, absl::ZeroDuration()) << "\n";
  }
  return all.damaged() == 0 ? kExitOk : kExitDataLoss;
}

}  // namespace

void AddDatasetChangeCommands(CLI::App& datasets, Context& context) {
  {
    CLI::App* command = AddCommand(datasets, "verify",
                                   "Reads every stored byte of a version and names what is damaged; ends with 7 if "
                                   "anything is",
                                   "amaes dataset verify my-scans@2");
    auto reference = std::make_shared<std::string>();
    command->add_option("dataset", *reference, "NAME (newest) or NAME@VERSION")->required();
    context.OnRun(command, [&context, reference] { return Verify(context, *reference); });
  }
  AddSelectorCommand(datasets, context, "exclude",
                     "Makes a version without some volumes; later ingests do not bring them back",
                     &v1::DatasetService::Stub::ExcludeVolumes);
  AddSelectorCommand(
      datasets, context, "forget",
      "As exclude, and gives up the versions that hold them, removes their stored volumes, and names the "
      "checkpoints that saw them",
      &v1::DatasetService::Stub::ForgetVolumes);
  {
    CLI::App* command = AddCommand(datasets, "rm", "Gives up a version, or a dataset with all its versions",
                                   "amaes dataset rm my-scans@1 --dry-run");
    auto reference = std::make_shared<std::string>();
    auto flags = std::make_shared<ChangeFlags>();
    command->add_option("dataset", *reference, "NAME@VERSION, or NAME for all versions")->required();
    command->add_flag("--dry-run", flags->dry_run, "Says what would happen, changes nothing");
    command->add_option("--request-id", flags->request_id, "Makes a repeated call harmless");
    context.OnRun(command, [&context, reference, flags] { return Remove(context, *reference, *flags); });
  }
}

}  // namespace amaes
