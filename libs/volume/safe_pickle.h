// Python pickles, protocols 0 to 5, without Python: a safe subset that holds plain values and NumPy's numbers, as AMAES,
// yucca, nnU-Net and nnssl keep beside a preprocessed array. Nothing is imported, called or executed.
#pragma once

#include <filesystem>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace amaes {

// None, bool, int (64 bits), float, str, bytes and bytearray (as binary), list, tuple (as array), dict and
// collections.OrderedDict (as object; a key that is no str becomes its JSON text), NumPy scalars, and NumPy arrays of
// numbers (as nested arrays). Floats may be NaN or infinite. Thread-safe.
//   - InvalidArgument: "refused: it asks for MODULE.NAME …" (or for another thing that only executing could give),
//     "truncated: …", "damaged: …", nested deeper than 64, "too large: …" (more than 2^21 values in the file, 2^24 in
//     the result, or bytes far beyond the file's own).
absl::StatusOr<nlohmann::json> ParsePickle(absl::string_view bytes);

// - NotFound, ResourceExhausted (beyond 256 MiB), Unavailable: as files::Read.   - InvalidArgument: as ParsePickle.
absl::StatusOr<nlohmann::json> ReadPickle(const std::filesystem::path& path);

}  // namespace amaes
