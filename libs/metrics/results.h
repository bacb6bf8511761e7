// What an evaluation found, as it lies on disk: results.json, results.csv, and one file per finished case.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "libs/metrics/case_scores.h"
#include "libs/metrics/summary.h"

namespace amaes {

struct CaseResult {
  std::string key{};  // LabelledCase::key: stands for the case where names must not be
  std::string subject{}, session{}, modality{}, source{};
  std::string prediction{};  // file below predictions/, "" = not kept
  Shape3 shape{};            // of the scan, on RAS+ axes
  std::array<double, 3> spacing{};
  std::int64_t windows = 0;
  double seconds = 0;
  std::vector<std::string> notes{};  // what was out of the ordinary
  std::vector<RegionScores> regions{};
};

struct EvaluationResults {
  // What was evaluated, name and text; in the order in which it is shown.
  std::vector<std::pair<std::string, std::string>> facts{};
  std::vector<Region> regions{};                      // that are scored, in the values of the prediction files
  std::map<std::int64_t, std::uint8_t> renumbered{};  // value of the label maps to value of the prediction files
  std::vector<std::string> notes{};                   // cases that were left out, and the like
  std::vector<CaseResult> cases{};                    // in the order of the catalogue
};

std::vector<RegionSummary> SummaryOf(const EvaluationResults& results);

// One case, on one line. Numbers that are not finite are null; `empty` says of a region whether truth, prediction or both
// have none of it.
std::string CaseJson(const CaseResult& result);
// - DataLoss: damaged; names the field.
absl::StatusOr<CaseResult> ParseCase(const std::string& text);

// The document of results.json: format, facts, regions, summary, cases.
std::string ResultsJson(const EvaluationResults& results);
// One row per case and region; what is not finite is "nan" or "inf".
std::string ResultsCsv(const EvaluationResults& results);

// The mean of the regions' Dice (without "all" and "foreground"), by which cases are ordered; NaN when none has one.
double OverallDice(const CaseResult& result);
// Indices of at most `each` worst, middle and best cases by OverallDice, none twice; cases without one are left out.
struct Examples {
  std::vector<std::size_t> worst, middle, best;
};
Examples ChooseExamples(absl::Span<const CaseResult> cases, std::size_t each);

}  // namespace amaes
