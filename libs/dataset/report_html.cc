// The report as one page.
#include <algorithm>
#include <map>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "libs/base/format.h"
#include "libs/base/page_style.h"
#include "libs/dataset/report.h"

namespace amaes {
namespace {

constexpr char kStyle[] = R"css(
.mono{font:12px/1.4 ui-monospace,monospace;color:var(--soft);overflow-wrap:anywhere}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:14px}
.facts div{border-left:3px solid var(--line);padding-left:10px;color:var(--soft)}
.facts b{display:block;font-size:20px;color:var(--text);font-variant-numeric:tabular-nums}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(340px,1fr));gap:26px 32px}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.h{display:grid;grid-template-columns:minmax(70px,max-content) 1fr max-content;gap:3px 10px;align-items:center;font-size:13px}
.h span:nth-child(3n+1){text-align:right;max-width:190px;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.h span:nth-child(3n){font-variant-numeric:tabular-nums;color:var(--soft)}
.h i{display:block;height:14px;background:var(--accent);opacity:.75;border-radius:2px}
.sheet{display:grid;grid-template-columns:repeat(auto-fill,minmax(360px,1fr));gap:16px}
figure{margin:0}
figure div{display:flex;gap:2px;background:#000;border-radius:6px;overflow:hidden;height:118px;justify-content:center;align-items:center;color:#aab;padding:3px}
figure img{height:112px;width:auto;max-width:33%;object-fit:contain}
figcaption{font-size:12px;line-height:1.35;margin-top:5px;overflow-wrap:anywhere}
.tag{display:inline-block;border:1px solid var(--line);border-radius:8px;padding:0 6px;font-size:11px;color:var(--soft)}
)css";

// With thin spaces between thousands.
std::string Count(std::int64_t count) {
  std::string digits = absl::StrCat(count), out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) absl::StrAppend(&out, "\u2009");
    out.push_back(digits[i]);
  }
  return out;
}

std::string Section(absl::string_view title, absl::string_view body) {
  return absl::StrCat("<section><h2>", title, "</h2>", body, "</section>\n");
}

std::string Fact(absl::string_view what, absl::string_view value) {
  return absl::StrCat("<div><b>", value, "</b>", what, "</div>");
}

