// A file that TensorBoard reads: records (length, bytes, masked CRC-32C of each), every one an Event message.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace amaes {

// One record: what surrounds `bytes` in the file, and `bytes`. Pure.
std::string FramedEvent(absl::string_view bytes);

// Not thread-safe. After an error the next event takes the place of the one that failed: no record stays torn.
class EventFile {
 public:
  // A new file, or an empty one in place of `path`. Readers that have events of `first_step` or later from other files of the
  // folder drop them: files are read in the order of their names.
  //   - NotFound, PermissionDenied, ResourceExhausted, Unavailable: I/O error.
  static absl::StatusOr<EventFile> Create(const std::filesystem::path& path, std::int64_t first_step, absl::Time now);
  EventFile(EventFile&& other) noexcept;
  EventFile& operator=(EventFile&&) = delete;
  ~EventFile();

  using Scalar = std::pair<std::string, double>;  // tag and value; any value, NaN too
  // - ResourceExhausted, Unavailable: I/O error.
  absl::Status AddScalars(std::int64_t step, absl::Time now, const std::vector<Scalar>& scalars);
  // `png` is the file's bytes.   - InvalidArgument: no PNG.   - I/O errors as above.
  absl::Status AddImage(std::int64_t step, absl::Time now, const std::string& tag, absl::string_view png);

 private:
  EventFile(std::filesystem::path path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  absl::Status Append(const std::string& event);

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::int64_t length_ = 0;
};

}  // namespace amaes
