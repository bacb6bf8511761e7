#include "libs/metrics/results.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/json_fields.h"

namespace amaes {
namespace {

using nlohmann::json;

constexpr int kFormatVersion = 1;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

json Number(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

const char* EmptyOf(const RegionScores& row) {
  const bool truth = row.counts.truth() == 0, prediction = row.counts.prediction() == 0;
  return truth && prediction ? "both" : truth ? "truth" : prediction ? "prediction" : "";
}

json RowJson(const RegionScores& row) {
  json out = {{"region", row.region},
              {"true_positive", row.counts.true_positive},
              {"false_positive", row.counts.false_positive},
              {"false_negative", row.counts.false_negative},
              {"truth_voxels", row.counts.truth()},
              {"prediction_voxels", row.counts.prediction()},
              {"truth_ml", row.truth_ml},
              {"prediction_ml", row.prediction_ml},
              {"empty", EmptyOf(row)},
              {"has_surface", row.has_surface}};
  for (const Measure& measure : Measures()) out[measure.name] = Number(measure.of(row));
  out["hausdorff_mm"] = Number(row.surface.hausdorff);
  return out;
}

// A distance that is null is infinite where one map alone has the region.
RegionScores ParseRow(const json& item) {
  RegionScores row;
  row.region = Field<std::string>(item, "region");
  row.counts = {Field<std::int64_t>(item, "true_positive"), Field<std::int64_t>(item, "false_positive"),
                Field<std::int64_t>(item, "false_negative")};
  row.overlap = Overlap(row.counts);
  row.truth_ml = Field<double>(item, "truth_ml");
  row.prediction_ml = Field<double>(item, "prediction_ml");
  row.has_surface = Field<bool>(item, "has_surface");
  const bool one_empty = (row.counts.truth() == 0) != (row.counts.prediction() == 0);
  const auto distance = [&](const char* name) {
    if (!item.contains(name) || item.at(name).is_null()) {
      return one_empty && row.has_surface ? std::numeric_limits<double>::infinity() : kNone;
    }
    return Field<double>(item, name);
  };
  row.surface = {distance("hausdorff_95_mm"), distance("hausdorff_mm"), distance("surface_distance_mm")};
  return row;
}

json CaseObject(const CaseResult& result) {
  json rows = json::array();
  for (const RegionScores& row : result.regions) rows.push_back(RowJson(row));
  return {{"key", result.key},           {"subject", result.subject},    {"session", result.session},
          {"modality", result.modality}, {"source", result.source},      {"prediction", result.prediction},
          {"shape", result.shape},       {"spacing_mm", result.spacing}, {"windows", result.windows},
          {"seconds", result.seconds},   {"notes", result.notes},        {"regions", rows}};
}

json SummaryJson(const RegionSummary& summary) {
  json out = {{"region", summary.region}, {"truth_ml", summary.truth_ml}, {"prediction_ml", summary.prediction_ml}};
  for (std::size_t i = 0; i < summary.measures.size(); ++i) {
    const MeasureSummary& m = summary.measures[i];
    out[Measures()[i].name] = {{"mean", Number(m.mean)},     {"sd", Number(m.standard_deviation)},
                               {"cases", m.cases},           {"undefined", m.undefined},
                               {"infinite", m.infinite},     {"minimum", Number(m.minimum)},
                               {"median", Number(m.median)}, {"maximum", Number(m.maximum)}};
  }
  return out;
}

std::string Text(const json& object, int indent) {
  return object.dump(indent, ' ', false, json::error_handler_t::replace);
}

// As RFC 4180 has it. A text that a spreadsheet would take for a formula gets an apostrophe.
std::string CsvText(const std::string& text) {
  const bool formula = !text.empty() && std::string("=+-@").find(text[0]) != std::string::npos;
  const std::string safe = formula ? absl::StrCat("'", text) : text;
  if (safe.find_first_of(",\"\r\n") == std::string::npos) return safe;
  return absl::StrCat("\"", absl::StrReplaceAll(safe, {{"\"", "\"\""}}), "\"");
}

std::string CsvNumber(double value) {
  if (std::isnan(value)) return "nan";
  return std::isinf(value) ? "inf" : absl::StrFormat("%.9g", value);
}

bool IsTotal(const std::string& region) { return region == kAllLabels || region == kForeground; }

}  // namespace

std::vector<RegionSummary> SummaryOf(const EvaluationResults& results) {
  std::vector<std::vector<RegionScores>> rows;
  for (const CaseResult& one : results.cases) rows.push_back(one.regions);
  return SummariseCases(rows);
}

std::string CaseJson(const CaseResult& result) { return Text(CaseObject(result), -1); }

absl::StatusOr<CaseResult> ParseCase(const std::string& text) {
  CaseResult out;
  AMAES_RETURN_IF_ERROR(WithJsonObject(text, [&](const json& object) {
    out.key = Field<std::string>(object, "key");
    out.subject = Field<std::string>(object, "subject");
    out.session = Field<std::string>(object, "session");
    out.modality = Field<std::string>(object, "modality");
    out.source = Field<std::string>(object, "source");
    out.prediction = Field<std::string>(object, "prediction");
    out.shape = Field<Shape3>(object, "shape");
    out.spacing = Field<std::array<double, 3>>(object, "spacing_mm");
    out.windows = Field<std::int64_t>(object, "windows");
    out.seconds = Field<double>(object, "seconds");
    out.notes = Field<std::vector<std::string>>(object, "notes");
    for (const json& row : Field<std::vector<json>>(object, "regions")) out.regions.push_back(ParseRow(row));
    return absl::OkStatus();
  }));
  return out;
}

std::string ResultsJson(const EvaluationResults& results) {
  json facts = json::object(), regions = json::array(), cases = json::array(), summary = json::array();
  for (const auto& [name, text] : results.facts) facts[name] = text;
  for (const Region& region : results.regions) regions.push_back({{"name", region.name}, {"labels", region.labels}});
  for (const CaseResult& one : results.cases) cases.push_back(CaseObject(one));
  for (const RegionSummary& one : SummaryOf(results)) summary.push_back(SummaryJson(one));
  json renumbered = json::object();
  for (const auto& [value, code] : results.renumbered) renumbered[absl::StrCat(value)] = code;
  return absl::StrCat(Text({{"format", "amaes-evaluation"},
                            {"format_version", kFormatVersion},
                            {"facts", facts},
                            {"regions", regions},
                            {"renumbered_labels", renumbered},
                            {"notes", results.notes},
                            {"summary", summary},
                            {"cases", cases}},
                           1),
                      "\n");
}

std::string ResultsCsv(const EvaluationResults& results) {
  std::string out =
      "case,subject,session,modality,source,prediction,region,truth_ml,prediction_ml,true_positive,"
      "false_positive,false_negative";
  for (const Measure& measure : Measures()) absl::StrAppend(&out, ",", measure.name);
  absl::StrAppend(&out, "\n");
  for (const CaseResult& one : results.cases) {
    for (const RegionScores& row : one.regions) {
      absl::StrAppend(&out, CsvText(one.key), ",", CsvText(one.subject), ",", CsvText(one.session), ",",
                      CsvText(one.modality), ",", CsvText(one.source), ",", CsvText(one.prediction), ",",
                      CsvText(row.region), ",", CsvNumber(row.truth_ml), ",", CsvNumber(row.prediction_ml), ",");
      absl::StrAppend(&out, row.counts.true_positive, ",", row.counts.false_positive, ",", row.counts.false_negative);
      for (const Measure& measure : Measures()) absl::StrAppend(&out, ",", CsvNumber(measure.of(row)));
      absl::StrAppend(&out, "\n");
    }
  }
  return out;
}

double OverallDice(const CaseResult& result) {
  double sum = 0;
  int count = 0;
  for (const RegionScores& row : result.regions) {
    if (IsTotal(row.region) || std::isnan(row.overlap.dice)) continue;
    sum += row.overlap.dice;
    ++count;
  }
  return count > 0 ? sum / count : kNone;
}

Examples ChooseExamples(absl::Span<const CaseResult> cases, std::size_t each) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (!std::isnan(OverallDice(cases[i]))) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return OverallDice(cases[a]) < OverallDice(cases[b]); });
  Examples out;
  const std::size_t count = order.size();
  const std::size_t ends = std::min(each, count / 2);  // of few cases, no more than half at either end
  out.worst.assign(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(ends));
  out.best.assign(order.rbegin(), order.rbegin() + static_cast<std::ptrdiff_t>(ends));
  const std::size_t between = std::min(each, count - 2 * ends);
  const std::size_t first = ends + (count - 2 * ends - between) / 2;
  out.middle.assign(order.begin() + static_cast<std::ptrdiff_t>(first),
                    order.begin() + static_cast<std::ptrdiff_t>(first + between));
  return out;
}

}  // namespace amaes
