// What an experiment came to: its arms side by side, over the seeds. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libs/spec/experiment.h"

namespace amaes {

// The mean over the cases of one evaluation of one finetuned network.
struct ArmScore {
  std::string evaluation, arm;
  std::int64_t seed = 0;
  std::string region;
  double value = 0;  // of the experiment's metric
};

struct Spread {
  double mean = 0, standard_deviation = 0;  // of the sample; NaN below one and below two values
  int count = 0;
};

struct ComparisonRow {
  std::string evaluation, region;
  std::vector<Spread> arms;         // over the seeds, in the experiment's order
  std::vector<Spread> differences;  // arm minus its control, seed by seed; count 0 without control
};

// Rows in the order of the evaluations, then of the regions as they come. Values that are not finite do not count.
std::vector<ComparisonRow> CompareArms(const Experiment& experiment, const std::vector<ArmScore>& scores);

// "0.7312 ± 0.0121 (3)"; "-" without a value.
std::string SpreadText(const Spread& spread, bool sign);

// Header and rows of a table for people, and the same as Markdown and CSV (one line per row and arm).
struct ComparisonText {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
};
ComparisonText ComparisonForPeople(const Experiment& experiment, const std::vector<ComparisonRow>& rows);
std::string ComparisonMarkdown(const ComparisonText& text);
std::string ComparisonCsv(const Experiment& experiment, const std::vector<ComparisonRow>& rows);
// A list of objects, the fields those of the CSV; what has no value is null.
std::string ComparisonJson(const Experiment& experiment, const std::vector<ComparisonRow>& rows);

}  // namespace amaes
