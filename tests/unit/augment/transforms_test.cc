// The tensor path, where AMAES_TEST_DEVICE says, against the path of the loader's threads: the same draws, the same fields of noise,
// 1e-4.
#include <ATen/ops/from_blob.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "libs/augment/intensity.h"
#include "libs/augment/spatial.h"
#include "libs/transform/elastic.h"
#include "libs/transform/intensity.h"
#include "libs/transform/noise_field.h"
#include "libs/volume/phantom.h"
#include "tests/gpu/test_device.h"

namespace amaes {
namespace {

constexpr double kTolerance = 1e-4;

std::vector<float> Phantom01(const Shape3& shape) {
  PhantomOptions options;
  options.shape = shape;
  std::vector<float> voxels = MakePhantom(4, options).images[0].voxels;
  const ValueRange range = RangeOf(voxels);
  for (float& value : voxels) value = (value - range.minimum) / (range.maximum - range.minimum);
  return voxels;
}

c10::Device Device() {
  static const absl::StatusOr<c10::Device> device = TestDevice();
  EXPECT_TRUE(device.ok()) << device.status();
  return device.value_or(at::kCPU);
}

at::Tensor Tensor(std::vector<float>& values, const std::vector<std::int64_t>& shape) {
  return at::from_blob(values.data(), shape, at::kFloat).clone().to(Device());
}

double Difference(const at::Tensor& tensor, const std::vector<float>& values) {
  const at::Tensor flat = tensor.to(at::kCPU).contiguous();
  EXPECT_EQ(flat.numel(), static_cast<std::int64_t>(values.size()));
  const float* p = flat.const_data_ptr<float>();
  double most = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    most = std::max(most, std::abs(static_cast<double>(p[i]) - static_cast<double>(values[i])));
  }
  return most;
}

TEST(TensorIntensity, AgreesWithTheLoadersPath) {
  const Shape3 shape{40, 33, 52};
  for (const float shift : {0.0f, -0.3f}) {
    std::vector<float> patch = Phantom01(shape);
    for (float& value : patch) value += shift;
    for (const AugmentPreset preset : {AugmentPreset::kIntended, AugmentPreset::kReference}) {
      const Augmentation augmentation = AugmentationOf(preset);
      int fired = 0;
      for (std::int64_t position = 0; position < 40; ++position) {
        const IntensityDraw draw = DrawIntensity(6, position, augmentation, shape, 1)[0];
        std::vector<float> expected = patch;
        ApplyIntensity(draw, augmentation, 6, position, 0, shape, absl::MakeSpan(expected));
        at::Tensor noise[2];
        const Purpose purposes[2] = {Purpose::kAdditiveNoise, Purpose::kMultiplicativeNoise};
        for (int i = 0; i < 2; ++i) {
          std::vector<float> field(patch.size());
          NormalField(6, purposes[i], position, 0, absl::MakeSpan(field));
          noise[i] = Tensor(field, {shape[0], shape[1], shape[2]});
        }
        const at::Tensor input = Tensor(patch, {shape[0], shape[1], shape[2]});
        const at::Tensor before = input.clone();
        const at::Tensor out = ApplyIntensity(input, draw, augmentation, noise[0], noise[1]);
        ASSERT_LT(Difference(out, expected), kTolerance) << position;
        ASSERT_TRUE(input.equal(before));
        fired += draw == IntensityDraw{} ? 0 : 1;
      }
      EXPECT_GT(fired, 25);
    }
  }
}

// The draws above do not make every transform fire often: each by itself.
TEST(TensorIntensity, EachTransformByItself) {
  const Shape3 shape{32, 30, 96};
  std::vector<float> patch = Phantom01(shape);
  std::vector<IntensityDraw> draws(8);
  draws[0].additive_noise = 1e-3;
  draws[1].blur = 0.8;
  draws[2].multiplicative_noise = 1e-3;
  draws[3].ghosting = GhostDraw{0.87, 3, 1};
  draws[4].ringing = RingDraw{97, 2};
  draws[5].low_resolution = Shape3{20, 30, 50};
  draws[6].bias_field = Shape3{3, 29, 70};
  draws[7].gamma = GammaDraw{0.6, true};
  std::vector<float> field(patch.size());
  NormalField(1, Purpose::kAdditiveNoise, 0, 0, absl::MakeSpan(field));
  std::vector<float> other(patch.size());
  NormalField(1, Purpose::kMultiplicativeNoise, 0, 0, absl::MakeSpan(other));
  const std::vector<std::int64_t> sides{shape[0], shape[1], shape[2]};
  for (std::size_t i = 0; i < draws.size(); ++i) {
    for (Augmentation augmentation :
         {AugmentationOf(AugmentPreset::kIntended), AugmentationOf(AugmentPreset::kReference)}) {
      for (const bool clip : {true, false}) {
        augmentation.clip = clip;
        std::vector<float> expected = patch;
        ApplyIntensity(draws[i], augmentation, 1, 0, 0, shape, absl::MakeSpan(expected));
        EXPECT_NE(expected, patch) << i;
        const at::Tensor out =
            ApplyIntensity(Tensor(patch, sides), draws[i], augmentation, Tensor(field, sides), Tensor(other, sides));
        EXPECT_LT(Difference(out, expected), kTolerance) << i;
      }
    }
  }
}

TEST(TensorSpatial, AgreesWithTheLoadersPath) {
  const Shape3 array{50, 44, 56}, patch{20, 24, 16};
  std::vector<float> voxels = Phantom01(array);
  Augmentation augmentation = AugmentationOf(AugmentPreset::kSpatial);
  augmentation.p_elastic = augmentation.p_rotation = augmentation.p_scale = 0.5;
  for (std::int64_t position = 0; position < 30; ++position) {
    const SpatialDraw draw = DrawSpatial(2, position, augmentation);
    SampleGrid grid;
    grid.patch = patch;
    grid.matrix = draw.matrix;
    // Often over the edge of the array, sometimes on samples.
    grid.middle = {25 + (position % 5 - 2) * 9.5, 21.5 + (position % 3 - 1) * 8.25, 27.5 + (position % 4) * 5.0};
    at::Tensor displacement;
    if (draw.elastic) {
      std::vector<float> noise(3 * static_cast<std::size_t>(VoxelCount(patch)));
      for (std::int64_t i = 0; i < 3; ++i) {
        UniformField(2, Purpose::kElasticNoise, position, i,
                     absl::MakeSpan(noise).subspan(i * VoxelCount(patch), VoxelCount(patch)));
      }
      grid.Displace(ElasticDisplacement(2, position, patch, draw.alpha, draw.sigma));
      displacement = ElasticDisplacementOf(Tensor(noise, {3, patch[0], patch[1], patch[2]}), draw.alpha, draw.sigma);
      ASSERT_LT(Difference(displacement, grid.displacement), kTolerance);
    }
    const Box box = NeededBox(grid, array);
    std::vector<float> part;
    for (std::int64_t x = 0; x < box.count[0]; ++x) {
      for (std::int64_t y = 0; y < box.count[1]; ++y) {
        const float* row = voxels.data() + ((box.begin[0] + x) * array[1] + box.begin[1] + y) * array[2] + box.begin[2];
        part.insert(part.end(), row, row + box.count[2]);
      }
    }
    const ResampleRange range{-1, 0, 1};
    std::vector<float> expected(static_cast<std::size_t>(VoxelCount(patch)));
    ResampleCubic(grid, {array, box, part}, range, absl::MakeSpan(expected));
    const at::Tensor one = Tensor(part, {1, box.count[0], box.count[1], box.count[2]});
    const at::Tensor two = one.expand({2, box.count[0], box.count[1], box.count[2]}).contiguous();
    const at::Tensor out = ResampleCubic(grid, displacement, array, box, two, range);
    ASSERT_LT(Difference(out.select(0, 0), expected), kTolerance) << position;
    ASSERT_TRUE(out.select(0, 0).equal(out.select(0, 1)));
  }
}

}  // namespace
}  // namespace amaes
