#include "libs/volume/pickle_geometry.h"

#include <gtest/gtest.h>

#include <cmath>

#include "libs/base/testing/status_matchers.h"

namespace amaes {
namespace {

using absl::StatusCode;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

json Yucca() {
  return {{"nifti_metadata",
           {{"original_spacing", {2, 3, 4}}, {"affine", {{2, 0, 0, 10}, {0, 3, 0, 20}, {0, 0, 4, 30}, {0, 0, 0, 1}}}}},
          {"crop_to_nonzero", {1, 8, 2, 9, 0, 7}},
          {"size_before_transpose", {8, 8, 8}},
          {"size_after_transpose", {8, 8, 8}},
          {"new_size", {16, 24, 32}}};
}

TEST(PickleGeometryTest, FollowsYuccasCropAndResampling) {
  const auto geometry = GeometryOfPickle(Yucca(), {16, 24, 32});
  ASSERT_THAT(geometry, IsOk());
  EXPECT_TRUE(geometry->has_affine);
  EXPECT_EQ(geometry->spacing, (std::array<double, 3>{1, 1, 1}));
  // Voxel (1, 2, 0) of the scan is the first; a quarter, a third and three eighths of it to the edge side.
  EXPECT_THAT(geometry->affine, ElementsAre(1, 0, 0, 12 - 0.5, 0, 1, 0, 26 - 1, 0, 0, 1, 30 - 1.5, 0, 0, 0, 1));
  json uncropped = Yucca();
  uncropped["crop_to_nonzero"] = false;
  uncropped["nifti_metadata"]["affine"] = nullptr;
  const auto plain = GeometryOfPickle(uncropped, {16, 24, 32});
  ASSERT_THAT(plain, IsOk());
  EXPECT_FALSE(plain->has_affine);
  EXPECT_THAT(plain->affine, ElementsAre(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1));
}

TEST(PickleGeometryTest, FollowsNnunetsTransposition) {
  // z, y, x of an image of 1 x 2 x 3 mm (x, y, z), no crop, no resampling.
  const json properties{
      {"sitk_stuff", {{"spacing", {1, 2, 3}}, {"origin", {10, 20, 30}}, {"direction", {1, 0, 0, 0, 1, 0, 0, 0, 1}}}},
      {"spacing", {3, 2, 1}},
      {"bbox_used_for_cropping", {{0, 4}, {0, 5}, {0, 6}}},
      {"shape_after_cropping_and_before_resampling", {4, 5, 6}}};
  const auto straight = GeometryOfPickle(properties, {4, 5, 6});
  ASSERT_THAT(straight, IsOk());
  EXPECT_EQ(straight->spacing, (std::array<double, 3>{3, 2, 1}));
  EXPECT_THAT(straight->affine, ElementsAre(0, 0, -1, -10, 0, -2, 0, -20, 3, 0, 0, 30, 0, 0, 0, 1));
  const auto turned = GeometryOfPickle(properties, {4, 5, 6}, {2, 0, 1});
  ASSERT_THAT(turned, IsOk());
  EXPECT_EQ(turned->spacing, (std::array<double, 3>{1, 3, 2}));
  EXPECT_THAT(turned->affine, ElementsAre(-1, 0, 0, -10, 0, 0, -2, -20, 0, 3, 0, 30, 0, 0, 0, 1));
  EXPECT_THAT(GeometryOfPickle(properties, {4, 5, 6}, {0, 0, 1}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("no order of three axes")));
}

// Found by fuzzing: each number is finite, their product is not.
TEST(PickleGeometryTest, RefusesASpacingThatOverflows) {
  const json properties{{"sitk_stuff", {{"spacing", {1, 1}}}},
                        {"spacing", {1e308, 1, 1}},
                        {"bbox_used_for_cropping", {{0, 40}, {0, 5}, {0, 6}}},
                        {"shape_after_cropping_and_before_resampling", {40, 5, 6}}};
  EXPECT_THAT(GeometryOfPickle(properties, {4, 5, 6}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("spacing inf")));
}

TEST(PickleGeometryTest, NamesWhatIsMissing) {
  const auto refused = [](const json& properties, const std::string& why) {
    EXPECT_THAT(GeometryOfPickle(properties, {16, 24, 32}), StatusIs(StatusCode::kInvalidArgument, HasSubstr(why)));
  };
  refused(json(), "neither yucca's");
  json broken = Yucca();
  broken["new_size"] = {16, 24, 33};
  refused(broken, "belongs to another array");
  broken = Yucca();
  broken["nifti_metadata"] = 7;
  refused(broken, "original_spacing");
  broken = Yucca();
  broken["nifti_metadata"]["original_spacing"] = {1, NAN, 1};
  refused(broken, "original_spacing");
  broken = Yucca();
  broken["nifti_metadata"]["original_spacing"] = {1, -1, 1};
  refused(broken, "spacing -");
  broken = Yucca();
  broken["size_after_transpose"] = {8, 8, 9};
  refused(broken, "transposed");
  broken = Yucca();
  broken["crop_to_nonzero"] = {1, 2};
  refused(broken, "crop_to_nonzero");
}

TEST(ReorientToRasTest, PermutesAndFlips) {
  Volume volume;  // first axis down, second to the left, third to the front
  volume.shape = {2, 3, 4};
  volume.spacing = {5, 6, 7};
  volume.affine = {0, -6, 0, 100, 0, 0, 7, 200, -5, 0, 0, 300, 0, 0, 0, 1};
  for (int i = 0; i < 24; ++i) volume.voxels.push_back(static_cast<float>(i));
  const auto out = ReorientToRas(volume);
  ASSERT_THAT(out, IsOk());
  EXPECT_EQ(out->shape, (Shape3{3, 4, 2}));
  EXPECT_EQ(out->spacing, (std::array<double, 3>{6, 7, 5}));
  EXPECT_THAT(out->affine, ElementsAre(6, 0, 0, 88, 0, 7, 0, 200, 0, 0, 5, 295, 0, 0, 0, 1));
  for (int x = 0; x < 3; ++x) {
    for (int y = 0; y < 4; ++y) {
      for (int z = 0; z < 2; ++z) EXPECT_EQ(out->at(x, y, z), volume.at(1 - z, 2 - x, y));
    }
  }
  volume.affine = {};
  EXPECT_THAT(ReorientToRas(volume), StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace amaes
