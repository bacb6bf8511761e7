#include "libs/dataset/layout/facts.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/base/utf8.h"
#include "libs/dataset/layout/json_text.h"
#include "nlohmann/json.hpp"

namespace amaes {
namespace {

constexpr std::size_t kMaxValueBytes = 120;
constexpr double kMillisecondsPerSecond = 1000;

bool SaysNothing(absl::string_view value) {
  for (const absl::string_view word : {"", "n/a", "na", "nan", "none", "null", "unknown", "-", "?"}) {
    if (absl::EqualsIgnoreCase(value, word)) return true;
  }
  return false;
}

// One line of at most `kMaxValueBytes`, cut between characters.
std::string OneLine(absl::string_view value) {
  std::string text = ReplaceInvalidUtf8(value, "?");
  for (char& c : text) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  if (text.size() > kMaxValueBytes) {
    std::size_t end = kMaxValueBytes;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text.resize(end);
  }
  return std::string(absl::StripAsciiWhitespace(text));
}

bool Number(absl::string_view text, double& value) {
  return absl::SimpleAtod(absl::StripAsciiWhitespace(text), &value) && std::isfinite(value);
}

// "34", "034Y", "18M", "89+", "18-24" (its middle) → years; "" if it is none of these.
std::string AgeYears(absl::string_view text) {
  double scale = 1;
  if (!text.empty()) {
    const char unit = absl::ascii_toupper(static_cast<unsigned char>(text.back()));
    if (unit == 'Y' || unit == 'M' || unit == 'W' || unit == 'D' || unit == '+') text.remove_suffix(1);
    if (unit == 'M') scale = 1.0 / 12;
    if (unit == 'W') scale = 7 / 365.25;
    if (unit == 'D') scale = 1 / 365.25;
  }
  double value = 0;
  const std::size_t dash = text.find('-', 1);
  if (dash != absl::string_view::npos) {
    double low = 0, high = 0;
    if (!Number(text.substr(0, dash), low) || !Number(text.substr(dash + 1), high)) return {};
    value = (low + high) / 2;
  } else if (!Number(text, value)) {
    return {};
  }
  value *= scale;
  if (value < 0 || value > 130) return {};
  return absl::StrCat(std::round(value * 100) / 100);
}

std::string Sex(absl::string_view text) {
  const std::string word = absl::AsciiStrToLower(text);
  if (word == "m" || word == "male" || word == "man" || word == "boy") return "M";
  if (word == "f" || word == "female" || word == "woman" || word == "girl" || word == "w") return "F";
  return word == "o" || word == "other" ? "O" : "";
}

void PutNumber(ScanInfo& info, const char* key, absl::string_view text, double scale) {
  double value = 0;
  if (Number(text, value) && value > 0) info[key] = absl::StrCat(value * scale);
}

struct Spelling {
  absl::string_view column;
  const char* key;
};
// Columns without a unit question.
constexpr std::array kSpellings = {
    Spelling{"age", "age_years"},
    Spelling{"age_years", "age_years"},
    Spelling{"age_at_scan", "age_years"},
    Spelling{"sex", "sex"},
    Spelling{"gender", "sex"},
    Spelling{"manufacturer", "manufacturer"},
    Spelling{"ManufacturersModelName", "scanner"},
    Spelling{"ManufacturerModelName", "scanner"},
    Spelling{"model_name", "scanner"},
    Spelling{"scanner", "scanner"},
    Spelling{"MagneticFieldStrength", "field_strength_t"},
    Spelling{"magnetic_field_strength", "field_strength_t"},
    Spelling{"field_strength", "field_strength_t"},
    Spelling{"field_strength_t", "field_strength_t"},
    Spelling{"quality", "quality"},
    Spelling{"image_quality_score", "quality"},
    Spelling{"echo_time_ms", "echo_time_ms"},
    Spelling{"repetition_time_ms", "repetition_time_ms"},
};

}  // namespace

void PutFact(ScanInfo& info, const std::string& key, absl::string_view raw) {
  const absl::string_view value = absl::StripAsciiWhitespace(raw);
  if (SaysNothing(value)) return;
  std::string text;
  if (key == "age_years") {
    text = AgeYears(value);
  } else if (key == "sex") {
    text = Sex(value);
  } else if (key == "field_strength_t" || key == "echo_time_ms" || key == "repetition_time_ms") {
    double number = 0;
    if (!Number(value, number) || number <= 0) return;
    // Some headers state gauss.
    if (key == "field_strength_t" && number >= 1000) number /= 10000;
    text = absl::StrCat(number);
  } else {
    text = OneLine(value);
  }
  if (!text.empty()) info[key] = text;
}

absl::Status PutSidecar(absl::string_view json, ScanInfo& info) {
  AMAES_ASSIGN_OR_RETURN(const nlohmann::json sidecar, ParseJsonText(json));
  if (!sidecar.is_object()) return absl::InvalidArgumentError("not a JSON object");
  PutFact(info, "manufacturer", JsonText(sidecar, "Manufacturer"));
  PutFact(info, "scanner", JsonText(sidecar, "ManufacturersModelName"));
  PutFact(info, "field_strength_t", JsonText(sidecar, "MagneticFieldStrength"));
  PutNumber(info, "echo_time_ms", JsonText(sidecar, "EchoTime"), kMillisecondsPerSecond);
  PutNumber(info, "repetition_time_ms", JsonText(sidecar, "RepetitionTime"), kMillisecondsPerSecond);
  return absl::OkStatus();
}

FactColumns::FactColumns(const Table& table)
    : table_(table),
      echo_(table.Column({"EchoTime", "echo_time"})),
      repetition_(table.Column({"RepetitionTime", "repetition_time"})) {
  for (const Spelling& spelling : kSpellings) {
    if (const int column = table.Column({spelling.column}); column >= 0) columns_.emplace_back(column, spelling.key);
  }
}

bool FactColumns::Uses(int column) const {
  if (column == echo_ || column == repetition_) return true;
  return std::any_of(columns_.begin(), columns_.end(), [&](const auto& used) { return used.first == column; });
}

void FactColumns::Put(const TableRow& row, ScanInfo& info) const {
  for (const auto& [column, key] : columns_) PutFact(info, key, table_.Cell(row, column));
  const std::string echo = table_.Cell(row, echo_);
  double echo_time = 0;
  if (!Number(echo, echo_time)) return;
  const double scale = echo_time < 1 ? kMillisecondsPerSecond : 1;
  PutNumber(info, "echo_time_ms", echo, scale);
  PutNumber(info, "repetition_time_ms", table_.Cell(row, repetition_), scale);
}

}  // namespace amaes
