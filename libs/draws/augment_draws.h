// What is drawn to augment a sample, before anything is read: which transforms fire, and their parameters. Pure functions of
// (seed, position); ranges, probabilities and order are those of AMAES. What each transform does: docs/augmentation.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "libs/volume/volume.h"

namespace amaes {

enum class AugmentPreset {
  kNone,
  kSpatial,    // spatial transforms only
  kBasic,      // rotation and scale only, on a crop of the patch's own size; for finetuning
  kIntended,   // everything, the reference's mistakes mended
  kReference,  // everything, as the reference's code does it
};

// A preset spelled out; each mistake of the reference is one switch.
struct Augmentation {
  double p_elastic = 0, p_rotation = 0, p_scale = 0;
  bool intensity = false;         // the eight intensity transforms, on the input only
  bool clip = true;               // every transform back to the range of what it was given
  bool wide_crop = false;         // a crop of WideCrop(patch) is drawn and the patch lies in its middle
  bool half_voxel = false;        // the middle to half a voxel, so that an odd margin resamples every sample
  bool crop_border = false;       // fill, range and neighbours from the drawn crop alone, not from the volume around it
  bool absolute_ringing = false;  // the kept frequencies do not shrink with the patch (and wrap around below 128)
  double gamma_epsilon = 1e-7;
  bool reversal = true;  // the target is the patch before the intensity transforms
  bool spatial() const { return p_elastic > 0 || p_rotation > 0 || p_scale > 0; }
  bool operator==(const Augmentation&) const = default;
};
Augmentation AugmentationOf(AugmentPreset preset);

// Per axis the longest int(diagonal) of a face of the patch that holds the axis: 128 → 181.
Shape3 WideCrop(const Shape3& patch);

struct SpatialDraw {
  bool elastic = false;
  double alpha = 0, sigma = 0;  // voxels
  // Coordinates, as row vectors from the patch's middle, are multiplied by this (row-major): rotation, then scale.
  std::array<double, 9> matrix{1, 0, 0, 0, 1, 0, 0, 0, 1};
  // What the matrix is made of: for tests and pictures.
  std::array<std::optional<double>, 3> angles{};  // radians, about x, y, z
  std::optional<double> factor{};
  bool operator==(const SpatialDraw&) const = default;
};
SpatialDraw DrawSpatial(std::uint64_t seed, std::int64_t position, const Augmentation& augmentation);

struct GhostDraw {
  double alpha = 0;
  int repeats = 0, axis = 0;
  bool operator==(const GhostDraw&) const = default;
};
struct RingDraw {
  int kept = 0, axis = 0;  // kept: frequencies out of 128
  bool operator==(const RingDraw&) const = default;
};
struct GammaDraw {
  double gamma = 1;
  bool invert = false;
  bool operator==(const GammaDraw&) const = default;
};
// Of one channel, in the order in which they are applied; what is empty does not fire.
struct IntensityDraw {
  std::optional<double> additive_noise{};  // standard deviation
  std::optional<double> blur{};            // sigma, voxels
  std::optional<double> multiplicative_noise{};
  std::optional<GhostDraw> ghosting{};
  std::optional<RingDraw> ringing{};
  std::optional<Shape3> low_resolution{};  // the coarse shape
  std::optional<Shape3> bias_field{};      // the voxel it is brightest around
  std::optional<GammaDraw> gamma{};
  bool operator==(const IntensityDraw&) const = default;
};
// One per channel. Channels share the sigma of blur, whether blur and low resolution are considered, and gamma.
std::vector<IntensityDraw> DrawIntensity(std::uint64_t seed, std::int64_t position, const Augmentation& augmentation,
                                         const Shape3& patch, std::int64_t channels);

}  // namespace amaes
