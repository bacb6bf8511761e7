#include "libs/metrics/report_html.h"

#include <cmath>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "libs/base/format.h"
#include "libs/base/page_style.h"
#include "libs/metrics/overlay.h"
#include "libs/metrics/report_plots.h"

namespace amaes {
namespace {

constexpr std::size_t kExamples = 3;         // of each kind
constexpr std::size_t kOpenCases = 60;       // more are folded away
constexpr std::size_t kPlots[] = {0, 5, 6};  // of Measures(): Dice and the distances

constexpr char kStyle[] = R"css(
svg{width:100%;max-width:900px;height:auto;display:block;margin:4px 0 10px}
svg .grid{stroke:var(--line)}svg .whisker{stroke:var(--soft)}svg .median{stroke:var(--text);stroke-width:2}
svg .box{fill:var(--accent);fill-opacity:.16;stroke:var(--accent)}svg .dot{fill:var(--accent);fill-opacity:.65}
svg .mean{fill:var(--text)}svg text{fill:var(--text);font:12px system-ui,sans-serif}svg .tick{fill:var(--soft);font-size:11px}
.facts{display:grid;grid-template-columns:max-content 1fr;gap:2px 18px;margin:10px 0 0}.facts dt{color:var(--soft)}.facts dd{margin:0;overflow-wrap:anywhere}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}th.n{white-space:normal;min-width:74px;vertical-align:bottom}.left{color:var(--soft);font-size:12px;display:block}
.total td{color:var(--soft)}td:first-child,td.r{white-space:nowrap}td.case{white-space:normal}.cases{margin-bottom:14px}
.cases{display:grid;grid-template-columns:repeat(auto-fill,minmax(520px,1fr));gap:18px}
figure{margin:0}figure img{width:100%;background:#000;border-radius:6px;display:block}
figcaption{font-size:13px;margin-top:5px;overflow-wrap:anywhere}
.key{display:inline-block;width:22px;height:3px;vertical-align:middle;margin:0 5px 0 14px}
)css";

// A measure of unit "": a ratio, else a length or a volume.
std::string Value(double value, bool ratio) {
  if (std::isnan(value)) return "–";
  if (std::isinf(value)) return "∞";
  return absl::StrFormat("%.*f", ratio ? 3 : value >= 100 ? 0 : 2, value);
}

bool IsRatio(const Measure& measure) { return *measure.unit == '\0'; }

std::string Section(absl::string_view title, absl::string_view body) {
  return absl::StrCat("<section><h2>", title, "</h2>", body, "</section>\n");
}

bool IsTotal(const std::string& region) { return region == kAllLabels || region == kForeground; }

std::string Head(absl::string_view first) {
  std::string out = absl::StrCat("<table><thead><tr>", first);
  for (const Measure& measure : Measures()) {
    absl::StrAppend(&out, "<th class=\"n\">", measure.title, *measure.unit == '\0' ? "" : ", ", measure.unit, "</th>");
  }
  return absl::StrCat(out, "<th class=\"n\">Truth, ml</th><th class=\"n\">Prediction, ml</th></tr></thead>");
}

std::string SummaryCell(const MeasureSummary& m, bool ratio, std::size_t cases) {
  if (m.cases + m.undefined + m.infinite == 0) return "<td class=\"n\"></td>";
  std::string out = absl::StrCat("<td class=\"n\">", Value(m.mean, ratio));
  if (m.cases > 1) absl::StrAppend(&out, " ± ", Value(m.standard_deviation, ratio));
  if (static_cast<std::size_t>(m.cases) != cases)
    absl::StrAppend(&out, "<span class=\"left\">", m.cases, " of ", cases, "</span>");
  return absl::StrCat(out, "</td>");
}

std::string SummaryTable(const EvaluationResults& results) {
  std::string out = Head("<th>Region</th>");
  for (const RegionSummary& summary : SummaryOf(results)) {
    absl::StrAppend(&out, IsTotal(summary.region) ? "<tr class=\"total\">" : "<tr>", "<td>",
                    html::Escape(summary.region), "</td>");
    for (std::size_t i = 0; i < summary.measures.size(); ++i) {
      absl::StrAppend(&out, SummaryCell(summary.measures[i], IsRatio(Measures()[i]), results.cases.size()));
    }
    absl::StrAppend(&out, "<td class=\"n\">", Value(summary.truth_ml, false), "</td><td class=\"n\">",
                    Value(summary.prediction_ml, false), "</td></tr>");
  }
  return absl::StrCat(out, "</table><p class=\"soft\">Mean ± standard deviation over ", results.cases.size(),
                      results.cases.size() == 1 ? " case" : " cases",
                      "; “m of n” where only m cases have a number.</p>");
}

std::string CaseName(const CaseResult& one) {
  std::string name = html::Escape(one.subject);
  for (const std::string& part : {one.session, one.modality}) {
    if (!part.empty()) absl::StrAppend(&name, " · ", html::Escape(part));
  }
  return name;
}

std::string CaseTable(const EvaluationResults& results) {
  std::string out = Head("<th>Case</th><th>Region</th>");
  for (const CaseResult& one : results.cases) {
    for (std::size_t r = 0; r < one.regions.size(); ++r) {
      const RegionScores& row = one.regions[r];
      absl::StrAppend(&out, IsTotal(row.region) ? "<tr class=\"total\">" : "<tr>");
      if (r == 0) {
        absl::StrAppend(&out, "<td class=\"case\" rowspan=\"", one.regions.size(), "\">", CaseName(one),
                        "<span class=\"left\">", html::Escape(one.source),
                        one.prediction.empty() ? "" : "<br>predictions/", html::Escape(one.prediction),
                        one.notes.empty() ? "" : "<br>", html::Escape(absl::StrJoin(one.notes, "; ")), "</span></td>");
      }
      absl::StrAppend(&out, "<td class=\"r\">", html::Escape(row.region), "</td>");
      for (const Measure& measure : Measures()) {
        const bool none = !row.has_surface && *measure.unit != '\0';
        absl::StrAppend(&out, "<td class=\"n\">", none ? "" : Value(measure.of(row), IsRatio(measure)), "</td>");
      }
      absl::StrAppend(&out, "<td class=\"n\">", Value(row.truth_ml, false), "</td><td class=\"n\">",
                      Value(row.prediction_ml, false), "</td></tr>");
    }
  }
  absl::StrAppend(&out, "</table>");
  if (results.cases.size() <= kOpenCases) return out;
  return absl::StrCat("<details><summary>", results.cases.size(), " cases</summary>", out, "</details>");
}

std::string Hex(const Color& color) { return absl::StrFormat("#%02x%02x%02x", color.r, color.g, color.b); }

std::string Pictures(const EvaluationResults& results, const std::function<std::string(const std::string&)>& picture) {
  const Examples examples = ChooseExamples(results.cases, kExamples);
  std::string out = absl::StrCat(
      "<p class=\"soft\">Axial (nose up), coronal and sagittal (nose right) slices with most of the truth, every label "
      "outlined; "
      "the "
      "patient's left is left.<span class=\"key\" style=\"background:",
      Hex(kTruthColor), "\"></span>truth<span class=\"key\" style=\"background:", Hex(kPredictionColor),
      "\"></span>prediction; both colours in turn where they agree.</p>");
  bool any = false;
  for (const auto& [title, list] :
       {std::pair{"Worst", &examples.worst}, {"Middle", &examples.middle}, {"Best", &examples.best}}) {
    std::string figures;
    for (const std::size_t i : *list) {
      const CaseResult& one = results.cases[i];
      const std::string png = picture(one.key);
      if (png.empty()) continue;
      std::vector<std::string> scores;
      for (const RegionScores& row : one.regions) {
        if (!IsTotal(row.region))
          scores.push_back(absl::StrCat(html::Escape(row.region), " ", Value(row.overlap.dice, true)));
      }
      absl::StrAppend(&figures,
                      "<figure><img alt=\"truth and prediction on three planes\" src=\"data:image/png;base64,",
                      absl::Base64Escape(png), "\"><figcaption><b>", CaseName(one), "</b> · Dice ",
                      absl::StrJoin(scores, ", "), "</figcaption></figure>");
    }
    if (figures.empty()) continue;
    any = true;
    absl::StrAppend(&out, "<h3>", title, "</h3><div class=\"cases\">", figures, "</div>");
  }
  return any ? Section("Cases", out) : "";
}

constexpr char kMeaning[] =
    "<p>TP, FP and FN count voxels of the scan's own grid. Dice = 2 TP / (2 TP + FP + FN); Jaccard = TP / (TP + FP + "
    "FN); "
    "sensitivity = TP / (TP + FN); precision = TP / (TP + FP); volume similarity = 1 − |FN − FP| / (2 TP + FP + FN). "
    "Distances are between surfaces, in millimetres: from every voxel at the surface of one map to the nearest of the "
    "other. "
    "The 95 % Hausdorff distance is the larger of the two directions' 95th percentiles, the surface distance the mean "
    "of both "
    "directions' distances.</p>"
    "<p>A region that neither map has gives no number (–). One that only one map has gives Dice 0 and an infinite "
    "distance "
    "(∞). Neither enters the means. “all” adds the labels' TP, FP and FN up; “foreground” takes all of them as one "
    "shape.</p>";

}  // namespace

