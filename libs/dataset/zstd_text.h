// Text in a zstd frame with its size and a checksum.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace amaes {

std::string CompressText(absl::string_view text);
// - DataLoss: not one whole frame of ours, damaged, or larger than 4 GiB.
absl::StatusOr<std::string> DecompressText(absl::string_view frame);

}  // namespace amaes
