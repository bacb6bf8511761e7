// The embedded typeface: ASCII, drawn as strokes, so that any size is smooth. Anything else shows as a box.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libs/picture/picture.h"

namespace amaes {

// Width of the text in pixels, at capitals of `size` pixels.
double TextWidth(absl::string_view text, double size);

// The text, cut off with "..." where it would be wider than `width`.
std::string FittedText(absl::string_view text, double size, double width);

// The centre lines of the text's strokes, from its left end at (0, 0) on the baseline; y grows downwards. A line of one
// point is a dot. Baseline, x-height and capitals lie on centres of pixels.
std::vector<std::vector<Point>> TextStrokes(absl::string_view text, double size);

}  // namespace amaes
