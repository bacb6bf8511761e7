#include "libs/train/validation_pictures.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/models/torch_errors.h"
#include "libs/picture/job_pictures.h"
#include "libs/picture/run_picture.h"

namespace amaes {
namespace {

// "Step 500   loss_masked 0.0071   masked_r2 0.77" over all crops of the split.
std::string Note(std::int64_t step, const std::string& split, absl::Span<const ValidationResult> results) {
  std::string note = absl::StrCat("Step ", step);
  for (const ValidationResult& result : results) {
    if (result.split != split) continue;
    absl::StrAppend(&note, ", all crops of this split:");
    for (const char* metric : {"loss", "loss_masked", "loss_visible", "masked_r2", "dice"}) {
      const auto value = result.metrics.find(metric);
      if (value != result.metrics.end()) absl::StrAppendFormat(&note, "   %s %.3g", metric, value->second);
    }
  }
  return note;
}

void ThinOut(const std::filesystem::path& folder, std::int64_t every_steps) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    names.push_back(entry.path().filename().string());
  for (const std::string& name : PicturesToDelete(names, every_steps)) std::filesystem::remove(folder / name, error);
}

}  // namespace

absl::Status WriteValidationPictures(const TrainOptions& options, const TrainEnvironment& environment,
                                     const Network& network, std::int64_t step,
                                     absl::Span<const std::pair<std::string, const Sample*>> crops,
                                     absl::Span<const ValidationResult> results) {
  const std::filesystem::path folder = options.job_folder / "pictures";
  AMAES_RETURN_IF_ERROR(files::MakeFolders(folder));
  for (const auto& [split, sample] : crops) {
    if (sample == nullptr) continue;
    std::optional<CropPicture> crop;
    AMAES_RETURN_IF_ERROR(
        CatchTorch("picture", [&, s = sample] { crop = environment.objective.Picture(network, *s); }));
    if (!crop) continue;
    const ReconstructionPanel panel{.title = split == "train" ? "Training crop" : "Held-out crop",
                                    .shape = crop->shape,
                                    .input = std::move(crop->input),
                                    .masked_input = std::move(crop->masked),
                                    .reconstruction = std::move(crop->reconstruction),
                                    .target = std::move(crop->target)};
    AMAES_ASSIGN_OR_RETURN(const std::string png, EncodePanel(options.title, Note(step, split, results), panel));
    const std::string name = PictureFileName({step, split});
    AMAES_RETURN_IF_ERROR(files::WriteAtomic(folder / name, png));
    environment.report(PictureWritten{.step = step, .split = split, .name = name});
  }
  ThinOut(folder, options.spec.training().validation.every_steps);
  return absl::OkStatus();
}

}  // namespace amaes
