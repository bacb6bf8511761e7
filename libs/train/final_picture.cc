#include "libs/train/final_picture.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/models/torch_errors.h"
#include "libs/picture/run_picture.h"
#include "libs/spec/probe.h"
#include "libs/train/metrics_log.h"

namespace amaes {
namespace {

LossCurve CurveOf(const MetricsHistory& history) {
  LossCurve curve;
  for (const TrainProgress& step : history.steps) {
    curve.step.push_back(static_cast<double>(step.step));
    curve.masked.push_back(MetricOf(step.metrics, "loss_masked"));
    curve.visible.push_back(MetricOf(step.metrics, "loss_visible"));
  }
  for (const ValidationResult& result : history.validations) {
    if (result.split == kProbeSplit) continue;
    ValidationCurve& points = result.split == "held_out" ? curve.held_out : curve.training_crops;
    points.step.push_back(static_cast<double>(result.step));
    points.masked.push_back(MetricOf(result.metrics, "loss_masked"));
    points.visible_mean.push_back(MetricOf(result.metrics, "loss_visible_mean"));
  }
  return curve;
}

}  // namespace

absl::Status WriteFinalPicture(const TrainOptions& options, const TrainEnvironment& environment,
                               const Network& network) {
  const std::filesystem::path folder = options.job_folder / "pictures";
  AMAES_RETURN_IF_ERROR(files::MakeFolders(folder));
  AMAES_ASSIGN_OR_RETURN(const MetricsHistory history, ReadMetrics(options.job_folder / "metrics.jsonl"));
  std::vector<ReconstructionPanel> panels;
  for (const auto& [split, title] : {std::pair{Split::kHeldOut, "Held-out crop"}, {Split::kTrain, "Training crop"}}) {
    AMAES_ASSIGN_OR_RETURN(const std::vector<Sample> crops, environment.data.FixedCrops(split, 1));
    if (crops.empty()) continue;
    std::optional<CropPicture> crop;
    AMAES_RETURN_IF_ERROR(CatchTorch("picture", [&] { crop = environment.objective.Picture(network, crops.front()); }));
    if (!crop) continue;
    panels.push_back({.title = title,
                      .shape = crop->shape,
                      .input = std::move(crop->input),
                      .masked_input = std::move(crop->masked),
                      .reconstruction = std::move(crop->reconstruction),
                      .target = std::move(crop->target)});
  }
  return WriteRunPicture(folder / "run.png", options.title, CurveOf(history), panels);
}

}  // namespace amaes
