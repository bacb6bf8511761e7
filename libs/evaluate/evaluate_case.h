// One case from the volume store to its scores.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/dataset/catalogue.h"
#include "libs/dataset/originals.h"
#include "libs/evaluate/sliding_window.h"
#include "libs/metrics/evaluation_plan.h"
#include "libs/metrics/results.h"

namespace amaes {

struct EvaluateCaseOptions {
  std::filesystem::path volumes;  // the volume store
  Moved moved;                    // where the ingested files lie
  SlidingWindowOptions window;
  int picture_side = 300;  // pixels of an overlay's longest side
};

struct CaseOutcome {
  CaseResult result;                     // without `prediction` and `seconds`
  std::vector<std::uint8_t> prediction;  // codes, on the grid of the label's file: result.shape, RAS+
  std::filesystem::path like;  // the file whose header a prediction gets: the scan, or where it has none the label
  std::string overlay;         // PNG
};

// All channels of a case on its grid, [1, C, D, H, W] float32 on the CPU; what a channel does not hold is its minimum.
//   - NotFound, DataLoss, Unavailable: as StoredVolume.   - ResourceExhausted, Internal: of the tensor library.
absl::StatusOr<at::Tensor> ReadCaseVolume(const DatasetVersion& version, const LabelledCase& labelled,
                                          const std::filesystem::path& volumes);

// Predicts, goes back to the scan's grid, and measures. `labelled` is of `plan`. Messages name the case by its key.
//   - Cancelled: window.keep_going said no.   - FailedPrecondition: the label's file is gone, has changed or holds values that
//     are not declared; or it lies on another grid than the case.   - as ReadCaseVolume and SlidingWindow.
absl::StatusOr<CaseOutcome> EvaluateCase(const Network& network, const EvaluationPlan& plan,
                                         const DatasetVersion& version, const LabelledCase& labelled,
                                         const EvaluateCaseOptions& options);

}  // namespace amaes
