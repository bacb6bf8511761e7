// How often each transform fires and what it draws is compared with yucca in tests/conformance/transform.
#include "libs/draws/augment_draws.h"

#include <gtest/gtest.h>

#include <cmath>

namespace amaes {
namespace {

TEST(AugmentDraws, WideCrops) {
  EXPECT_EQ(WideCrop({64, 64, 64}), (Shape3{90, 90, 90}));
  EXPECT_EQ(WideCrop({96, 96, 96}), (Shape3{135, 135, 135}));
  EXPECT_EQ(WideCrop({128, 128, 128}), (Shape3{181, 181, 181}));
  EXPECT_EQ(WideCrop({160, 160, 160}), (Shape3{226, 226, 226}));
  EXPECT_EQ(WideCrop({96, 96, 24}), (Shape3{135, 135, 98}));
}

TEST(AugmentDraws, AreAFunctionOfSeedAndPosition) {
  const Augmentation augmentation = AugmentationOf(AugmentPreset::kReference);
  const Shape3 patch{32, 32, 32};
  int different = 0;
  for (std::int64_t position = 0; position < 100; ++position) {
    EXPECT_EQ(DrawSpatial(1, position, augmentation), DrawSpatial(1, position, augmentation));
    EXPECT_EQ(DrawIntensity(1, position, augmentation, patch, 2), DrawIntensity(1, position, augmentation, patch, 2));
    different +=
        DrawIntensity(1, position, augmentation, patch, 1) == DrawIntensity(2, position, augmentation, patch, 1) ? 0
                                                                                                                 : 1;
  }
  EXPECT_GT(different, 80);
}

// What fires does not depend on the preset's other switches, nor on the number of channels.
TEST(AugmentDraws, TheFirstChannelIsTheSameAmongMany) {
  const Augmentation augmentation = AugmentationOf(AugmentPreset::kIntended);
  const Shape3 patch{32, 40, 48};
  for (std::int64_t position = 0; position < 100; ++position) {
    EXPECT_EQ(DrawIntensity(3, position, augmentation, patch, 1)[0],
              DrawIntensity(3, position, augmentation, patch, 4)[0]);
    EXPECT_EQ(DrawSpatial(3, position, augmentation),
              DrawSpatial(3, position, AugmentationOf(AugmentPreset::kReference)));
  }
}

TEST(AugmentDraws, PresetsHoldWhatTheySay) {
  const Shape3 patch{32, 32, 32};
  const Augmentation none = AugmentationOf(AugmentPreset::kNone), basic = AugmentationOf(AugmentPreset::kBasic);
  const Augmentation spatial = AugmentationOf(AugmentPreset::kSpatial);
  EXPECT_FALSE(none.spatial());
  EXPECT_FALSE(basic.wide_crop);
  EXPECT_FALSE(basic.clip);
  EXPECT_TRUE(spatial.wide_crop);
  bool elastic = false;
  for (std::int64_t position = 0; position < 300; ++position) {
    EXPECT_EQ(DrawSpatial(1, position, none), SpatialDraw{});
    EXPECT_FALSE(DrawSpatial(1, position, basic).elastic);
    elastic = elastic || DrawSpatial(1, position, spatial).elastic;
    for (const Augmentation& augmentation : {none, basic, spatial}) {
      EXPECT_EQ(DrawIntensity(1, position, augmentation, patch, 1)[0], IntensityDraw{});
    }
  }
  EXPECT_TRUE(elastic);
}

TEST(AugmentDraws, TheMatrixIsTheDrawnRotationAndScale) {
  const Augmentation augmentation = AugmentationOf(AugmentPreset::kSpatial);
  int turned = 0;
  for (std::int64_t position = 0; position < 2000; ++position) {
    const SpatialDraw draw = DrawSpatial(8, position, augmentation);
    const auto& m = draw.matrix;
    const double determinant =
        m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) + m[2] * (m[3] * m[7] - m[4] * m[6]);
    ASSERT_NEAR(std::cbrt(determinant), draw.factor.value_or(1), 1e-12);
    if (!draw.angles[0] && draw.angles[1] && !draw.angles[2]) {
      const double f = draw.factor.value_or(1);
      ASSERT_NEAR(m[2], f * std::sin(*draw.angles[1]), 1e-12);
      ++turned;
    }
  }
  EXPECT_GT(turned, 10);
}

}  // namespace
}  // namespace amaes
