#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "libs/spec/fields.h"
#include "libs/spec/spec_io.h"

namespace amaes {
namespace {

// A JSON value as a YAML scalar: a text without anything special in it needs no quotes.
std::string YamlScalar(const std::string& json) {
  static const auto* const reserved =
      new std::set<std::string>{"true", "false", "yes", "no", "on", "off", "null", "y", "n"};
  if (json.size() < 3 || json[0] != '"') return json;
  const std::string text = json.substr(1, json.size() - 2);
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '/' || c == '.';
  });
  const bool starts_well = absl::ascii_isalpha(static_cast<unsigned char>(text[0])) || text[0] == '/';
  return plain && starts_well && !reserved->contains(absl::AsciiStrToLower(text)) ? text : json;
}

constexpr JobKind kKinds[] = {JobKind::kPretrain, JobKind::kFinetune, JobKind::kEvaluate, JobKind::kIngest};

// "pretrain, finetune"; nothing when every kind has the field.
std::string KindsOf(const Field& field) {
  std::vector<std::string> names;
  for (const JobKind kind : kKinds) {
    if (field.kinds.contains(kind)) names.emplace_back(JobKindName(kind));
  }
  return names.size() == std::size(kKinds) ? "" : absl::StrJoin(names, ", ");
}

// Of every kind that has the field: "16", or "16, 8" where they differ.
std::string Defaults(const Field& field) {
  std::vector<std::string> values;
  for (const JobKind kind : kKinds) {
    JobSpec spec;
    spec.kind = kind;
    if (!field.kinds.contains(kind) || field.path == "kind") continue;
    const std::string value = YamlScalar(FieldValueJson(field, spec));
    if (values.empty() || values.back() != value) values.push_back(value);
  }
  return field.path == "kind" ? "pretrain" : absl::StrJoin(values, ", ");
}

}  // namespace

std::string SpecToJson(const JobSpec& spec) {
  nlohmann::ordered_json out = nlohmann::ordered_json::object();
  for (const Field& field : SpecFields()) {
    if (!field.kinds.contains(spec.kind)) continue;
    nlohmann::ordered_json* node = &out;
    for (const absl::string_view part : absl::StrSplit(field.path, '.')) node = &(*node)[std::string(part)];
    *node = nlohmann::ordered_json::parse(FieldValueJson(field, spec));
  }
  return out.dump();
}

std::string SpecToYaml(const JobSpec& spec) {
  std::string out;
  std::string open_group;
  for (const Field& field : SpecFields()) {
    if (!field.kinds.contains(spec.kind)) continue;
    const std::size_t dot = field.path.find('.');
    const std::string group = dot == std::string::npos ? "" : field.path.substr(0, dot);
    if (!group.empty() && group != open_group) absl::StrAppend(&out, group, ":\n");
    open_group = group;
    absl::StrAppend(&out, group.empty() ? "" : "  ", dot == std::string::npos ? field.path : field.path.substr(dot + 1),
                    ": ", YamlScalar(FieldValueJson(field, spec)), "\n");
  }
  return out;
}

std::string DescribeSpecFields() {
  std::vector<std::vector<std::string>> rows = {{"FIELD", "KIND", "DEFAULT", "UNIT", "ALLOWED", "MEANING"}};
  for (const Field& field : SpecFields()) {
    rows.push_back({field.path, KindsOf(field), Defaults(field), field.unit, FieldAllowed(field), field.doc});
  }
  std::vector<std::size_t> widths(rows[0].size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i)
      absl::StrAppendFormat(&out, "%-*s  ", static_cast<int>(widths[i]), row[i]);
    absl::StrAppend(&out, row.back(), "\n");
  }
  return out;
}

std::string SpecFieldsMarkdown() {
  std::string out = "| field | kinds | type | unit | default | allowed | meaning |\n|---|---|---|---|---|---|---|\n";
  const auto cell = [](const std::string& text) { return absl::StrReplaceAll(text, {{"|", "\\|"}}); };
  for (const Field& field : SpecFields()) {
    const std::string value = Defaults(field);
    const std::string kinds = KindsOf(field);
    absl::StrAppend(&out, "| `", field.path, "` | ", kinds.empty() ? "all" : kinds, " | ", FieldTypeName(field), " | ",
                    cell(field.unit), " | ",
                    value.empty() || value == "\"\"" ? "" : absl::StrCat("`", cell(value), "`"), " | ",
                    cell(FieldAllowed(field)), " | ", cell(field.doc), " |\n");
  }
  return out;
}

}  // namespace amaes
