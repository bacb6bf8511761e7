// What the network makes of one fixed crop of each split, drawn at a validation: jobs/JOB/pictures/STEP-SPLIT.png.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "libs/evaluate/objective.h"
#include "libs/train/train_options.h"

namespace amaes {

// Draws each split's crop (null: none) where the objective has a picture of it, reports it, and deletes the pictures that the
// rule of libs/picture/job_pictures.h gives up. Rank 0 only. Errors of the parts it uses.
absl::Status WriteValidationPictures(const TrainOptions& options, const TrainEnvironment& environment,
                                     const Network& network, std::int64_t step,
                                     absl::Span<const std::pair<std::string, const Sample*>> crops,
                                     absl::Span<const ValidationResult> results);

}  // namespace amaes
