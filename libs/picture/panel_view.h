// One reconstruction as a grid: a row per plane, a column per volume. What WriteRunPicture puts below the curves.
#pragma once

#include <utility>
#include <vector>

#include "libs/picture/picture.h"
#include "libs/picture/run_picture.h"

namespace amaes {

inline constexpr int kPanelWidth = 1160;
inline constexpr int kPanelHeight = 888;

// Draws at most kPanelWidth x kPanelHeight pixels from (left, top). The panel's voxels must fit its shape.
void DrawPanel(Picture& picture, int left, int top, const ReconstructionPanel& panel);

// The values shown black and white: all but the lowest and highest 0.5 % of the target's, NaN left out.
std::pair<float, float> IntensityWindow(const std::vector<float>& target);

}  // namespace amaes
