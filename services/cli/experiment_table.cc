#include "services/cli/experiment_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace amaes {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

Spread SpreadOf(const std::vector<double>& values) {
  Spread spread{kNone, kNone, static_cast<int>(values.size())};
  if (values.empty()) return spread;
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  spread.mean = sum / spread.count;
  for (const double value : values) squares += (value - spread.mean) * (value - spread.mean);
  if (spread.count > 1) spread.standard_deviation = std::sqrt(squares / (spread.count - 1));
  return spread;
}

// arm → seed → value
using ValuesOfRow = std::map<std::string, std::map<std::int64_t, double>>;

Spread Difference(const ValuesOfRow& values, const ExperimentArm& arm) {
  const auto own = values.find(arm.name), control = values.find(arm.control);
  std::vector<double> differences;
  if (own != values.end() && control != values.end()) {
    for (const auto& [seed, value] : own->second) {
      const auto other = control->second.find(seed);
      if (other != control->second.end()) differences.push_back(value - other->second);
    }
  }
  return SpreadOf(differences);
}

ComparisonRow RowOf(const Experiment& experiment, const ValuesOfRow& values) {
  ComparisonRow row;
  for (const ExperimentArm& arm : experiment.arms) {
    std::vector<double> own;
    if (const auto found = values.find(arm.name); found != values.end()) {
      for (const auto& [seed, value] : found->second) own.push_back(value);
    }
    row.arms.push_back(SpreadOf(own));
    row.differences.push_back(arm.control.empty() ? SpreadOf({}) : Difference(values, arm));
  }
  return row;
}

std::string CsvNumber(double value) { return std::isfinite(value) ? absl::StrFormat("%.6g", value) : ""; }

}  // namespace

std::vector<ComparisonRow> CompareArms(const Experiment& experiment, const std::vector<ArmScore>& scores) {
  std::vector<ComparisonRow> rows;
  for (const std::string& evaluation : experiment.evaluations) {
    std::vector<std::string> regions;
    std::map<std::string, ValuesOfRow> values;
    for (const ArmScore& score : scores) {
      if (score.evaluation != evaluation) continue;
      if (std::find(regions.begin(), regions.end(), score.region) == regions.end()) regions.push_back(score.region);
      if (std::isfinite(score.value)) values[score.region][score.arm][score.seed] = score.value;
    }
    for (const std::string& region : regions) {
      rows.push_back(RowOf(experiment, values[region]));
      rows.back().evaluation = evaluation;
      rows.back().region = region;
    }
  }
  return rows;
}

std::string SpreadText(const Spread& spread, bool sign) {
  if (spread.count == 0) return "-";
  std::string text = sign ? absl::StrFormat("%+.4f", spread.mean) : absl::StrFormat("%.4f", spread.mean);
  if (spread.count > 1) absl::StrAppend(&text, absl::StrFormat(" ± %.4f", spread.standard_deviation));
  return absl::StrCat(text, " (", spread.count, ")");
}

ComparisonText ComparisonForPeople(const Experiment& experiment, const std::vector<ComparisonRow>& rows) {
  ComparisonText text;
  text.header = {"evaluation", "region"};
  for (const ExperimentArm& arm : experiment.arms) text.header.push_back(arm.name);
  for (const ExperimentArm& arm : experiment.arms) {
    if (!arm.control.empty()) text.header.push_back(absl::StrCat(arm.name, " - ", arm.control));
  }
  for (const ComparisonRow& row : rows) {
    std::vector<std::string> cells = {row.evaluation, row.region};
    for (const Spread& arm : row.arms) cells.push_back(SpreadText(arm, false));
    for (std::size_t i = 0; i < experiment.arms.size(); ++i) {
      if (!experiment.arms[i].control.empty()) cells.push_back(SpreadText(row.differences[i], true));
    }
    text.rows.push_back(std::move(cells));
  }
  return text;
}

std::string ComparisonMarkdown(const ComparisonText& text) {
  const auto line = [](const std::vector<std::string>& cells) {
    return absl::StrCat("| ", absl::StrJoin(cells, " | "), " |\n");
  };
  std::string out = line(text.header);
  absl::StrAppend(&out, line(std::vector<std::string>(text.header.size(), "---")));
  for (const auto& row : text.rows) absl::StrAppend(&out, line(row));
  return out;
}

std::string ComparisonCsv(const Experiment& experiment, const std::vector<ComparisonRow>& rows) {
  std::string out =
      "evaluation,region,arm,metric,mean,standard_deviation,seeds,control,difference_mean,difference_standard_"
      "deviation,pairs\n";
  for (const ComparisonRow& row : rows) {
    for (std::size_t i = 0; i < experiment.arms.size(); ++i) {
      const ExperimentArm& arm = experiment.arms[i];
      const Spread& own = row.arms[i];
      const Spread& difference = row.differences[i];
      absl::StrAppend(&out,
                      absl::StrJoin({row.evaluation, row.region, arm.name, experiment.metric, CsvNumber(own.mean),
                                     CsvNumber(own.standard_deviation), absl::StrCat(own.count), arm.control,
                                     CsvNumber(difference.mean), CsvNumber(difference.standard_deviation),
                                     absl::StrCat(difference.count)},
                                    ","),
                      "\n");
    }
  }
  return out;
}

std::string ComparisonJson(const Experiment& experiment, const std::vector<ComparisonRow>& rows) {
  const auto number = [](double value) {
    return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json();
  };
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const ComparisonRow& row : rows) {
    for (std::size_t i = 0; i < experiment.arms.size(); ++i) {
      const Spread& own = row.arms[i];
      const Spread& difference = row.differences[i];
      out.push_back({{"evaluation", row.evaluation},
                     {"region", row.region},
                     {"arm", experiment.arms[i].name},
                     {"metric", experiment.metric},
                     {"mean", number(own.mean)},
                     {"standard_deviation", number(own.standard_deviation)},
                     {"seeds", own.count},
                     {"control", experiment.arms[i].control},
                     {"difference_mean", number(difference.mean)},
                     {"difference_standard_deviation", number(difference.standard_deviation)},
                     {"pairs", difference.count}});
    }
  }
  return out.dump(2) + "\n";
}

}  // namespace amaes
