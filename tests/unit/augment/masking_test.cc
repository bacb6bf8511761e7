#include "libs/augment/masking.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <numeric>

#include "libs/draws/draws.h"

namespace amaes {
namespace {

Sample MakeSample(std::int64_t patch, std::int64_t token, float offset, std::int64_t position) {
  Sample sample;
  sample.shape = Cube(patch);
  sample.input.resize(VoxelCount(sample.shape));
  std::iota(sample.input.begin(), sample.input.end(), offset);
  sample.token_mask = DrawTokenMask(1, position, sample.shape, token, 0.6);
  return sample;
}

TEST(VoxelMask, RepeatsEveryTokenAlongAllAxes) {
  at::Tensor tokens = at::zeros({1, 2, 2, 2}, at::kByte);
  tokens[0][1][0][1] = 1;
  const at::Tensor mask = VoxelMask(tokens, 4);
  ASSERT_EQ(mask.sizes(), (at::IntArrayRef{1, 1, 8, 8, 8}));
  EXPECT_EQ(mask.scalar_type(), at::kBool);
  EXPECT_EQ(mask.sum().item<std::int64_t>(), 64);
  EXPECT_TRUE(mask[0][0][4][0][4].item<bool>() && mask[0][0][7][3][7].item<bool>());
  EXPECT_FALSE(mask[0][0][3][0][4].item<bool>() || mask[0][0][4][4][4].item<bool>() ||
               mask[0][0][4][0][3].item<bool>());
}

TEST(MakeMaskedBatch, ZeroesMaskedVoxelsOfTheInputOnly) {
  const Sample a = MakeSample(16, 4, 1.0f, 0), b = MakeSample(16, 4, 5000.0f, 1);
  const MaskedBatch batch = MakeMaskedBatch({&a, &b}, 4, at::kCPU);
  ASSERT_EQ(batch.input.sizes(), (at::IntArrayRef{2, 1, 16, 16, 16}));
  // z is fastest: voxel (x, y, z) of a patch is number (x·16 + y)·16 + z.
  EXPECT_EQ(batch.target[1][0][2][3][5].item<float>(), 5000.0f + (2 * 16 + 3) * 16 + 5);
  EXPECT_TRUE(at::equal(batch.input, batch.target.masked_fill(batch.mask, 0.0)));
  for (int i = 0; i < 2; ++i) {
    // 64 tokens, int(64 · 0.4) = 25 stay visible.
    EXPECT_EQ(batch.mask[i].sum().item<std::int64_t>(), 39 * 64);
    EXPECT_EQ((batch.input[i] == 0).sum().item<std::int64_t>(), 39 * 64);
  }
  EXPECT_FALSE(at::equal(batch.mask[0], batch.mask[1]));
  EXPECT_FALSE(batch.excluded.defined());
}

TEST(MakeMaskedBatch, ATargetOfItsOwnAndExcludedVoxelsAreTaken) {
  const Sample a = MakeSample(16, 4, 1.0f, 0);
  Sample b = MakeSample(16, 4, 5000.0f, 1);
  b.target.assign(b.input.size(), 7.0f);
  b.excluded.assign(b.input.size(), 0);
  b.excluded[5] = 1;
  const MaskedBatch batch = MakeMaskedBatch({&a, &b}, 4, at::kCPU);
  EXPECT_EQ(batch.target[0][0][0][0][5].item<float>(), 6.0f);
  EXPECT_EQ(batch.target[1].min().item<float>(), 7.0f);
  EXPECT_EQ(batch.input[1].max().item<float>(),
            5000.0f + (batch.input[1].flatten() != 0).nonzero().max().item<float>());
  EXPECT_EQ(batch.excluded.sum().item<std::int64_t>(), 1);
  EXPECT_TRUE(batch.excluded[1][0][0][0][5].item<bool>());
}

TEST(MakeMaskedBatch, AnAnisotropicPatch) {
  Sample sample;
  sample.shape = {8, 16, 4};
  sample.input.assign(VoxelCount(sample.shape), 1.0f);
  sample.token_mask.assign(2 * 4 * 1, 0);
  sample.token_mask[1 * 4 + 2] = 1;  // token (1, 2, 0)
  const MaskedBatch batch = MakeMaskedBatch({&sample}, 4, at::kCPU);
  ASSERT_EQ(batch.input.sizes(), (at::IntArrayRef{1, 1, 8, 16, 4}));
  EXPECT_EQ(batch.mask.sum().item<std::int64_t>(), 64);
  EXPECT_EQ(batch.input[0][0][4][8][0].item<float>(), 0.0f);
  EXPECT_EQ(batch.input[0][0][3][8][0].item<float>(), 1.0f);
}

}  // namespace
}  // namespace amaes
