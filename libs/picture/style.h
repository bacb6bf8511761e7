// Colours and text of the run picture. Colours keep apart for the colour-blind (Okabe and Ito).
#pragma once

#include "libs/picture/picture.h"

namespace amaes::style {

inline constexpr Color kInk{33, 37, 41};
inline constexpr Color kQuiet{96, 104, 112};
inline constexpr Color kGrid{231, 234, 237};
inline constexpr Color kFrame{173, 181, 189};
inline constexpr Color kMasked{0, 114, 178};
inline constexpr Color kMaskedPale{160, 204, 230};
inline constexpr Color kVisible{150, 158, 166};
inline constexpr Color kHeldOut{213, 94, 0};
inline constexpr Color kTrainingCrops{0, 145, 105};
inline constexpr Color kMaskedVoxel{44, 66, 92};

inline constexpr TextStyle kTitle{16, 2.1, kInk};
inline constexpr TextStyle kHeading{12, 1.7, kInk};
inline constexpr TextStyle kBody{10, 1.25, kInk};
inline constexpr TextStyle kNote{10, 1.2, kQuiet};

}  // namespace amaes::style
