// The anatomy behind the phantoms: where in a head a point lies. Everything is in millimetres from the middle of the
// brain, x to the right, y to the front, z up, for a head whose outer half axes are kHeadMm.
#pragma once

#include <array>
#include <complex>
#include <cstdint>
#include <vector>

#include "libs/base/rng.h"
#include "libs/volume/volume.h"

namespace amaes::phantom {

using Vec = std::array<double, 3>;
using Axes = std::array<std::vector<double>, 3>;  // millimetres of every voxel along x, y and z

inline constexpr Vec kHeadMm{72, 88, 76};

// As in libs/volume/phantom.h.
using Label = int;
inline constexpr Label kBackground = 0, kScalp = 1, kCsf = 2, kGrey = 3, kWhite = 4, kDeepGrey = 5, kLesion = 6;

// Smooth isotropic noise of unit variance: plane waves of about one wavelength. Along each axis a wave is a table of
// complex numbers, so a voxel costs two multiplications per wave.
class WaveField {
 public:
  WaveField(RandomStream& random, int waves, double wavelength_mm, const Axes& axes);
  // The value, and its gradient per millimetre if wanted.
  double At(const Shape3& voxel, Vec* gradient = nullptr) const;
  // Distance to the nearest zero of the field in millimetres, to first order; `flattest` bounds the slope from below.
  double DistanceToZero(const Shape3& voxel, double flattest) const;

 private:
  int waves_;
  double amplitude_;
  std::vector<Vec> k_;
  std::array<std::vector<std::complex<double>>, 3> tables_;
};

// Distance in millimetres below the surface of an ellipsoid turned about z; negative outside.
struct Ellipsoid {
  Vec centre{};
  Vec radii{};
  double turn = 0;  // about z, radians
  double tilt = 0;  // about x, radians

  double Depth(const Vec& p) const;
};

// One subject's measures, all drawn at once.
struct Anatomy {
  Vec size;         // relative to kHead
  double skull_mm;  // scalp, bone and fluid above the brain
  double cortex_mm;
  double sulcus_mm;  // half width of a sulcus at the surface
  double sulcus_depth_mm;
  double ventricle;  // relative size
  double lean;       // of the head, radians about z
  double asymmetry;  // left against right
};

struct Structures {
  std::vector<Ellipsoid> ventricles;
  std::vector<Ellipsoid> deep_grey;
  Ellipsoid callosum, cerebellum, pons, medulla, midbrain;
};

// One subject's head, drawn from `random`. `axes` must outlive it.
class Head {
 public:
  Head(RandomStream& random, const Axes& axes);
  // The tissue at a voxel. `bone` is set where kScalp means bone or air.
  Label At(const Shape3& voxel, bool* bone) const;

 private:
  Label Brain(const Vec& p, double hull, const Shape3& voxel, bool* bone) const;
  Label Cerebellum(const Vec& p, double depth, const Shape3& voxel) const;
  Label Cerebrum(const Vec& p, double hull, double floor, double bend, const Shape3& voxel) const;
  double Sulcus(double depth, double reach, const Shape3& voxel) const;

  const Axes& axes_;
  const Anatomy a_;
  const Structures s_;
  WaveField shape_;   // bends the outline
  WaveField warp_;    // bends sulci and fissures
  WaveField folds_;   // zero set = sulci of the cortex
  WaveField leaves_;  // the same for the cerebellum, finer
};

}  // namespace amaes::phantom
