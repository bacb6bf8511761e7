#include "libs/picture/run_picture.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/base/status_macros.h"
#include "libs/picture/axis.h"
#include "libs/picture/font.h"
#include "libs/picture/loss_plot.h"
#include "libs/picture/panel_view.h"
#include "libs/picture/picture.h"
#include "libs/picture/style.h"

namespace amaes {
namespace {

constexpr int kMargin = 40;
constexpr int kWidth = kPanelWidth + 2 * kMargin;
constexpr int kHeader = 96;
constexpr int kPlotHeight = 400;
constexpr int kBetween = 44;
constexpr std::int64_t kLargestSide = 4096;
constexpr std::size_t kMostPanels = 16;

absl::Status CheckCurve(const ValidationCurve& curve, absl::string_view name) {
  if (curve.masked.size() == curve.step.size() && curve.visible_mean.size() == curve.step.size())
    return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("curve of ", name, ": ", curve.step.size(), " steps, ",
                                                 curve.masked.size(), " masked and ", curve.visible_mean.size(),
                                                 " baseline values"));
}

absl::Status CheckPanel(const ReconstructionPanel& panel) {
  for (const std::int64_t side : panel.shape) {
    if (side < 1 || side > kLargestSide) {
      return absl::InvalidArgumentError(absl::StrCat("panel \"", panel.title, "\": a side of ", side, " voxels"));
    }
  }
  const auto voxels = static_cast<std::size_t>(VoxelCount(panel.shape));
  for (const auto* volume : {&panel.input, &panel.masked_input, &panel.reconstruction, &panel.target}) {
    if (volume->size() != voxels) {
      return absl::InvalidArgumentError(absl::StrCat("panel \"", panel.title, "\": ", volume->size(),
                                                     " values where the shape has ", voxels, " voxels"));
    }
  }
  return absl::OkStatus();
}

absl::Status Check(const LossCurve& curve, const std::vector<ReconstructionPanel>& panels) {
  if (curve.masked.size() != curve.step.size() || curve.visible.size() != curve.step.size()) {
    return absl::InvalidArgumentError(absl::StrCat("loss curve: ", curve.step.size(), " steps, ", curve.masked.size(),
                                                   " masked and ", curve.visible.size(), " visible values"));
  }
  AMAES_RETURN_IF_ERROR(CheckCurve(curve.held_out, "held-out crops"));
  AMAES_RETURN_IF_ERROR(CheckCurve(curve.training_crops, "training crops"));
  if (panels.size() > kMostPanels) {
    return absl::InvalidArgumentError(
        absl::StrCat(panels.size(), " panels; at most ", kMostPanels, " fit one picture"));
  }
  for (const ReconstructionPanel& panel : panels) AMAES_RETURN_IF_ERROR(CheckPanel(panel));
  return absl::OkStatus();
}

// "held-out crops: masked loss 0.0071, masked_r2 0.77" of the last point.
std::string Outcome(const ValidationCurve& curve, absl::string_view name) {
  if (curve.step.empty() || !std::isfinite(curve.masked.back())) return "";
  std::string out = absl::StrFormat("%s: masked loss %.3g", name, curve.masked.back());
  const double baseline = curve.visible_mean.back();
  if (std::isfinite(baseline) && baseline > 0) {
    absl::StrAppendFormat(&out, " against %.3g of the baseline, masked_r2 %.2f", baseline,
                          1 - curve.masked.back() / baseline);
  }
  return out;
}

// What a reader wants to know first.
std::string Summary(const LossCurve& curve) {
  std::string out;
  const ValidationCurve& shown = curve.held_out.step.empty() ? curve.training_crops : curve.held_out;
  const std::string outcome = Outcome(shown, curve.held_out.step.empty() ? "training crops" : "held-out crops");
  double last = curve.step.empty() ? 0 : curve.step.back();
  if (!shown.step.empty()) last = std::max(last, shown.step.back());
  if (curve.step.empty() && shown.step.empty()) return "";
  if (std::isfinite(last)) out = absl::StrCat("Step ", TickLabel(last));
  if (!outcome.empty()) absl::StrAppend(&out, "   ", outcome);
  return out;
}

}  // namespace

absl::Status WriteRunPicture(const std::filesystem::path& path, const std::string& title, const LossCurve& curve,
                             const std::vector<ReconstructionPanel>& panels) {
  AMAES_RETURN_IF_ERROR(Check(curve, panels));
  const int height = kHeader + kPlotHeight + static_cast<int>(panels.size()) * (kBetween + kPanelHeight) + kMargin;
  Picture picture(kWidth, height);
  picture.Text({kMargin, 50}, FittedText(title, style::kTitle.size, kPanelWidth), style::kTitle);
  picture.Text({kMargin, 74}, FittedText(Summary(curve), style::kNote.size, kPanelWidth), style::kNote);
  DrawLossPlot(picture, {kMargin, kHeader, kPanelWidth, kPlotHeight}, curve);
  int y = kHeader + kPlotHeight + kBetween;
  for (const ReconstructionPanel& panel : panels) {
    picture.FillRect({kMargin, y - kBetween / 2 - 4, kPanelWidth, 1}, style::kGrid);
    DrawPanel(picture, kMargin, y, panel);
    y += kPanelHeight + kBetween;
  }
  return picture.WritePng(path);
}

absl::StatusOr<std::string> EncodePanel(const std::string& title, const std::string& note,
                                        const ReconstructionPanel& panel) {
  AMAES_RETURN_IF_ERROR(CheckPanel(panel));
  Picture picture(kWidth, kHeader + kPanelHeight + kMargin);
  picture.Text({kMargin, 50}, FittedText(title, style::kTitle.size, kPanelWidth), style::kTitle);
  picture.Text({kMargin, 74}, FittedText(note, style::kNote.size, kPanelWidth), style::kNote);
  DrawPanel(picture, kMargin, kHeader, panel);
  return picture.EncodePng();
}

}  // namespace amaes
