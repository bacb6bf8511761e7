#include "services/cli/output.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "services/cli/exit_codes.h"

namespace amaes {
namespace {

// Characters, not bytes, of UTF-8 text.
std::size_t Width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string Padded(const std::string& text, std::size_t width) {
  return absl::StrCat(text, std::string(width - std::min(width, Width(text)), ' '));
}

google::protobuf::util::JsonPrintOptions JsonOptions() {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  return options;
}

}  // namespace

std::string FormatTable(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const std::string& cell : header) widths.push_back(Width(cell));
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string text;
  const auto append = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) absl::StrAppend(&line, Padded(row[i], widths[i]), "  ");
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, line, "\n");
  };
  append(header);
  for (const auto& row : rows) append(row);
  return text;
}

std::string FormatPairs(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::size_t width = 0;
  for (const auto& [name, value] : pairs) width = std::max(width, Width(name));
  std::string text;
  for (const auto& [name, value] : pairs) absl::StrAppend(&text, Padded(name, width), "  ", value, "\n");
  return text;
}

std::string ToJson(const google::protobuf::Message& message) {
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(message, &text, JsonOptions());
  return status.ok() ? text : "{}\n";
}

std::string ToJsonArray(const std::vector<const google::protobuf::Message*>& messages) {
  std::vector<std::string> items;
  for (const auto* message : messages) items.push_back(ToJson(*message));
  return absl::StrCat("[", absl::StrJoin(items, ","), "]\n");
}

std::string FormatDuration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "-";
  const auto whole = static_cast<std::int64_t>(std::lround(seconds));
  if (whole < 60) return absl::StrFormat("%d s", whole);
  if (whole < 3600) return absl::StrFormat("%d min %02d s", whole / 60, whole % 60);
  if (whole < 86400) return absl::StrFormat("%d h %02d min", whole / 3600, whole % 3600 / 60);
  return absl::StrFormat("%d d %02d h", whole / 86400, whole % 86400 / 3600);
}

std::string FormatCount(std::int64_t count) {
  std::string digits = absl::StrCat(count < 0 ? -count : count);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, 1, ',');
  return count < 0 ? absl::StrCat("-", digits) : digits;
}

std::string FormatTime(const google::protobuf::Timestamp& time) {
  if (time.seconds() <= 0) return "-";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixSeconds(time.seconds()), absl::LocalTimeZone());
}

std::string FormatNumber(double value) { return absl::StrFormat("%.4g", value); }

void PrintError(const absl::Status& status) {
  std::cerr << "error: " << status.message() << "\n";
  if (ExitCodeOf(status) == kExitUnavailable) {
    std::cerr << "hint: is a coordinator running? `amaes up` starts one; --coordinator HOST:PORT or AMAES_COORDINATOR "
                 "names another one.\n";
  }
}

ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
      return kExitUsage;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kExitUnavailable;
    case absl::StatusCode::kDataLoss:
      return kExitDataLoss;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
      return kExitConflict;
    case absl::StatusCode::kCancelled:
      return kExitInterrupted;
    default:
      return kExitError;
  }
}

}  // namespace amaes
