#include "libs/picture/run_picture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "libs/base/files.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/base/testing/temp_dir.h"
#include "libs/picture/style.h"
#include "tests/unit/picture/read_png.h"

namespace amaes {
namespace {

using ::testing::HasSubstr;

LossCurve Curve(int steps) {
  LossCurve out;
  for (int t = 1; t <= steps; ++t) {
    const double loss = 0.01 + 0.1 * std::exp(-t / 20.0);
    out.step.push_back(t);
    out.masked.push_back(loss * (1 + 0.2 * std::sin(t)));
    out.visible.push_back(loss / 2);
  }
  for (int t = 0; t <= steps; t += std::max(1, steps / 4)) {
    for (ValidationCurve* crops : {&out.held_out, &out.training_crops}) {
      crops->step.push_back(t);
      crops->masked.push_back(0.01 + 0.1 * std::exp(-t / 20.0));
      crops->visible_mean.push_back(0.05);
    }
  }
  return out;
}

ReconstructionPanel Panel(const Shape3& shape) {
  ReconstructionPanel out;
  out.title = "Held-out crop";
  out.shape = shape;
  out.input.assign(static_cast<std::size_t>(VoxelCount(shape)), 0.5f);
  out.masked_input = out.reconstruction = out.target = out.input;
  return out;
}

class RunPictureTest : public ::testing::Test {
 protected:
  Pixels Written(const std::string& title, const LossCurve& curve, const std::vector<ReconstructionPanel>& panels) {
    EXPECT_OK(WriteRunPicture(dir_.path() / "run.png", title, curve, panels));
    return DecodePng(files::Read(dir_.path() / "run.png").value_or(""));
  }
  static int Count(const Pixels& pixels, Color color) {
    int count = 0;
    for (int y = 0; y < pixels.height; ++y) {
      for (int x = 0; x < pixels.width; ++x) count += pixels.at(x, y) == color ? 1 : 0;
    }
    return count;
  }
  // The margins stay white, whatever is drawn.
  static void ExpectMargins(const Pixels& pixels) {
    for (int y = 0; y < pixels.height; ++y) {
      for (int x = 0; x < 36; ++x) {
        ASSERT_EQ(pixels.at(x, y), kWhite) << x << ", " << y;
        ASSERT_EQ(pixels.at(pixels.width - 1 - x, y), kWhite) << x << ", " << y;
      }
    }
  }

  TempDir dir_;
};

TEST_F(RunPictureTest, HasEveryCurveAndPanel) {
  const Pixels pixels = Written("A run", Curve(200), {Panel({64, 64, 64}), Panel({64, 64, 64})});
  EXPECT_EQ(pixels.width, 1240);
  const Pixels without = Written("A run", Curve(200), {});
  EXPECT_GT(pixels.height, without.height + 1600);
  for (const Color color :
       {style::kMasked, style::kMaskedPale, style::kVisible, style::kHeldOut, style::kTrainingCrops}) {
    EXPECT_GT(Count(pixels, color), 30);
  }
  ExpectMargins(pixels);
}

TEST_F(RunPictureTest, StaysInItsPlaceWhateverItIsGiven) {
  ExpectMargins(Written(std::string(500, 'W'), Curve(5), {Panel({1, 1, 1})}));
  ExpectMargins(Written("", {}, {}));
  ExpectMargins(Written("", Curve(20000), {Panel({300, 5, 1})}));
  ReconstructionPanel long_title = Panel({8, 4, 2});
  long_title.title = std::string(500, 'm');
  ExpectMargins(Written("\xc3\xa4\xff", Curve(1), {long_title}));
}

TEST_F(RunPictureTest, ValuesThatAreNoneLeaveGaps) {
  LossCurve curve = Curve(100);
  for (std::size_t i = 0; i < curve.step.size(); i += 3) curve.masked[i] = i % 2 == 0 ? std::nan("") : -1.0;
  curve.held_out.masked.back() = std::numeric_limits<double>::infinity();
  curve.visible.assign(curve.visible.size(), 0.0);
  const Pixels pixels = Written("gaps", curve, {});
  EXPECT_GT(Count(pixels, style::kMasked), 30);
  ReconstructionPanel panel = Panel({4, 4, 4});
  panel.target.assign(64, std::nanf(""));
  panel.reconstruction.assign(64, std::numeric_limits<float>::infinity());
  ExpectMargins(Written("gaps", curve, {panel}));
}

TEST_F(RunPictureTest, TheSameRunGivesTheSameBytes) {
  Written("A run", Curve(200), {Panel({16, 16, 16})});
  const std::string first = files::Read(dir_.path() / "run.png").value();
  Written("A run", Curve(200), {Panel({16, 16, 16})});
  EXPECT_EQ(files::Read(dir_.path() / "run.png").value(), first);
}

TEST_F(RunPictureTest, RefusesWhatDoesNotFit) {
  const std::filesystem::path path = dir_.path() / "run.png";
  LossCurve curve = Curve(10);
  curve.visible.pop_back();
  EXPECT_THAT(WriteRunPicture(path, "", curve, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("10 masked and 9 visible")));
  curve = Curve(10);
  curve.held_out.visible_mean.clear();
  EXPECT_THAT(WriteRunPicture(path, "", curve, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("held-out crops")));
  ReconstructionPanel panel = Panel({4, 4, 4});
  panel.reconstruction.pop_back();
  EXPECT_THAT(WriteRunPicture(path, "", {}, {panel}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("63 values")));
  panel = Panel({4, 4, 4});
  panel.shape = {0, 4, 4};
  EXPECT_THAT(WriteRunPicture(path, "", {}, {panel}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("side of 0")));
  panel.shape = {std::int64_t{1} << 40, std::int64_t{1} << 40, 4};
  EXPECT_THAT(WriteRunPicture(path, "", {}, {panel}), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(WriteRunPicture(path, "", {}, std::vector<ReconstructionPanel>(17, Panel({1, 1, 1}))),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at most 16")));
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(RunPictureTest, OnePanelAlone) {
  const absl::StatusOr<std::string> png = EncodePanel("A run", "step 500", Panel({64, 48, 32}));
  ASSERT_OK(png.status());
  const Pixels pixels = DecodePng(*png);
  EXPECT_EQ(pixels.width, 1240);
  EXPECT_EQ(pixels.height, 1024);
  ExpectMargins(pixels);
  ReconstructionPanel torn = Panel({8, 8, 8});
  torn.target.pop_back();
  EXPECT_THAT(EncodePanel("A run", "", torn).status(), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace amaes