std::string ReportHtml(const std::string& title, const EvaluationResults& results,
                       const std::function<std::string(const std::string& key)>& picture) {
  std::string facts = "<dl class=\"facts\">";
  for (const auto& [name, text] : results.facts) {
    absl::StrAppend(&facts, "<dt>", html::Escape(name), "</dt><dd>", html::Escape(text), "</dd>");
  }
  const std::string regions = absl::StrJoin(results.regions, ", ", [](std::string* out, const Region& region) {
    absl::StrAppend(out, region.name, " = ", absl::StrJoin(region.labels, " + "));
  });
  absl::StrAppend(&facts, "<dt>Scored</dt><dd>", html::Escape(regions), "</dd></dl>");
  std::string notes;
  for (const std::string& note : results.notes)
    absl::StrAppend(&notes, "<p class=\"soft\">", html::Escape(note), "</p>");
  if (!results.renumbered.empty()) {
    absl::StrAppend(&notes, "<p class=\"soft\">The labels do not fit a byte, so prediction files number them anew: ",
                    absl::StrJoin(results.renumbered, ", ",
                                  [](std::string* out, const auto& pair) {
                                    absl::StrAppend(out, pair.first, " is ", static_cast<int>(pair.second));
                                  }),
                    ".</p>");
  }
  std::string plots;
  for (const std::size_t measure : kPlots) absl::StrAppend(&plots, StripPlot(results, measure));
  return absl::StrCat(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\"><title>",
      html::Escape(title), "</title><style>", kPageStyle, kStyle, "</style></head><body><main>\n<h1>",
      html::Escape(title), "</h1>", facts, notes, "\n", Section("Summary", SummaryTable(results)),
      Section("Spread", absl::StrCat(plots,
                                     "<p class=\"soft\">A dot is a case; the box spans the middle half of them, its "
                                     "line is the median, the diamond the mean.</p>")),
      Pictures(results, picture), Section("Every case", CaseTable(results)), Section("What the numbers mean", kMeaning),
      "</main></body></html>\n");
}

}  // namespace amaes
