#include "libs/base/log.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "absl/strings/escaping.h"
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

// Quoted when it holds a space, a quote or a control character: no value splits a log line or moves a terminal's cursor.
std::string Quoted(const std::string& value) {
  const bool plain = std::none_of(value.begin(), value.end(),
                                  [](unsigned char c) { return c <= ' ' || c == '"' || c == '=' || c == 0x7F; });
  return plain && !value.empty() ? value : absl::StrCat("\"", absl::Utf8SafeCEscape(value), "\"");
}

}  // namespace

void Log(Severity severity, absl::string_view component, absl::string_view message,
         std::initializer_list<LogField> fields) {
  if (severity < Threshold()) return;
  std::string line = absl::StrCat(absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", SystemClock().Now(), absl::UTCTimeZone()),
                                  " ", kNames[static_cast<int>(severity)], " ", component, " ", message);
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
