#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/metrics/overlay.h"
#include "libs/metrics/report_html.h"
#include "libs/metrics/report_plots.h"
#include "tests/unit/metrics/results_fixture.h"
#include "tests/unit/picture/read_png.h"

namespace amaes {
namespace {

using testing::HasSubstr;
using testing::Not;

std::size_t Count(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(StripPlot, ShowsEveryCaseOrSaysSo) {
  const EvaluationResults results = MakeResults(6);
  const std::string dice = StripPlot(results, 0);
  // lesion 6, other 3, all 6, foreground 6.
  EXPECT_EQ(Count(dice, "class=\"dot\""), 21u);
  EXPECT_THAT(dice, HasSubstr("3 undefined"));
  const std::string distance = StripPlot(results, 5);
  EXPECT_THAT(distance, HasSubstr("3 infinite, 3 undefined"));
  EXPECT_THAT(distance, Not(HasSubstr(">all<")));
  EXPECT_THAT(distance, HasSubstr("95 % Hausdorff, mm"));
}

TEST(ReportHtml, HasAllParts) {
  const EvaluationResults results = MakeResults(8);
  const std::string page = ReportHtml("A <title>", results, [](const std::string& key) { return "png of " + key; });
  EXPECT_THAT(page, HasSubstr("<h1>A &lt;title&gt;</h1>"));
  EXPECT_THAT(page, HasSubstr("sub-3 &lt;x&gt; · ses-1 · FLAIR"));
  EXPECT_THAT(page, Not(HasSubstr("sub-3 <x>")));
  EXPECT_THAT(page, HasSubstr("lesion = 1, other = 2"));
  EXPECT_THAT(page, HasSubstr("4 of 8"));
  EXPECT_EQ(Count(page, "data:image/png;base64,"), 8u);
  EXPECT_EQ(Count(page, "<svg"), 3u);
  // Nothing is fetched from anywhere.
  EXPECT_THAT(page, Not(HasSubstr("http")));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
}

TEST(ReportHtml, WithoutPicturesHasNoEmptySection) {
  const std::string page = ReportHtml("t", MakeResults(2), [](const std::string&) { return std::string(); });
  EXPECT_THAT(page, Not(HasSubstr("<h2>Cases</h2>")));
}

// A block of truth low at the left, of prediction beside it, on thick slices.
struct Scene {
  Shape3 shape{20, 10, 6};
  std::array<double, 3> spacing{1, 2, 5};
  std::vector<float> image = std::vector<float>(1200, 0.5F);
  std::vector<std::uint8_t> truth = std::vector<std::uint8_t>(1200), prediction = truth;
  Scene() {
    for (int x = 2; x < 8; ++x) {
      for (int y = 1; y < 4; ++y) {
        truth[(x * 10 + y) * 6 + 1] = 1;
        prediction[((x + 8) * 10 + y) * 6 + 1] = 1;
      }
    }
  }
  OverlayView view() const { return {shape, spacing, image, truth, prediction}; }
};

TEST(Overlay, CutsWhereMostIs) {
  Scene scene;
  EXPECT_EQ(OverlayCut(scene.view())[2], 1);
  scene.truth.assign(1200, 0);
  scene.prediction = scene.truth;
  EXPECT_EQ(OverlayCut(scene.view()), (Shape3{10, 5, 3}));
}

TEST(Overlay, OutlinesBothOnTheRightSides) {
  const Scene scene;
  ASSERT_OK_AND_ASSIGN(const std::string png, OverlayPng(scene.view(), 60));
  const Pixels picture = DecodePng(png);
  // 20 x 20 mm axial, 20 x 30 coronal, 20 x 30 sagittal: 40, 40 and 40 pixels wide, 60 high.
  EXPECT_EQ(picture.width, 40 + 4 + 40 + 4 + 40);
  EXPECT_EQ(picture.height, 60);
  const auto is = [&](int x, int y, Color color) { return picture.at(x, y) == color; };
  double left = 0, right = 0, truths = 0, predictions = 0;
  for (int y = 0; y < 40; ++y) {
    for (int x = 0; x < 40; ++x) {
      if (is(x, y, kTruthColor)) left += x, ++truths;
      if (is(x, y, kPredictionColor)) right += x, ++predictions;
      // Low y of the patient is low on the screen: nothing in the upper half.
      if (y < 20) {
        EXPECT_FALSE(is(x, y, kTruthColor) || is(x, y, kPredictionColor));
      }
    }
  }
  ASSERT_GT(truths, 0);
  ASSERT_GT(predictions, 0);
  EXPECT_LT(left / truths, 20);
  EXPECT_GT(right / predictions, 20);
}

}  // namespace
}  // namespace amaes
