#include "libs/transform/elastic.h"

#include <algorithm>

#include "libs/transform/noise_field.h"

namespace amaes {
namespace {

// Voxels between coarse places, for a sigma of 20 and more. What lies between them is wrong only by the step where the
// Gaussian is cut: docs/augmentation.md has the error. Along z it costs nothing to have none.
constexpr Shape3 kSpacing{4, 2, 1};

}  // namespace

ElasticAxis PlanElastic(std::int64_t size, double sigma, std::int64_t spacing) {
  if (spacing == 1) return {GaussianAt(size, sigma, 0, 1, size), {}};
  // Eight places around every voxel: three before the first one's, four behind the last one's.
  const std::int64_t count = (size - 1) / spacing + 8;
  const auto first = static_cast<double>(-3 * spacing);
  return {GaussianAt(size, sigma, first, static_cast<double>(spacing), count),
          Refinement(count, first, static_cast<double>(spacing), size)};
}

std::array<ElasticAxis, 3> PlanElastic(const Shape3& patch, double alpha, double sigma) {
  std::array<ElasticAxis, 3> axes;
  for (int axis = 0; axis < 3; ++axis) axes[axis] = PlanElastic(patch[axis], sigma, kSpacing[axis]);
  for (float& value : axes[0].smooth.values) value *= static_cast<float>(alpha);
  return axes;
}

void ElasticComponent(const Shape3& patch, const std::array<ElasticAxis, 3>& axes, absl::Span<const float> noise,
                      absl::Span<float> out) {
  const std::int64_t x = axes[0].smooth.out, y = axes[1].smooth.out;
  const auto floats = [](std::int64_t count) { return std::vector<float>(static_cast<std::size_t>(count)); };
  std::vector<float> wide = floats(x * patch[1] * patch[2]);
  std::vector<float> coarse = floats(x * y * patch[2]), smooth = floats(x * y * patch[2]);
  ApplyMatrix(axes[0].smooth, 1, patch[1] * patch[2], noise, absl::MakeSpan(wide));
  ApplyMatrix(axes[1].smooth, x, patch[2], wide, absl::MakeSpan(coarse));
  ApplyMatrix(axes[2].smooth, x * y, 1, coarse, absl::MakeSpan(smooth));
  ApplyFilter(axes[1].refine, x, patch[2], smooth, absl::MakeSpan(wide));
  ApplyFilter(axes[0].refine, 1, patch[1] * patch[2], wide, out);
}

std::vector<float> ElasticDisplacement(std::uint64_t seed, std::int64_t position, const Shape3& patch, double alpha,
                                       double sigma) {
  const auto voxels = static_cast<std::size_t>(VoxelCount(patch));
  const std::array<ElasticAxis, 3> axes = PlanElastic(patch, alpha, sigma);
  std::vector<float> noise((voxels + 3) / 4 * 4), out(3 * voxels);
  for (std::size_t component = 0; component < 3; ++component) {
    UniformField(seed, Purpose::kElasticNoise, position, static_cast<std::int64_t>(component), absl::MakeSpan(noise));
    ElasticComponent(patch, axes, absl::MakeSpan(noise).first(voxels),
                     absl::MakeSpan(out).subspan(component * voxels, voxels));
  }
  return out;
}

}  // namespace amaes
