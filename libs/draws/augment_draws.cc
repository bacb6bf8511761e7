#include "libs/draws/augment_draws.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "libs/base/log.h"
#include "libs/base/rng.h"

namespace amaes {
namespace {

using Matrix = std::array<double, 9>;

Matrix Product(const Matrix& a, const Matrix& b) {
  Matrix out{};
  for (int r = 0; r < 3; ++r) {
    for (int c = 0; c < 3; ++c) {
      for (int k = 0; k < 3; ++k) out[r * 3 + c] += a[r * 3 + k] * b[k * 3 + c];
    }
  }
  return out;
}

// Turns column vectors by the right-hand rule.
Matrix Rotation(int axis, double angle) {
  const double c = std::cos(angle), s = std::sin(angle);
  if (axis == 0) return {1, 0, 0, 0, c, -s, 0, s, c};
  if (axis == 1) return {c, 0, s, 0, 1, 0, -s, 0, c};
  return {c, -s, 0, s, c, 0, 0, 0, 1};
}

RandomStream Stream(std::uint64_t seed, Purpose purpose, std::int64_t position) {
  AMAES_CHECK(position >= 0);
  return RandomStream(seed, purpose, static_cast<std::uint64_t>(position));
}

// Everything of a channel is drawn whether it fires or not: what is drawn next does not depend on it.
IntensityDraw DrawChannel(RandomStream& stream, const Augmentation& augmentation, const Shape3& patch,
                          std::optional<double> blur, bool low_resolution, const std::optional<GammaDraw>& gamma) {
  const auto fires = [&](double p) { return stream.UniformDouble() < p; };
  const auto axis = [&] { return static_cast<int>(stream.UniformInt(3)); };
  IntensityDraw draw;
  const bool add = fires(0.2);
  const double added = stream.Uniform(1e-4, 1e-3);
  if (add) draw.additive_noise = added;
  if (fires(0.5)) draw.blur = blur;
  const bool multiply = fires(0.2);
  const double multiplied = stream.Uniform(1e-4, 1e-3);
  if (multiply) draw.multiplicative_noise = multiplied;

  const bool ghost = fires(0.2);
  GhostDraw ghosting;
  ghosting.alpha = stream.Uniform(0.85, 0.95);
  ghosting.repeats = 2 + static_cast<int>(stream.UniformInt(9));
  ghosting.axis = axis();
  if (ghost) draw.ghosting = ghosting;

  const bool ring = fires(0.2);
  RingDraw ringing;
  ringing.kept = 96 + static_cast<int>(stream.UniformInt(33));
  ringing.axis = axis();
  if (ring) draw.ringing = ringing;

  low_resolution = fires(0.5) && low_resolution;
  const double zoom = stream.Uniform(0.5, 1);
  Shape3 coarse = patch;
  for (std::int64_t& side : coarse) {
    // To the nearest, halves to even, as NumPy rounds.
    if (fires(0.33)) side = std::max<std::int64_t>(1, std::llrint(static_cast<double>(side) * zoom));
  }
  if (low_resolution) draw.low_resolution = coarse;

  const bool bias = fires(0.33);
  Shape3 brightest{};
  for (int i = 0; i < 3; ++i) brightest[i] = stream.UniformInt(static_cast<std::uint32_t>(patch[i]));
  if (bias) draw.bias_field = brightest;
  draw.gamma = gamma;
  return augmentation.intensity ? draw : IntensityDraw{};
}

}  // namespace

Augmentation AugmentationOf(AugmentPreset preset) {
  Augmentation out;
  if (preset == AugmentPreset::kNone) return out;
  out.p_rotation = out.p_scale = 0.2;
  if (preset == AugmentPreset::kBasic) {
    out.clip = false;
    return out;
  }
  out.p_elastic = 0.33;
  out.wide_crop = true;
  out.intensity = preset != AugmentPreset::kSpatial;
  if (preset == AugmentPreset::kReference) {
    out.half_voxel = out.crop_border = out.absolute_ringing = true;
    out.gamma_epsilon = 1;
  }
  return out;
}

Shape3 WideCrop(const Shape3& patch) {
  const auto diagonal = [&](int a, int b) {
    return static_cast<std::int64_t>(std::sqrt(static_cast<double>(patch[a] * patch[a] + patch[b] * patch[b])));
  };
  Shape3 out{};
  for (int axis = 0; axis < 3; ++axis) {
    out[axis] = std::max(diagonal(axis, (axis + 1) % 3), diagonal(axis, (axis + 2) % 3));
  }
  return out;
}

SpatialDraw DrawSpatial(std::uint64_t seed, std::int64_t position, const Augmentation& augmentation) {
  RandomStream stream = Stream(seed, Purpose::kSpatialAugmentation, position);
  SpatialDraw draw;
  draw.elastic = stream.UniformDouble() < augmentation.p_elastic;
  draw.alpha = stream.Uniform(200, 600);
  draw.sigma = stream.Uniform(20, 30);
  const bool rotate = stream.UniformDouble() < augmentation.p_rotation;
  for (int axis = 0; axis < 3; ++axis) {
    const bool about = stream.UniformDouble() < 0.66;
    const double angle = stream.Uniform(-30, 30) * std::numbers::pi / 180;
    if (!rotate || !about) continue;
    draw.angles[axis] = angle;
    draw.matrix = Product(draw.matrix, Rotation(axis, angle));
  }
  const bool scale = stream.UniformDouble() < augmentation.p_scale;
  const double factor = stream.Uniform(0.9, 1.1);
  if (scale) {
    draw.factor = factor;
    for (double& entry : draw.matrix) entry *= factor;
  }
  if (!draw.elastic) draw.alpha = draw.sigma = 0;
  return draw;
}

std::vector<IntensityDraw> DrawIntensity(std::uint64_t seed, std::int64_t position, const Augmentation& augmentation,
                                         const Shape3& patch, std::int64_t channels) {
  RandomStream stream = Stream(seed, Purpose::kIntensityAugmentation, position);
  const bool may_blur = stream.UniformDouble() < 0.2;
  const double sigma = stream.Uniform(0, 1);
  const bool may_coarsen = stream.UniformDouble() < 0.2;
  const bool gamma_fires = stream.UniformDouble() < 0.2;
  GammaDraw gamma;
  gamma.invert = stream.UniformDouble() < 0.05;
  const bool brighter = stream.UniformDouble() < 0.5;
  gamma.gamma = stream.Uniform(brighter ? 0.5 : 1, brighter ? 1 : 2);
  std::vector<IntensityDraw> draws;
  for (std::int64_t channel = 0; channel < channels; ++channel) {
    draws.push_back(DrawChannel(stream, augmentation, patch, may_blur ? std::optional(sigma) : std::nullopt,
                                may_coarsen, gamma_fires ? std::optional(gamma) : std::nullopt));
  }
  return draws;
}

}  // namespace amaes
