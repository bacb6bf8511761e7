// Which spacing volumes are to have, as a user says it.
#pragma once

#include <array>
#include <string>

#include "absl/status/statusor.h"

namespace amaes {

struct SpacingChoice {
  enum class Kind {
    kGiven,   // `mm`
    kMedian,  // of the scans, per RAS axis; becomes numbers before anything is read
    kNative,  // each scan keeps its own
  };
  Kind kind = Kind::kGiven;
  std::array<double, 3> mm{1, 1, 1};
};

// "1", "0.8", "1x1x2" in millimetres along x, y, z; "median"; "native".
//   - InvalidArgument: says what is allowed.
absl::StatusOr<SpacingChoice> ParseSpacing(const std::string& text);

// The other way round for Contract::spacing_mm: "1x1x2", "1" where all axes agree, "native" for zeros.
std::string SpacingText(const std::array<double, 3>& spacing_mm);

}  // namespace amaes
