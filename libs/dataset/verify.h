// Reads a dataset version's volumes and finds what is damaged.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "libs/dataset/catalogue.h"

namespace amaes {

struct VolumeDamage {
  std::string volume;           // name of the stored volume
  std::string subject, source;  // of the catalogue entry
  std::string part;             // "volume", or the role of a companion
  std::int64_t chunk = -1;      // -1: not in a chunk
  std::string problem;
  bool operator==(const VolumeDamage&) const = default;
};

struct VerifyProgress {
  std::int64_t files = 0, done = 0;  // stored volumes, companions included, each once
  std::int64_t bytes = 0, bytes_done = 0;
  std::int64_t damaged = 0;  // files
};

struct VerifyCallbacks {
  // Both are called from any thread, one call at a time.
  std::function<void(const VolumeDamage&)> on_damage;
  // After every file; false ends the verification.
  std::function<bool(const VerifyProgress&)> on_progress;
};

// Checks of every stored file: that it opens (its own checksum of header, index and trailer), has the size and the shape
// that the catalogue says, and that every chunk has the catalogue's checksum and decodes. All damaged chunks of a file are
// named. The catalogue itself was checked by ReadVersion. Uses `threads` threads and blocks until all is read.
//   - Cancelled: on_progress said so.
absl::Status VerifyVersion(const DatasetVersion& version, const std::filesystem::path& volumes, int threads,
                           const VerifyCallbacks& callbacks);

}  // namespace amaes
