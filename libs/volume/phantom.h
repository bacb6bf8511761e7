// Brain-like phantoms for the demo and for tests: a skull, grey and white matter with folds, ventricles, deep nuclei,
// optionally lesions, in several contrasts of the same anatomy, with labels. Pure: (seed, subject) gives the same
// voxels.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libs/volume/volume.h"

namespace amaes {

struct PhantomOptions {
  std::uint64_t seed = 1;
  Shape3 shape{96, 112, 96};
  double spacing_mm = 1.5;
  int lesions = 2;
};

// 0 background, 1 skull and scalp, 2 CSF, 3 grey matter, 4 white matter, 5 deep grey matter, 6 lesion.
inline constexpr int kPhantomLabels = 7;

struct Phantom {
  Volume labels;                       // whole numbers
  std::vector<std::string> contrasts;  // "T1w", "T2w", "FLAIR"
  std::vector<Volume> images;          // one per contrast, grid of labels; noise, a smooth bias field, background 0
};

Phantom MakePhantom(int subject, const PhantomOptions& options);

}  // namespace amaes
