// A whole text as a gzip file.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace amaes {

// The same content gives the same bytes.   - ResourceExhausted: no memory.
absl::StatusOr<std::string> Gzip(const std::string& content);

}  // namespace amaes
