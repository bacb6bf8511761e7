#include "libs/spec/augment_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/spec/spec_io.h"

namespace amaes {
namespace {

Augmentation Of(const std::string& yaml) {
  const ParsedSpec parsed = ParseSpec(yaml, {"dataset.name=brains"});
  EXPECT_THAT(parsed.problems, ::testing::IsEmpty()) << yaml;
  return AugmentationOf(parsed.spec);
}

TEST(AugmentChoice, PretrainingIsIntendedAndFinetuningBasic) {
  EXPECT_EQ(Of("kind: pretrain"), AugmentationOf(AugmentPreset::kIntended));
  EXPECT_EQ(Of("kind: finetune"), AugmentationOf(AugmentPreset::kBasic));
}

TEST(AugmentChoice, NamesArePresets) {
  EXPECT_EQ(Of("augment: {preset: none}"), AugmentationOf(AugmentPreset::kNone));
  EXPECT_EQ(Of("augment: {preset: spatial}"), AugmentationOf(AugmentPreset::kSpatial));
  EXPECT_EQ(Of("augment: {preset: reference}"), AugmentationOf(AugmentPreset::kReference));
}

// Each mistake of the reference by itself, on and off.
TEST(AugmentChoice, EverySwitchGoesBothWays) {
  Augmentation expected = AugmentationOf(AugmentPreset::kIntended);
  expected.half_voxel = true;
  EXPECT_EQ(Of("augment: {grid: half}"), expected);
  expected = AugmentationOf(AugmentPreset::kIntended);
  expected.crop_border = true;
  EXPECT_EQ(Of("augment: {border: crop}"), expected);
  expected = AugmentationOf(AugmentPreset::kIntended);
  expected.absolute_ringing = true;
  EXPECT_EQ(Of("augment: {ringing: absolute}"), expected);
  expected = AugmentationOf(AugmentPreset::kIntended);
  expected.reversal = false;
  EXPECT_EQ(Of("loss: {target: after}"), expected);
  expected.reversal = true;
  expected.gamma_epsilon = 1;
  EXPECT_EQ(Of("augment: {gamma_epsilon: 1}"), expected);
  EXPECT_EQ(Of("augment: {preset: reference, grid: whole, border: volume, ringing: relative, gamma_epsilon: 1e-7}"),
            AugmentationOf(AugmentPreset::kIntended));
}

TEST(AugmentChoice, FinetuningCropsAtThePatchAndClipsNothing) {
  const Augmentation augmentation = Of("{kind: finetune, augment: {preset: intended}}");
  EXPECT_FALSE(augmentation.wide_crop);
  EXPECT_FALSE(augmentation.clip);
  EXPECT_TRUE(augmentation.intensity);
}

}  // namespace
}  // namespace amaes
