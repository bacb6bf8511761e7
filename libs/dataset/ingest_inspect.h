// Headers of many files at once.
#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/dataset/ingest_plan.h"

namespace amaes {

// One entry per request, in order, whatever the number of threads. Messages name no file. What must be unpacked first costs a read: of such members only a few are looked at, unless every header
// is `needed`. What must be converted first is left out.   - Cancelled: `on_progress` said so.
absl::StatusOr<std::vector<HeaderFacts>> InspectHeaders(const std::vector<ReadRequest>& requests, int threads,
                                                        bool needed, const InspectProgress& on_progress);

}  // namespace amaes
