// The loss curves with their axes and legend. What WriteRunPicture puts at the top.
#pragma once

#include "libs/picture/picture.h"
#include "libs/picture/run_picture.h"

namespace amaes {

// Draws inside `area`, labels and legend included; at least 600 x 200 pixels.
void DrawLossPlot(Picture& picture, const Rect& area, const LossCurve& curve);

}  // namespace amaes
