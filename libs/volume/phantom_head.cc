#include "libs/volume/phantom_head.h"

#include <algorithm>
#include <cmath>

namespace amaes::phantom {
namespace {

constexpr double kPi = 3.14159265358979323846;

Anatomy DrawAnatomy(RandomStream& random) {
  Anatomy a;
  for (double& s : a.size) s = random.Uniform(0.94, 1.04);
  a.skull_mm = random.Uniform(8.5, 11.5);
  a.cortex_mm = random.Uniform(2.6, 3.4);
  a.sulcus_mm = random.Uniform(0.7, 1.3);
  a.sulcus_depth_mm = random.Uniform(18, 25);
  a.ventricle = random.Uniform(0.8, 1.35);
  a.lean = random.Uniform(-0.06, 0.06);
  a.asymmetry = random.Uniform(-0.08, 0.08);
  return a;
}

Structures BuildStructures(const Anatomy& a) {
  Structures s;
  const double v = a.ventricle;
  for (const double side : {-1.0, 1.0}) {
    const double w = v * (1 + side * a.asymmetry);
    s.ventricles.push_back({{side * 8, 8, 15}, {4.0 * w, 22 * std::sqrt(w), 6.0 * w}, side * 0.22, 0.18});
    s.ventricles.push_back({{side * 15, -24, 11}, {4.5 * w, 14 * std::sqrt(w), 7.0 * w}, side * 0.45, -0.25});
    s.ventricles.push_back({{side * 29, -14, -12}, {2.2 * w, 14, 3.0 * w}, side * -0.15, -0.35});
    s.deep_grey.push_back({{side * 10, -10, 4}, {7.5, 13, 8.5}, side * 0.35, 0});
    s.deep_grey.push_back({{side * 25, 6, 2}, {5.0, 16, 9.5}, side * -0.22, 0});
    s.deep_grey.push_back({{side * 12, 20, 9}, {4.5, 10, 8.0}, side * 0.3, 0.35});
    s.deep_grey.push_back({{side * 26, -4, -20}, {6.0, 8, 6.0}, 0, 0});
  }
  s.ventricles.push_back({{0, -6, 0}, {1.6 * v, 11, 9}, 0, 0});
  s.ventricles.push_back({{0, -40, -30}, {5 * v, 4.5 * v, 8}, 0, 0});
  s.callosum = {{0, -4, 20}, {22, 36, 9}, 0, 0.06};
  s.cerebellum = {{0, -52, -36}, {46, 27, 22}, 0, 0.2};
  s.pons = {{0, -24, -34}, {14, 12, 14}, 0, 0.2};
  s.medulla = {{0, -33, -58}, {8.5, 8, 26}, 0, 0.25};
  s.midbrain = {{0, -18, -16}, {14, 10, 12}, 0, 0.2};
  return s;
}

double DeepestOf(const std::vector<Ellipsoid>& all, const Vec& p) {
  double depth = -1e9;
  for (const Ellipsoid& e : all) depth = std::max(depth, e.Depth(p));
  return depth;
}

// Smooth minimum: rounds the edge where two surfaces meet.
double SmoothMin(double a, double b, double radius) {
  const double h = std::clamp(0.5 + 0.5 * (b - a) / radius, 0.0, 1.0);
  return b + (a - b) * h - radius * h * (1 - h);
}

// The base of the cerebrum: high in the middle and under the frontal lobes, low under the temporal lobes.
double FloorHeight(const Vec& p, double bend) {
  const double along = (p[1] - 2) / 30;
  const double temporal = std::exp(-along * along) * std::clamp((std::abs(p[0]) - 12) / 16, 0.0, 1.0);
  return -15 - 24 * temporal + 0.10 * std::max(0.0, p[1] - 30) - 0.12 * std::max(0.0, -p[1] - 40) + 1.5 * bend;
}

}  // namespace

WaveField::WaveField(RandomStream& random, int waves, double wavelength_mm, const Axes& axes)
    : waves_(waves), amplitude_(std::sqrt(2.0 / waves)), k_(static_cast<std::size_t>(waves)) {
  for (int a = 0; a < 3; ++a) tables_[a].resize(axes[a].size() * static_cast<std::size_t>(waves));
  for (int w = 0; w < waves; ++w) {
    const double height = random.Uniform(-1, 1);
    const double angle = random.Uniform(0, 2 * kPi);
    const double phase = random.Uniform(0, 2 * kPi);
    const double length = 2 * kPi / wavelength_mm * random.Uniform(0.7, 1.3);
    const double ring = std::sqrt(1 - height * height);
    k_[w] = {length * ring * std::cos(angle), length * ring * std::sin(angle), length * height};
    for (int a = 0; a < 3; ++a) {
      for (std::size_t i = 0; i < axes[a].size(); ++i) {
        const double t = k_[w][a] * axes[a][i] + (a == 0 ? phase : 0.0);
        tables_[a][i * static_cast<std::size_t>(waves) + static_cast<std::size_t>(w)] = {std::cos(t), std::sin(t)};
      }
    }
  }
}

double WaveField::At(const Shape3& voxel, Vec* gradient) const {
  const std::complex<double>* tx = tables_[0].data() + voxel[0] * waves_;
  const std::complex<double>* ty = tables_[1].data() + voxel[1] * waves_;
  const std::complex<double>* tz = tables_[2].data() + voxel[2] * waves_;
  double value = 0;
  Vec slope{};
  for (int w = 0; w < waves_; ++w) {
    const double re = tx[w].real() * ty[w].real() - tx[w].imag() * ty[w].imag();
    const double im = tx[w].real() * ty[w].imag() + tx[w].imag() * ty[w].real();
    value += re * tz[w].real() - im * tz[w].imag();
    if (gradient == nullptr) continue;
    const double sine = re * tz[w].imag() + im * tz[w].real();
    for (int a = 0; a < 3; ++a) slope[a] -= sine * k_[static_cast<std::size_t>(w)][a];
  }
  if (gradient != nullptr) *gradient = {slope[0] * amplitude_, slope[1] * amplitude_, slope[2] * amplitude_};
  return value * amplitude_;
}

double WaveField::DistanceToZero(const Shape3& voxel, double flattest) const {
  Vec gradient;
  const double value = At(voxel, &gradient);
  const double slope = std::sqrt(gradient[0] * gradient[0] + gradient[1] * gradient[1] + gradient[2] * gradient[2]);
  return std::abs(value) / std::max(slope, flattest);
}

double Ellipsoid::Depth(const Vec& p) const {
  const double x = p[0] - centre[0], y = p[1] - centre[1], z = p[2] - centre[2];
  const double x1 = x * std::cos(turn) + y * std::sin(turn);
  const double y1 = -x * std::sin(turn) + y * std::cos(turn);
  const double y2 = y1 * std::cos(tilt) + z * std::sin(tilt);
  const double z2 = -y1 * std::sin(tilt) + z * std::cos(tilt);
  const double u = x1 / radii[0], v = y2 / radii[1], w = z2 / radii[2];
  const double r = std::sqrt(u * u + v * v + w * w);
  const double g =
      std::sqrt(u * u / (radii[0] * radii[0]) + v * v / (radii[1] * radii[1]) + w * w / (radii[2] * radii[2]));
  return r < 1e-9 ? *std::min_element(radii.begin(), radii.end()) : (1 - r) * r / g;
}

Head::Head(RandomStream& random, const Axes& axes)
    : axes_(axes),
      a_(DrawAnatomy(random)),
      s_(BuildStructures(a_)),
      shape_(random, 10, 75, axes),
      warp_(random, 12, 42, axes),
      folds_(random, 28, 20, axes),
      leaves_(random, 20, 8.5, axes) {}

Label Head::At(const Shape3& voxel, bool* bone) const {
  const Vec world{axes_[0][voxel[0]], axes_[1][voxel[1]], axes_[2][voxel[2]]};
  Vec p{world[0] * std::cos(a_.lean) + world[1] * std::sin(a_.lean),
        -world[0] * std::sin(a_.lean) + world[1] * std::cos(a_.lean), world[2]};
  for (int i = 0; i < 3; ++i) p[i] /= a_.size[i];
  const double bend = shape_.At(voxel);
  // Narrower in front than behind.
  const double taper = 1 - 0.0011 * p[1] - 0.00004 * p[2] * p[2] * (p[2] < 0 ? 0.6 : 0.0);
  const Vec q{p[0] / std::max(0.6, taper), p[1], p[2]};
  const Ellipsoid outer{{0, 0, -2}, kHeadMm, 0, 0};
  const double depth = outer.Depth(q) + 1.3 * bend;
  *bone = false;
  if (depth < 0) return kBackground;
  const double above = depth - a_.skull_mm;
  if (above < 0) {
    *bone = above > -a_.skull_mm * 0.45 && above < -0.8;
    return kScalp;
  }
  return Brain(p, above - 1.2, voxel, bone);
}

Label Head::Brain(const Vec& p, double hull, const Shape3& voxel, bool* bone) const {
  const double stem = std::max({s_.pons.Depth(p), s_.medulla.Depth(p), s_.midbrain.Depth(p)});
  const double bend = warp_.At(voxel);
  const double hind = s_.cerebellum.Depth(p) + 0.8 * bend;
  const double floor = 0.85 * (p[2] - FloorHeight(p, bend));
  if (DeepestOf(s_.ventricles, p) > 0) return kCsf;
  if (stem > 0) return hull > -1 ? kWhite : kCsf;
  // Below the brain: a film of fluid, the base of the skull, then soft tissue with air in it.
  const double outside = -std::max({stem + 2.5, hind, floor});
  if (outside > 3.0) {
    *bone = outside < 7.0 || bend > 0.9 || (p[1] > 40 && std::abs(p[0]) < 14);
    return kScalp;
  }
  const double cerebellum = SmoothMin(hind, hull, 3);
  if (cerebellum > 0) return Cerebellum(p, cerebellum, voxel);
  return Cerebrum(p, hull, floor, bend, voxel);
}

Label Head::Cerebellum(const Vec& p, double depth, const Shape3& voxel) const {
  if (std::abs(p[0]) < 1.2 && depth < 6 && p[1] < -58) return kCsf;
  const double fissure = leaves_.DistanceToZero(voxel, 0.05) - 0.35;
  const double wall = depth < 11 ? std::min(depth, std::max(fissure, -0.2) + depth * 0.12) : depth;
  if (wall < 0.0) return kCsf;
  return wall < 2.3 ? kGrey : kWhite;
}

Label Head::Cerebrum(const Vec& p, double hull, double floor, double bend, const Shape3& voxel) const {
  const double side = std::abs(p[0]);
  double depth = SmoothMin(hull, floor, 8);
  depth = std::min(depth, -s_.cerebellum.Depth(p) - 2.0);
  if (depth < 0) return kCsf;
  const double deep = DeepestOf(s_.deep_grey, p);
  if (deep > 0) return kDeepGrey;
  const double callosum = s_.callosum.Depth(p);
  // The fissure between the halves stops at the callosum; the lateral (Sylvian) fissure runs in from the side.
  double wall = depth;
  if (callosum < 0 && p[2] > -20) {
    const double centre = 1.1 * bend * std::clamp(hull / 30, 0.0, 1.0);
    wall = std::min(wall, std::abs(p[0] - centre) - 0.5 - 0.9 * std::clamp(1 - hull / 40, 0.0, 1.0));
  }
  if (p[1] > -34 && p[1] < 30 && side > 30) {
    const double line = -8 + 0.28 * -(p[1] - 5) + 2 * bend;
    const double gap = 2.2 * std::clamp((side - 30) / 20, 0.0, 1.0);
    wall = std::min(wall, std::abs(p[2] - line) - gap);
  }
  const double reach = a_.sulcus_depth_mm * (1 + 0.25 * bend);
  if (depth < reach + 6) wall = std::min(wall, Sulcus(depth, reach, voxel));
  if (wall < 0) return kCsf;
  if (wall < a_.cortex_mm && deep < -3 && callosum < -1) return kGrey;
  return kWhite;
}

// Distance to the nearest sulcus. Sulci are where the fold field is near zero; they narrow with depth and end at
// `reach`.
double Head::Sulcus(double depth, double reach, const Shape3& voxel) const {
  const double sheet = folds_.DistanceToZero(voxel, 0.06);
  const double open = a_.sulcus_mm * (1.25 - depth / reach);
  if (depth < reach) return sheet - open;
  const double below = depth - reach;
  return std::sqrt(sheet * sheet + below * below);
}

}  // namespace amaes::phantom