std::string Facts(const DatasetReport& report) {
  const IngestReport& ingest = report.ingest;
  return absl::StrCat("<div class=\"facts\">", Fact("volumes", Count(report.volumes)),
                      Fact("subjects", Count(report.subjects)), Fact("sessions", Count(report.sessions)),
                      Fact("million voxels", Count((report.voxels + 500'000) / 1'000'000)),
                      Fact("stored", FormatBytes(report.stored_bytes)),
                      report.companion_bytes > 0 ? Fact("companions", FormatBytes(report.companion_bytes)) : "",
                      Fact("files looked at", Count(ingest.files)),
                      Fact("duplicates", Count(static_cast<std::int64_t>(ingest.duplicates.size()))),
                      Fact("quarantined", Count(static_cast<std::int64_t>(ingest.quarantined.size()))),
                      Fact("skipped by rule", Count(static_cast<std::int64_t>(ingest.skipped.size()))),
                      ingest.unchanged > 0 ? Fact("files unchanged", Count(ingest.unchanged)) : "",
                      ingest.carried > 0 ? Fact("from the version before", Count(ingest.carried)) : "", "</div>");
}

std::string Tables(const DatasetReport& report) {
  std::string out = "<div class=\"grid\">";
  for (const ReportTable& table : report.tables) {
    absl::StrAppend(
        &out, "<div><table><thead><tr><th>", html::Escape(table.title),
        "</th><th class=\"n\">volumes</th><th class=\"n\">subjects</th><th class=\"n\">stored</th></tr></thead>");
    for (const ReportRow& row : table.rows) {
      absl::StrAppend(&out, "<tr><td>", html::Escape(row.label), "</td><td class=\"n\">", Count(row.volumes),
                      "</td><td class=\"n\">", Count(row.subjects), "</td><td class=\"n\">", FormatBytes(row.bytes),
                      "</td></tr>");
    }
    absl::StrAppend(&out, "</table></div>");
  }
  return absl::StrCat(out, "</div>");
}

std::string Histograms(const DatasetReport& report) {
  std::string out = "<div class=\"grid\">";
  for (const ReportHistogram& histogram : report.histograms) {
    std::int64_t most = 1;
    for (const ReportBar& bar : histogram.bars) most = std::max(most, bar.volumes);
    absl::StrAppend(&out, "<div><h3>", html::Escape(histogram.title),
                    histogram.unit.empty()
                        ? ""
                        : absl::StrCat(" <span class=\"soft\">in ", html::Escape(histogram.unit), "</span>"),
                    histogram.unknown > 0
                        ? absl::StrCat(" <span class=\"soft\">· not known of ", Count(histogram.unknown), "</span>")
                        : "",
                    "</h3><div class=\"h\">");
    for (const ReportBar& bar : histogram.bars) {
      absl::StrAppend(&out, "<span title=\"", html::Escape(bar.label), "\">", html::Escape(bar.label), "</span>",
                      absl::StrFormat("<span><i style=\"width:%.1f%%\"></i></span>",
                                      100.0 * static_cast<double>(bar.volumes) / static_cast<double>(most)),
                      "<span>", Count(bar.volumes), "</span>");
    }
    absl::StrAppend(&out, "</div></div>");
  }
  return absl::StrCat(out, "</div>");
}

std::string Image(const std::string& png, absl::string_view plane) {
  return absl::StrCat("<img alt=\"", plane, "\" title=\"", plane, "\" src=\"data:image/png;base64,",
                      absl::Base64Escape(png), "\">");
}

std::string Sheet(const std::vector<SheetRow>& rows, std::int64_t volumes) {
  std::string out = absl::StrCat(
      "<p class=\"soft\">Middle slices as stored: axial (nose up), coronal, sagittal (nose right); the patient's left "
      "is "
      "left. Black is the volume's minimum, white its 99.5th percentile. ",
      rows.size(), " of ", Count(volumes), " volumes, every modality in turn.</p>");
  std::string modality;
  bool open = false;
  for (const SheetRow& row : rows) {
    if (!open || row.modality != modality) {
      absl::StrAppend(&out, open ? "</div>" : "", "<h3 style=\"margin-top:16px\">",
                      html::Escape(row.modality.empty() ? "(no modality)" : row.modality),
                      "</h3><div class=\"sheet\">");
      modality = row.modality;
      open = true;
    }
    absl::StrAppend(&out, "<figure><div>");
    if (row.problem.empty()) {
      absl::StrAppend(&out, Image(row.axial, "axial"), Image(row.coronal, "coronal"), Image(row.sagittal, "sagittal"));
    } else {
      absl::StrAppend(&out, "<span class=\"bad\">", html::Escape(row.problem), "</span>");
    }
    absl::StrAppend(&out, "</div><figcaption><b>", html::Escape(row.subject), "</b>",
                    row.session.empty() ? "" : absl::StrCat(" · ", html::Escape(row.session)), " · ",
                    absl::StrJoin(row.shape, "×"));
    for (const std::string& flag : row.flags)
      absl::StrAppend(&out, " <span class=\"tag\">", html::Escape(flag), "</span>");
    absl::StrAppend(&out, "<br><span class=\"soft\">", html::Escape(row.source), "</span></figcaption></figure>");
  }
  return absl::StrCat(out, open ? "</div>" : "");
}

std::string Items(const std::vector<IngestReport::Item>& items, absl::string_view first, absl::string_view second) {
  std::string out = absl::StrCat("<table><thead><tr><th>", first, "</th><th>", second, "</th></tr></thead>");
  for (const IngestReport::Item& item : items) {
    absl::StrAppend(&out, "<tr><td>", html::Escape(item.source), "</td><td>", html::Escape(item.reason), "</td></tr>");
  }
  return absl::StrCat(out, "</table>");
}

// How often each reason, then, folded, every file.
std::string Grouped(const std::vector<IngestReport::Item>& items) {
  std::map<std::string, std::int64_t> counts;
  for (const IngestReport::Item& item : items) ++counts[item.reason];
  std::vector<std::pair<std::int64_t, std::string>> order;
  for (const auto& [reason, count] : counts) order.emplace_back(-count, reason);
  std::sort(order.begin(), order.end());
  std::string out = "<table><thead><tr><th class=\"n\">files</th><th>reason</th></tr></thead>";
  for (const auto& [count, reason] : order) {
    absl::StrAppend(&out, "<tr><td class=\"n\" style=\"width:70px\">", Count(-count), "</td><td>", html::Escape(reason),
                    "</td></tr>");
  }
  return absl::StrCat(out, "</table><details><summary>every file</summary>", Items(items, "file", "reason"),
                      "</details>");
}

std::string Exclusions(const std::vector<Exclusion>& exclusions) {
  std::string out = "<table><thead><tr><th>when</th><th>what</th><th>hash</th><th>reason</th></tr></thead>";
  for (const Exclusion& e : exclusions) {
    absl::StrAppend(&out, "<tr><td>", html::Escape(e.time), "</td><td>", html::Escape(e.kind),
                    "</td><td class=\"mono\">", html::Escape(e.value.substr(0, 16)), "</td><td>",
                    html::Escape(e.reason), "</td></tr>");
  }
  return absl::StrCat(out, "</table>");
}

std::string Leakage(const LeakageReport& leakage) {
  std::string out = absl::StrFormat(
      "<p>%s with equal voxels and %s with equal names, of %s scans (%s subjects) here and %s scans (%s subjects) "
      "there.</p>",
      absl::StrCat("<b class=\"", leakage.volumes.empty() ? "good" : "bad", "\">",
                   Count(static_cast<std::int64_t>(leakage.volumes.size())), " volumes</b>"),
      absl::StrCat("<b class=\"", leakage.subjects_shared.empty() ? "good" : "bad", "\">",
                   Count(static_cast<std::int64_t>(leakage.subjects_shared.size())), " subjects</b>"),
      Count(leakage.scans), Count(leakage.subjects), Count(leakage.other_scans), Count(leakage.other_subjects));
  std::vector<IngestReport::Item> items;
  for (const auto& shared : leakage.volumes) items.push_back({shared.source, shared.other_source});
  if (!items.empty()) absl::StrAppend(&out, "<h3>equal voxels</h3>", Items(items, "here", "there"));
  items.clear();
  for (const auto& s : leakage.subjects_shared) {
    items.push_back(
        {absl::StrCat(s.subject, " (", s.scans, " scans)"),
         absl::StrCat(s.other_subject, " (", s.other_scans, " scans, ", s.shared_volumes, " with equal voxels)")});
  }
  if (!items.empty()) {
    absl::StrAppend(&out,
                    "<h3>equal subject names</h3><p class=\"soft\">Compared without case, the prefix sub- and "
                    "leading zeros; names that were given independently may be equal by chance.</p>",
                    Items(items, "here", "there"));
  }
  if (!leakage.unread.empty()) absl::StrAppend(&out, "<h3>not compared</h3>", Items(leakage.unread, "scan", "reason"));
  return out;
}

std::string ListOf(const std::vector<std::string>& lines) {
  std::string out = "<ul>";
  for (const std::string& line : lines) absl::StrAppend(&out, "<li>", html::Escape(line), "</li>");
  return absl::StrCat(out, "</ul>");
}

std::string Counted(absl::string_view what, std::size_t count) {
  return absl::StrCat(what, " <span class=\"soft\">· ", Count(static_cast<std::int64_t>(count)), "</span>");
}

}  // namespace

std::string ReportHtml(const DatasetReport& report, const std::vector<SheetRow>& sheet, const std::string& back) {
  const IngestReport& ingest = report.ingest;
  const std::string title = absl::StrCat(report.name, "@", report.version);
  std::string body;
  if (!back.empty()) absl::StrAppend(&body, "<a class=\"soft\" href=\"", html::Escape(back), "\">‹ all datasets</a>");
  absl::StrAppend(&body, "<h1>", html::Escape(title), "</h1><div class=\"mono\">digest ", html::Escape(report.digest),
                  "<br>contract ", html::Escape(report.contract), "</div>");
  absl::StrAppend(&body, Section("What is in it", Facts(report)));
  if (report.leakage) {
    absl::StrAppend(
        &body, Section(absl::StrCat("Shared with ", html::Escape(report.leakage->other)), Leakage(*report.leakage)));
  }
  if (!ingest.findings.empty()) absl::StrAppend(&body, Section("Differences from the source", ListOf(ingest.findings)));
  absl::StrAppend(&body, Section("Counts", Tables(report)));
  if (!sheet.empty()) absl::StrAppend(&body, Section("Contact sheet", Sheet(sheet, report.volumes)));
  absl::StrAppend(&body, Section("Histograms <span class=\"soft\">· volumes</span>", Histograms(report)));
  const auto list = [&](absl::string_view what, const std::vector<IngestReport::Item>& items,
                        const std::string& table) {
    if (!items.empty()) absl::StrAppend(&body, Section(Counted(what, items.size()), table));
  };
  list("Quarantined", ingest.quarantined, Grouped(ingest.quarantined));
  list("Duplicates", ingest.duplicates, Items(ingest.duplicates, "file", "has the voxels of"));
  list("Companions not taken", ingest.companions, Grouped(ingest.companions));
  list("Skipped by rule", ingest.skipped, Grouped(ingest.skipped));
  if (!report.exclusions.empty()) {
    absl::StrAppend(&body,
                    Section(Counted("Excluded for good", report.exclusions.size()), Exclusions(report.exclusions)));
  }
  return absl::StrCat("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">",
                      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>",
                      html::Escape(title), "</title><style>", kPageStyle, kStyle, "</style></head><body><main>", body,
                      "</main></body></html>\n");
}

}  // namespace amaes
