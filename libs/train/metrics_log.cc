#include "libs/train/metrics_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
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

void MetricsLog::Append(const TrainProgress& progress) {
  absl::StrAppendFormat(&buffer_, "{\"step\":%d,\"loss_masked\":%.9g,\"loss_visible\":%.9g,\"masked_r2\":%.9g,\"lr\":%.9g}\n",
                        progress.step, progress.loss_masked, progress.loss_visible, progress.masked_r2,
                        progress.learning_rate);
}

void MetricsLog::Append(const ValidationResult& result) {
  absl::StrAppendFormat(&buffer_,
                        "{\"step\":%d,\"split\":\"%s\",\"loss_masked\":%.9g,\"loss_visible\":%.9g,\"masked_r2\":%.9g,"
                        "\"loss_visible_mean\":%.9g}\n",
                        result.step, result.split, result.loss_masked, result.loss_visible, result.masked_r2,
                        result.loss_visible_mean);
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
    const auto number = [&](const char* key) {
      return json.contains(key) && json[key].is_number() ? json[key].get<double>() : 0.0;
    };
    if (json.contains("split") && json["split"].is_string()) {
      history.validations.push_back({.step = json["step"].get<std::int64_t>(), .split = json["split"].get<std::string>(),
                                     .loss_masked = number("loss_masked"), .loss_visible = number("loss_visible"),
                                     .masked_r2 = number("masked_r2"), .loss_visible_mean = number("loss_visible_mean")});
    } else {
      TrainProgress step;
      step.step = json["step"].get<std::int64_t>();
      step.loss_masked = number("loss_masked");
      step.loss_visible = number("loss_visible");
      step.masked_r2 = number("masked_r2");
      step.learning_rate = number("lr");
      history.steps.push_back(step);
    }
  }
  return history;
}

}  // namespace amaes
