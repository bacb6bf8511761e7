// The picture of a run: its loss curves, and what the network makes of a few crops. One PNG, 1240 pixels wide.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/volume/volume.h"

namespace amaes {

// Three planes through the middle of one crop, each as the network got it, saw it, made it and should have made it.
struct ReconstructionPanel {
  std::string title;  // e.g. "Held-out crop"; ASCII, no subject's name
  Shape3 shape{};
  // VoxelCount(shape) each, order as in Volume. NaN in `masked_input` is drawn in a colour: a masked voxel.
  std::vector<float> input, masked_input, reconstruction, target;
};

// Fixed crops with fixed masks, measured now and then.
struct ValidationCurve {
  std::vector<double> step;
  std::vector<double> masked;        // squared error on masked voxels
  std::vector<double> visible_mean;  // the same when they are filled with the mean of the visible voxels: the baseline
};

// The vectors of a curve are equally long. A value that is not finite and positive leaves a gap: the axis is
// logarithmic.
struct LossCurve {
  std::vector<double> step, masked, visible;  // of training steps: squared error on masked and on visible voxels
  ValidationCurve held_out;
  ValidationCurve training_crops;
};

// Replaces `path` as a whole. Anything may be empty.
//   - InvalidArgument: vectors of different length, or voxels that do not fit the shape.   - I/O errors as
//   files::WriteAtomic.
absl::Status WriteRunPicture(const std::filesystem::path& path, const std::string& title, const LossCurve& curve,
                             const std::vector<ReconstructionPanel>& panels);

// One reconstruction alone, as WriteRunPicture shows it: a PNG's bytes, 1240 pixels wide.
//   - InvalidArgument: voxels that do not fit the shape.
absl::StatusOr<std::string> EncodePanel(const std::string& title, const std::string& note,
                                        const ReconstructionPanel& panel);

}  // namespace amaes
