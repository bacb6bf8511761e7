// The report for a terminal and for programs.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "libs/base/format.h"
#include "libs/dataset/json_fields.h"
#include "libs/dataset/report.h"

namespace amaes {
namespace {

using nlohmann::json;

constexpr int kBarWidth = 32;

// Characters, not bytes: of UTF-8 every byte but the continuations.
std::size_t Width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string Padded(const std::string& text, std::size_t width) {
  return absl::StrCat(text, std::string(width > Width(text) ? width - Width(text) : 0, ' '));
}

void Append(const ReportTable& table, std::string& out) {
  std::size_t width = table.title.size();
  for (const ReportRow& row : table.rows) width = std::max(width, Width(row.label));
  absl::StrAppendFormat(&out, "\n%s  %9s  %9s  %10s\n", Padded(table.title, width), "volumes", "subjects", "bytes");
  for (const ReportRow& row : table.rows) {
    absl::StrAppendFormat(&out, "%s  %9d  %9d  %10s\n", Padded(row.label, width), row.volumes, row.subjects,
                          FormatBytes(row.bytes));
  }
}

void Append(const ReportHistogram& histogram, std::string& out) {
  absl::StrAppend(&out, "\n", histogram.title, histogram.unit.empty() ? "" : absl::StrCat(" (", histogram.unit, ")"));
  if (histogram.unknown > 0) absl::StrAppend(&out, "; not known of ", histogram.unknown);
  absl::StrAppend(&out, "\n");
  std::size_t width = 0;
  std::int64_t most = 1;
  for (const ReportBar& bar : histogram.bars) {
    width = std::max(width, Width(bar.label));
    most = std::max(most, bar.volumes);
  }
  for (const ReportBar& bar : histogram.bars) {
    const auto length = static_cast<int>((bar.volumes * kBarWidth + most - 1) / most);
    absl::StrAppend(&out, "  ", Padded(bar.label, width), "  ");
    for (int i = 0; i < length; ++i) absl::StrAppend(&out, "█");
    absl::StrAppend(&out, length > 0 ? " " : "", bar.volumes, "\n");
  }
}

void Append(const std::string& title, const std::vector<std::string>& lines, std::int64_t limit, std::string& out) {
  if (lines.empty()) return;
  absl::StrAppend(&out, "\n", title, " (", lines.size(), ")\n");
  const auto shown = static_cast<std::size_t>(std::min<std::int64_t>(limit, static_cast<std::int64_t>(lines.size())));
  for (std::size_t i = 0; i < shown; ++i) absl::StrAppend(&out, "  ", lines[i], "\n");
  if (shown < lines.size()) absl::StrAppend(&out, "  … and ", lines.size() - shown, " more (--output json has all)\n");
}

std::vector<std::string> Lines(const std::vector<IngestReport::Item>& items, const char* between) {
  std::vector<std::string> lines;
  for (const IngestReport::Item& item : items) lines.push_back(absl::StrCat(item.source, between, item.reason));
  return lines;
}

void Append(const LeakageReport& leakage, std::int64_t limit, std::string& out) {
  absl::StrAppendFormat(&out, "\nshared with %s: %d volumes with equal voxels, %d subjects with equal names\n",
                        leakage.other, leakage.volumes.size(), leakage.subjects_shared.size());
  absl::StrAppendFormat(&out, "  compared %d scans of %d subjects with %d scans of %d subjects\n", leakage.scans,
                        leakage.subjects, leakage.other_scans, leakage.other_subjects);
  std::vector<std::string> lines;
  for (const auto& shared : leakage.volumes) lines.push_back(absl::StrCat(shared.source, "  =  ", shared.other_source));
  Append("equal voxels", lines, limit, out);
  lines.clear();
  for (const auto& shared : leakage.subjects_shared) {
    lines.push_back(absl::StrCat(shared.subject, "  =  ", shared.other_subject, "   (", shared.scans, " and ",
                                 shared.other_scans, " scans, ", shared.shared_volumes, " with equal voxels)"));
  }
  Append("equal subject names", lines, limit, out);
  Append("not compared", Lines(leakage.unread, ": "), limit, out);
}

json Items(const std::vector<IngestReport::Item>& items) {
  json out = json::array();
  for (const IngestReport::Item& item : items) out.push_back({{"source", item.source}, {"reason", item.reason}});
  return out;
}

json LeakageJson(const LeakageReport& leakage) {
  json volumes = json::array(), subjects = json::array();
  for (const auto& v : leakage.volumes) {
    volumes.push_back({{"source", v.source},
                       {"subject", v.subject},
                       {"other_source", v.other_source},
                       {"other_subject", v.other_subject}});
  }
  for (const auto& s : leakage.subjects_shared) {
    subjects.push_back({{"subject", s.subject},
                        {"other_subject", s.other_subject},
                        {"scans", s.scans},
                        {"other_scans", s.other_scans},
                        {"shared_volumes", s.shared_volumes}});
  }
  return {{"other", leakage.other},
          {"scans", leakage.scans},
          {"other_scans", leakage.other_scans},
          {"subjects", leakage.subjects},
          {"other_subjects", leakage.other_subjects},
          {"shared_volumes", volumes},
          {"shared_subjects", subjects},
          {"not_compared", Items(leakage.unread)}};
}

}  // namespace

std::string ReportText(const DatasetReport& report, std::int64_t limit) {
  const IngestReport& ingest = report.ingest;
  std::string out = absl::StrFormat("%s@%d  %s\ncontract  %s\n", report.name, report.version,
                                    report.digest.substr(0, 12), report.contract);
  absl::StrAppendFormat(&out, "%d volumes of %d subjects in %d sessions, %.1f million voxels, %s stored",
                        report.volumes, report.subjects, report.sessions, static_cast<double>(report.voxels) / 1e6,
                        FormatBytes(report.stored_bytes));
  if (report.companion_bytes > 0) absl::StrAppend(&out, " and ", FormatBytes(report.companion_bytes), " of companions");
  absl::StrAppendFormat(&out, "\n%d files = %d volumes + %d duplicates + %d quarantined + %d skipped by rule\n",
                        ingest.files, ingest.volumes, ingest.duplicates.size(), ingest.quarantined.size(),
                        ingest.skipped.size());
  if (ingest.unchanged > 0)
    absl::StrAppend(&out, ingest.unchanged, " of the files had not changed and were not read again\n");
  if (ingest.carried > 0) absl::StrAppend(&out, ingest.carried, " volumes come from the version before\n");
  for (const ReportTable& table : report.tables) Append(table, out);
  for (const ReportHistogram& histogram : report.histograms) Append(histogram, out);
  Append("differences from the source", ingest.findings, limit, out);
  Append("quarantined", Lines(ingest.quarantined, ": "), limit, out);
  Append("duplicates", Lines(ingest.duplicates, "  =  "), limit, out);
  Append("companions not taken", Lines(ingest.companions, ": "), limit, out);
  Append("skipped by rule", Lines(ingest.skipped, ": "), limit, out);
  std::vector<std::string> exclusions;
  for (const Exclusion& e : report.exclusions) {
    exclusions.push_back(absl::StrCat(e.time, "  ", e.kind, " ", e.value.substr(0, 12), ": ", e.reason));
  }
  Append("excluded for good", exclusions, limit, out);
  if (report.leakage) Append(*report.leakage, limit, out);
  return out;
}

std::string DatasetReportJson(const DatasetReport& report) {
  json tables = json::array(), histograms = json::array(), exclusions = json::array();
  for (const ReportTable& table : report.tables) {
    json rows = json::array();
    for (const ReportRow& row : table.rows) {
      rows.push_back(
          {{"label", row.label}, {"volumes", row.volumes}, {"subjects", row.subjects}, {"bytes", row.bytes}});
    }
    tables.push_back({{"title", table.title}, {"rows", rows}});
  }
  for (const ReportHistogram& histogram : report.histograms) {
    json bars = json::array();
    for (const ReportBar& bar : histogram.bars) bars.push_back({{"label", bar.label}, {"volumes", bar.volumes}});
    histograms.push_back(
        {{"title", histogram.title}, {"unit", histogram.unit}, {"unknown", histogram.unknown}, {"bars", bars}});
  }
  for (const Exclusion& e : report.exclusions) {
    exclusions.push_back({{"kind", e.kind}, {"value", e.value}, {"reason", e.reason}, {"time", e.time}});
  }
  const IngestReport& ingest = report.ingest;
  json out = {{"name", report.name},
              {"version", report.version},
              {"digest", report.digest},
              {"contract", json::parse(report.contract, nullptr, false)},
              {"volumes", report.volumes},
              {"subjects", report.subjects},
              {"sessions", report.sessions},
              {"voxels", report.voxels},
              {"stored_bytes", report.stored_bytes},
              {"companion_bytes", report.companion_bytes},
              {"tables", tables},
              {"histograms", histograms},
              {"exclusions", exclusions},
              {"files",
               {{"all", ingest.files},
                {"volumes", ingest.volumes},
                {"unchanged", ingest.unchanged},
                {"carried", ingest.carried},
                {"duplicates", Items(ingest.duplicates)},
                {"quarantined", Items(ingest.quarantined)},
                {"skipped", Items(ingest.skipped)},
                {"companions_not_taken", Items(ingest.companions)},
                {"findings", ingest.findings}}}};
  if (report.leakage) out["leakage"] = LeakageJson(*report.leakage);
  return absl::StrCat(out.dump(1, ' ', false, json::error_handler_t::replace), "\n");
}

}  // namespace amaes
