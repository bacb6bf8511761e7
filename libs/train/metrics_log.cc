#include "libs/train/metrics_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"

namespace amaes {

absl::StatusOr<MetricsLog> MetricsLog::Open(const std::filesystem::path& path, std::int64_t length) {
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) return files::ErrnoStatus(errno, "open", path);
  MetricsLog log(path, descriptor, length);
  struct stat status {};
  if (fstat(descriptor, &status) != 0) return files::ErrnoStatus(errno, "stat", path);
  if (status.st_size < length) {
    return absl::DataLossError(
        absl::StrCat("metrics: ", path.string(), " has ", status.st_size, " bytes; the checkpoint names ", length));
  }
  if (ftruncate(descriptor, length) != 0) return files::ErrnoStatus(errno, "truncate", path);
  return log;
}

MetricsLog::MetricsLog(std::filesystem::path path, int descriptor, std::int64_t length)
    : path_(std::move(path)), descriptor_(descriptor), length_(length) {}

MetricsLog::MetricsLog(MetricsLog&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      length_(other.length_),
      buffer_(std::move(other.buffer_)) {}

MetricsLog::~MetricsLog() {
  if (descriptor_ >= 0) close(descriptor_);
}

namespace {

// Numbers that are not finite have no JSON form and are left out.
void AppendMetrics(const MetricMap& metrics, std::string& out) {
  for (const auto& [name, value] : metrics) {
    if (std::isfinite(value)) absl::StrAppendFormat(&out, ",\"%s\":%.9g", name, value);
  }
  out += "}\n";
}

}  // namespace

void MetricsLog::Append(const TrainProgress& progress) {
  absl::StrAppendFormat(&buffer_, "{\"step\":%d,\"lr\":%.9g", progress.step, progress.learning_rate);
  AppendMetrics(progress.metrics, buffer_);
}

void MetricsLog::Append(const ValidationResult& result) {
  absl::StrAppendFormat(&buffer_, "{\"step\":%d,\"split\":\"%s\"", result.step, result.split);
  AppendMetrics(result.metrics, buffer_);
}

absl::StatusOr<std::int64_t> MetricsLog::Flush(bool durable) {
  absl::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t written = pwrite(descriptor_, rest.data(), rest.size(), length_);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return files::ErrnoStatus(errno, "write", path_);
    rest.remove_prefix(written);
    length_ += written;
  }
  buffer_.clear();
  if (durable && fdatasync(descriptor_) != 0) return files::ErrnoStatus(errno, "flush", path_);
  return length_;
}

absl::StatusOr<MetricsHistory> ReadMetrics(const std::filesystem::path& path) {
  AMAES_ASSIGN_OR_RETURN(const std::string text, files::Read(path));
  MetricsHistory history;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const nlohmann::json json = nlohmann::json::parse(line, /*cb=*/nullptr, /*allow_exceptions=*/false);
    if (!json.is_object() || !json.contains("step") || !json["step"].is_number()) continue;
    MetricMap metrics;
    for (const auto& [name, value] : json.items()) {
      if (value.is_number() && name != "step" && name != "lr") metrics[name] = value.get<double>();
    }
    const auto step = json["step"].get<std::int64_t>();
    if (json.contains("split") && json["split"].is_string()) {
      history.validations.push_back(
          {.step = step, .split = json["split"].get<std::string>(), .metrics = std::move(metrics)});
    } else {
      TrainProgress progress;
      progress.step = step;
      progress.metrics = std::move(metrics);
      if (json.contains("lr") && json["lr"].is_number()) progress.learning_rate = json["lr"].get<double>();
      history.steps.push_back(std::move(progress));
    }
  }
  return history;
}

}  // namespace amaes
