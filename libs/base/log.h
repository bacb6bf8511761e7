// Log lines on stderr: "2026-01-02T03:04:05.678Z INFO component message key=value …". One write per line, thread-safe.
//
//   LogInfo("scheduler", "placed", {{"job", id}, {"attempt", 2}});
//
// No file name, subject name or path of a user's data belongs into a log line.
#pragma once

#include <initializer_list>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace amaes {

enum class Severity { kDebug, kInfo, kWarning, kError };

struct LogField {
  absl::string_view key;
  std::string value;
  LogField(absl::string_view k, absl::string_view v) : key(k), value(v) {}
  LogField(absl::string_view k, const std::string& v) : key(k), value(v) {}
  LogField(absl::string_view k, const char* v) : key(k), value(v) {}
  template <typename T>
  LogField(absl::string_view k, const T& v) : key(k), value(absl::StrCat(v)) {}
};

void Log(Severity severity, absl::string_view component, absl::string_view message,
         std::initializer_list<LogField> fields = {});

inline void LogInfo(absl::string_view component, absl::string_view message,
                    std::initializer_list<LogField> fields = {}) {
  Log(Severity::kInfo, component, message, fields);
}
inline void LogWarning(absl::string_view component, absl::string_view message,
                       std::initializer_list<LogField> fields = {}) {
  Log(Severity::kWarning, component, message, fields);
}
inline void LogError(absl::string_view component, absl::string_view message,
                     std::initializer_list<LogField> fields = {}) {
  Log(Severity::kError, component, message, fields);
}

// Only for our own mistakes; never reachable from input, files or the network. Stays on in release builds.
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);

}  // namespace amaes

#define AMAES_CHECK(condition) \
  (static_cast<bool>(condition) ? void(0) : ::amaes::CheckFailed(#condition, __FILE__, __LINE__))
