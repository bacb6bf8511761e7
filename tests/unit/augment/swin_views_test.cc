#include "libs/augment/swin_views.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/base/rng.h"

namespace amaes {
namespace {

constexpr Shape3 kPatch{64, 32, 32};

Sample Random(std::int64_t position, bool fixed = false) {
  Sample sample;
  sample.position = position;
  sample.fixed = fixed;
  sample.shape = kPatch;
  RandomStream stream(1, Purpose::kPhantom, static_cast<std::uint64_t>(position));
  for (std::int64_t i = 0; i < VoxelCount(kPatch); ++i)
    sample.input.push_back(static_cast<float>(stream.UniformDouble()));
  return sample;
}

std::vector<const Sample*> Pointers(const std::vector<Sample>& samples) {
  std::vector<const Sample*> pointers;
  for (const Sample& sample : samples) pointers.push_back(&sample);
  return pointers;
}

TEST(SwinViews, TurnNoiseAndCopyInThisOrder) {
  // One row of four voxels in a plane of 4 x 4, two samples.
  const at::Tensor patches = at::rand({2, 1, 1, 4, 4});
  SwinSpoiling spoiling{.turns = {1, 0},
                        .sources = {1, 0},
                        .noise = at::zeros({2, 1, 1, 4, 4}).fill_(7),
                        .noise_mask = at::zeros({2, 1, 1, 4, 4}, at::kBool),
                        .copy_mask = at::zeros({2, 1, 1, 4, 4}, at::kBool)};
  spoiling.noise_mask[0][0][0][0].fill_(true);  // first row of the first sample
  spoiling.copy_mask[0][0][0][1].fill_(true);   // second row of both
  spoiling.copy_mask[1][0][0].fill_(true);      // the second sample becomes the first
  const SwinView view = ApplySwinSpoiling(patches, spoiling);
  // A quarter turn moves the last column to the first row.
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(view.target[0][0][0][0][i].item<float>(), patches[0][0][0][i][3].item<float>());
  }
  EXPECT_TRUE(at::equal(view.target[1], patches[1]));
  EXPECT_TRUE(at::equal(view.input[0][0][0][0], at::zeros({4}).fill_(7)));
  EXPECT_TRUE(at::equal(view.input[0][0][0][1], patches[1][0][0][1])) << "from a sample that is not yet spoiled";
  EXPECT_TRUE(at::equal(view.input[0][0][0][2], view.target[0][0][0][2]));
  EXPECT_TRUE(at::equal(view.input[1], view.input[0])) << "from one that is";
}

TEST(SwinViews, ShowTheTurnedPatchWhereNothingWasDrawn) {
  const std::vector<Sample> samples{Random(4), Random(5)};
  const SwinViews views = MakeSwinViews(Pointers(samples), {.draw_seed = 9, .group = 2}, at::kCPU);
  ASSERT_EQ(views.input.sizes(), at::IntArrayRef({4, 1, 64, 32, 32}));
  for (int i = 0; i < 4; ++i) {
    const SwinViewDraw draw = DrawSwinView(9, SwinDrawsFor::kTraining, 4 + i % 2, i / 2, 2, kPatch);
    EXPECT_EQ(views.turns[i].item<std::int64_t>(), draw.quarter_turns);
    at::Tensor drawn = at::zeros({64, 32, 32}, at::kBool);
    std::vector<Box> boxes = draw.noise;
    if (draw.source != i % 2) boxes.insert(boxes.end(), draw.copied.begin(), draw.copied.end());
    for (const Box& box : boxes) {
      drawn.narrow(0, box.start[0], box.size[0])
          .narrow(1, box.start[1], box.size[1])
          .narrow(2, box.start[2], box.size[2])
          .fill_(true);
    }
    const at::Tensor changed = views.input[i][0].ne(views.target[i][0]);
    EXPECT_FALSE(changed.logical_and(drawn.logical_not()).any().item<bool>()) << i;
    // The second sample may get back what the first one took from it; random voxels are not equal by chance.
    if (i % 2 == 0) {
      EXPECT_TRUE(at::equal(changed, drawn)) << i;
    }
  }
}

TEST(SwinViews, AGroupIsTheSameAloneAndAmongOthers) {
  const std::vector<Sample> all{Random(8), Random(9), Random(10), Random(11)}, last{Random(10), Random(11)};
  const SwinViewOptions options{.draw_seed = 2, .group = 2};
  const SwinViews together = MakeSwinViews(Pointers(all), options, at::kCPU);
  const SwinViews alone = MakeSwinViews(Pointers(last), options, at::kCPU);
  for (int view = 0; view < 2; ++view) {
    EXPECT_TRUE(at::equal(together.input.narrow(0, 4 * view + 2, 2), alone.input.narrow(0, 2 * view, 2)));
    EXPECT_TRUE(at::equal(together.target.narrow(0, 4 * view + 2, 2), alone.target.narrow(0, 2 * view, 2)));
  }
}

TEST(SwinViews, NothingIsCopiedFromASkippedSample) {
  const SwinViewOptions options{.draw_seed = 2, .group = 4};
  for (std::int64_t position = 0; position < 8; ++position) {
    const std::vector<Sample> one{Random(position)};
    const SwinViews views = MakeSwinViews(Pointers(one), options, at::kCPU);
    const SwinViewDraw draw = DrawSwinView(2, SwinDrawsFor::kTraining, position, 0, 4, kPatch);
    std::int64_t covered = 0;
    for (const std::uint8_t voxel : DrawSwinFill(2, SwinDrawsFor::kTraining, position, 0, draw, kPatch).noise_mask)
      covered += voxel;
    EXPECT_EQ(views.input[0].ne(views.target[0]).sum().item<std::int64_t>(), covered) << position;
  }
}

TEST(SwinViews, ExcludedVoxelsTurnWithThePatch) {
  std::vector<Sample> samples{Random(4), Random(5)};
  const SwinViewOptions options{.draw_seed = 9, .group = 2};
  EXPECT_FALSE(MakeSwinViews(Pointers(samples), options, at::kCPU).excluded.defined());
  for (const float voxel : samples[1].input) samples[1].excluded.push_back(voxel > 0.5f ? 1 : 0);
  const SwinViews views = MakeSwinViews(Pointers(samples), options, at::kCPU);
  ASSERT_EQ(views.excluded.sizes(), views.target.sizes());
  std::int64_t turned = 0;
  for (int view = 0; view < 2; ++view) {
    EXPECT_FALSE(views.excluded[2 * view].any().item<bool>());
    EXPECT_TRUE(at::equal(views.excluded[2 * view + 1], views.target[2 * view + 1].gt(0.5)));
    turned += views.turns[2 * view + 1].item<std::int64_t>();
  }
  EXPECT_GT(turned, 0);
}

// One sample whose intensities were augmented, one whose were not.
TEST(SwinViews, TheTargetIsThePatchBeforeIntensityAugmentation) {
  std::vector<Sample> samples{Random(4), Random(5)};
  const SwinViewOptions options{.draw_seed = 9, .group = 2};
  const SwinViews plain = MakeSwinViews(Pointers(samples), options, at::kCPU);
  samples[0].target = samples[0].input;
  for (float& voxel : samples[0].input) voxel += 2;
  const SwinViews views = MakeSwinViews(Pointers(samples), options, at::kCPU);
  EXPECT_TRUE(at::equal(views.target, plain.target));
  for (int view = 0; view < 2; ++view) {
    const at::Tensor shown = views.input[2 * view], before = plain.input[2 * view];
    const at::Tensor own = before.eq(plain.target[2 * view]);  // neither noise nor another sample's
    EXPECT_GT(own.sum().item<std::int64_t>(), VoxelCount(kPatch) / 3);
    EXPECT_TRUE(at::equal(shown.masked_select(own), before.masked_select(own) + 2));
  }
}

TEST(SwinViews, FixedCropsHaveDrawsOfTheirOwn) {
  const std::vector<Sample> training{Random(1)}, fixed{Random(1, /*fixed=*/true)};
  const SwinViews a = MakeSwinViews(Pointers(training), {}, at::kCPU), b = MakeSwinViews(Pointers(fixed), {}, at::kCPU);
  EXPECT_FALSE(at::equal(a.input, b.input));
  const SwinViews other_seed = MakeSwinViews(Pointers(fixed), {.draw_seed = 2}, at::kCPU);
  EXPECT_TRUE(at::equal(b.input, other_seed.input));
  EXPECT_FALSE(at::equal(b.input, MakeSwinViews(Pointers(fixed), {.fixed_seed = 2}, at::kCPU).input));
}

}  // namespace
}  // namespace amaes
