#include "libs/picture/job_pictures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(PictureNameTest, ComesBack) {
  EXPECT_EQ(PictureFileName({500, "held_out"}), "00000500-held_out.png");
  for (const PictureName& name : {PictureName{0, "train"}, {276900, "held_out"}, {1'234'567'890, "a1"}}) {
    EXPECT_EQ(ParsePictureFileName(PictureFileName(name)), name);
  }
}

TEST(PictureNameTest, OtherFilesAreNone) {
  for (const char* file :
       {"run.png", "", "-", ".png", "00000500-.png", "00000500-held_out", "500-held_out.png", "+0000500-train.png",
        "00000500-../x.png", "00000500-Train.png", "0000050a-train.png", "00000500.png-x", "-0000500-train.png"}) {
    EXPECT_EQ(ParsePictureFileName(file), std::nullopt) << file;
  }
}

std::vector<std::string> Kept(std::int64_t steps, std::int64_t every) {
  std::vector<std::string> files = {"run.png"};
  for (std::int64_t step = 0; step <= steps; step += every) {
    files.push_back(PictureFileName({step, "held_out"}));
    for (const std::string& gone : PicturesToDelete(files, every)) std::erase(files, gone);
  }
  return files;
}

TEST(PicturesToDeleteTest, KeepsAllOfAShortRun) {
  EXPECT_EQ(Kept(64 * 50, 50).size(), 1u + 65);
  EXPECT_THAT(PicturesToDelete({"run.png", "00000000-train.png"}, 0), IsEmpty());
}

TEST(PicturesToDeleteTest, ALongRunKeepsAnEvenlySpacedSetAndTheNewest) {
  const std::vector<std::string> kept = Kept(65 * 50, 50);
  ASSERT_EQ(kept.size(), 1u + 33 + 1);
  EXPECT_EQ(kept[1], "00000000-held_out.png");
  EXPECT_EQ(kept[2], "00000100-held_out.png");
  EXPECT_EQ(kept.back(), "00003250-held_out.png");
  for (std::int64_t steps = 500; steps <= 300'000; steps += 50'000) EXPECT_LE(Kept(steps, 500).size(), 1u + 66);
}

TEST(PicturesToDeleteTest, DeletingOneByOneOrAtOnceIsTheSame) {
  std::vector<std::string> files;
  for (std::int64_t step = 0; step <= 20'000; step += 100) files.push_back(PictureFileName({step, "held_out"}));
  for (const std::string& gone : PicturesToDelete(files, 100)) std::erase(files, gone);
  std::vector<std::string> one_by_one = Kept(20'000, 100);
  std::erase(one_by_one, "run.png");
  EXPECT_EQ(files, one_by_one);
}

TEST(PicturesToDeleteTest, SplitsDoNotMeetEachOther) {
  std::vector<std::string> files = {PictureFileName({100, "train"})};
  for (std::int64_t step = 0; step <= 6'500; step += 100) files.push_back(PictureFileName({step, "held_out"}));
  const std::vector<std::string> gone = PicturesToDelete(files, 100);
  EXPECT_EQ(std::count(gone.begin(), gone.end(), PictureFileName({100, "train"})), 0);
  EXPECT_EQ(std::count(gone.begin(), gone.end(), PictureFileName({100, "held_out"})), 1);
}

}  // namespace
}  // namespace amaes
