#include "libs/volume/phantom.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "libs/base/digest.h"
#include "libs/base/testing/status_matchers.h"

namespace amaes {
namespace {

using testing::ElementsAre;
using testing::Not;

PhantomOptions Coarse() {
  PhantomOptions options;
  options.shape = {48, 56, 48};
  options.spacing_mm = 3;
  return options;
}

// Rounded to quarters, so that the last bit of a library's cosine does not matter.
std::string Hash(const Volume& volume) {
  std::string bytes;
  for (const float v : volume.voxels) {
    const auto quarters = static_cast<std::uint16_t>(std::lround(v * 4));
    bytes.push_back(static_cast<char>(quarters & 0xff));
    bytes.push_back(static_cast<char>(quarters >> 8));
  }
  return Sha256Hex(bytes).substr(0, 16);
}

TEST(PhantomTest, IsTheSameEverywhere) {
  const Phantom phantom = MakePhantom(0, Coarse());
  EXPECT_EQ(Hash(phantom.labels), "bc7a8b61b119dbca");
  EXPECT_EQ(Hash(phantom.images[0]), "05f4e22d7ca57838");
  EXPECT_EQ(Hash(phantom.images[1]), "4ccc4a7e11332f00");
  EXPECT_EQ(Hash(phantom.images[2]), "6c729740b21c7165");
}

TEST(PhantomTest, HasAllTissuesOnOneGrid) {
  const PhantomOptions options;
  const Phantom phantom = MakePhantom(3, options);
  EXPECT_THAT(phantom.contrasts, ElementsAre("T1w", "T2w", "FLAIR"));
  ASSERT_EQ(phantom.images.size(), 3u);
  std::vector<double> share(kPhantomLabels);
  for (const float label : phantom.labels.voxels) {
    ASSERT_EQ(label, std::rint(label));
    ASSERT_LT(label, kPhantomLabels);
    share[static_cast<std::size_t>(label)] += 1.0 / static_cast<double>(phantom.labels.voxels.size());
  }
  for (const double s : share) EXPECT_GT(s, 0);
  EXPECT_NEAR(share[0], 0.5, 0.15) << "background";
  EXPECT_GT(share[3], 0.06) << "grey matter";
  EXPECT_GT(share[4], 0.05) << "white matter";
  EXPECT_LT(share[6], 0.01) << "lesions";
  for (const Volume& image : phantom.images) {
    EXPECT_EQ(image.shape, options.shape);
    EXPECT_EQ(image.affine, phantom.labels.affine);
    EXPECT_EQ(image.spacing, phantom.labels.spacing);
    for (std::size_t i = 0; i < image.voxels.size(); ++i) {
      ASSERT_TRUE(std::isfinite(image.voxels[i]) && image.voxels[i] >= 0);
      ASSERT_TRUE(phantom.labels.voxels[i] != 0 || image.voxels[i] == 0);
    }
  }
}

// Mean intensity by label.
std::vector<double> Means(const Phantom& phantom, std::size_t contrast) {
  std::vector<double> sum(kPhantomLabels), count(kPhantomLabels);
  for (std::size_t i = 0; i < phantom.labels.voxels.size(); ++i) {
    const auto label = static_cast<std::size_t>(phantom.labels.voxels[i]);
    sum[label] += phantom.images[contrast].voxels[i];
    count[label] += 1;
  }
  for (std::size_t l = 0; l < sum.size(); ++l) sum[l] /= std::max(count[l], 1.0);
  return sum;
}

TEST(PhantomTest, ContrastsOrderTissuesAsScannersDo) {
  const Phantom phantom = MakePhantom(2, PhantomOptions());
  const std::vector<double> t1 = Means(phantom, 0), t2 = Means(phantom, 1), flair = Means(phantom, 2);
  EXPECT_TRUE(t1[4] > t1[3] && t1[3] > t1[2]) << "T1w: white, grey, fluid";
  EXPECT_TRUE(t2[2] > t2[3] && t2[3] > t2[4]) << "T2w: fluid, grey, white";
  EXPECT_TRUE(flair[6] > flair[3] && flair[3] > flair[2]) << "FLAIR: lesion, grey, fluid";
}

TEST(PhantomTest, SubjectsAndSeedsDiffer) {
  std::set<std::string> hashes;
  for (int subject = 0; subject < 4; ++subject) hashes.insert(Hash(MakePhantom(subject, Coarse()).labels));
  PhantomOptions other = Coarse();
  other.seed = 2;
  hashes.insert(Hash(MakePhantom(0, other).labels));
  EXPECT_EQ(hashes.size(), 5u);
}

TEST(PhantomTest, LesionsAreOptionalAndChangeNothingElse) {
  PhantomOptions healthy = Coarse(), ill = Coarse();
  healthy.lesions = 0;
  ill.lesions = 3;
  const Volume a = MakePhantom(5, healthy).labels, b = MakePhantom(5, ill).labels;
  int changed = 0;
  for (std::size_t i = 0; i < a.voxels.size(); ++i) {
    ASSERT_NE(a.voxels[i], 6);
    if (a.voxels[i] == b.voxels[i]) continue;
    ++changed;
    ASSERT_EQ(a.voxels[i], 4);
    ASSERT_EQ(b.voxels[i], 6);
  }
  EXPECT_GT(changed, 0);
}

TEST(PhantomTest, FitsAnyGrid) {
  PhantomOptions odd;
  odd.shape = {33, 20, 41};
  odd.spacing_mm = 2;
  const Phantom phantom = MakePhantom(1, odd);
  EXPECT_THAT(phantom.labels.voxels, testing::Contains(4.0f));
  EXPECT_EQ(phantom.labels.at(0, 0, 0), 0);
}

}  // namespace
}  // namespace amaes
