#include "services/cli/audit_view.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/cli/output.h"

namespace amaes {
namespace {

std::string OrDash(std::int64_t number) { return number < 0 ? "-" : absl::StrCat(number); }

std::string Verdict(const v1::AuditReport& report) {
  const std::string what =
      absl::StrCat("the ", FormatCount(report.step()), " steps up to checkpoint ", report.checkpoint());
  if (report.proved()) {
    return absl::StrCat("PROVED: ", what, " read every sample once, by the rank and of the volume that they should\n");
  }
  return absl::StrCat("NOT PROVED: ", FormatCount(report.finding_count()),
                      report.finding_count() == 1 ? " thing is" : " things are", " wrong with ", what, "\n");
}

std::string Findings(const v1::AuditReport& report) {
  if (report.findings().empty()) return "";
  std::vector<std::vector<std::string>> rows;
  for (const auto& finding : report.findings()) {
    rows.push_back({OrDash(finding.position()), OrDash(finding.attempt()), OrDash(finding.rank()), finding.what()});
  }
  std::string out = absl::StrCat("\n", FormatTable({"POSITION", "ATTEMPT", "RANK", "WRONG"}, rows));
  if (report.finding_count() > report.findings_size()) {
    absl::StrAppend(&out, "… and ", FormatCount(report.finding_count() - report.findings_size()), " more\n");
  }
  return out;
}

std::string Attempts(const v1::AuditReport& report) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& attempt : report.attempts()) {
    rows.push_back({absl::StrCat(attempt.attempt()), absl::StrCat(attempt.world_size()),
                    attempt.steps() == 0
                        ? "none"
                        : absl::StrCat(attempt.first_step() + 1, " to ", attempt.first_step() + attempt.steps()),
                    FormatCount(attempt.read_again())});
  }
  return absl::StrCat("\n", FormatTable({"ATTEMPT", "RANKS", "STEPS THAT COUNT", "SAMPLES READ AGAIN LATER"}, rows));
}

std::string Skips(const v1::AuditReport& report) {
  if (report.skips().empty()) return "";
  std::vector<std::vector<std::string>> rows;
  for (const auto& skip : report.skips()) {
    rows.push_back({absl::StrCat(skip.position()), absl::StrCat(skip.volume()), absl::StrCat(skip.attempt()),
                    absl::StrCat(skip.rank())});
  }
  std::string out = absl::StrCat("\n", FormatTable({"SKIPPED AT", "VOLUME", "ATTEMPT", "RANK"}, rows));
  if (report.skipped() > report.skips_size()) {
    absl::StrAppend(&out, "… and ", FormatCount(report.skipped() - report.skips_size()), " more\n");
  }
  return out;
}

}  // namespace

std::string RenderAudit(const v1::AuditReport& report) {
  std::string out = Verdict(report);
  absl::StrAppend(
      &out,
      FormatPairs({{"steps", absl::StrCat(FormatCount(report.step()), " of ", FormatCount(report.total_steps()))},
                   {"samples", absl::StrCat(FormatCount(report.samples()), ", of which ", FormatCount(report.skipped()),
                                            " skipped")},
                   {"passes", absl::StrCat(FormatCount(report.whole_passes()), " whole ones, each ",
                                           FormatCount(report.pass_length()), " visits of ",
                                           FormatCount(report.volumes()), " volumes")},
                   {"read again", absl::StrCat(FormatCount(report.read_again()), " samples, after crashes")},
                   {"not in a checkpoint", absl::StrCat(FormatCount(report.not_in_checkpoint()), " samples")}}),
      Findings(report), Attempts(report), Skips(report));
  for (const std::string& note : report.notes()) absl::StrAppend(&out, "note: ", note, "\n");
  return out;
}

}  // namespace amaes
