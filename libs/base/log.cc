#include "libs/base/log.h"

#include <unistd.h>

#include <cstdlib>

#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"

namespace amaes {
namespace {

constexpr absl::string_view kNames[] = {"DEBUG", "INFO", "WARNING", "ERROR"};

// AMAES_LOG=debug|info|warning|error; info when unset or unknown.
Severity Threshold() {
  static const Severity threshold = [] {
    const char* value = std::getenv("AMAES_LOG");
    const absl::string_view name = value == nullptr ? "" : value;
    if (name == "debug") return Severity::kDebug;
    if (name == "warning") return Severity::kWarning;
    if (name == "error") return Severity::kError;
    return Severity::kInfo;
  }();
  return threshold;
}

// Quoted when it holds a space or a quote; a newline never splits a log line.
std::string Quoted(const std::string& value) {
  if (!value.empty() && value.find_first_of(" \"\n=") == std::string::npos) return value;
  return absl::StrCat("\"", absl::StrReplaceAll(value, {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}}), "\"");
}

}  // namespace

void Log(Severity severity, absl::string_view component, absl::string_view message,
         std::initializer_list<LogField> fields) {
  if (severity < Threshold()) return;
  std::string line =
      absl::StrCat(absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", SystemClock().Now(), absl::UTCTimeZone()), " ",
                   kNames[static_cast<int>(severity)], " ", component, " ", message);
  for (const LogField& field : fields) absl::StrAppend(&line, " ", field.key, "=", Quoted(field.value));
  line.push_back('\n');
  // A log line that cannot be written has nowhere to be reported.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

void CheckFailed(const char* condition, const char* file, int line) {
  LogError("check", "failed: this is a bug", {{"condition", condition}, {"file", file}, {"line", line}});
  std::abort();
}

}  // namespace amaes
