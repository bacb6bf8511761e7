#include "tests/unit/dataset/layout_fixture.h"

namespace amaes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using NnunetLayoutTest = LayoutTest;
using MsdLayoutTest = LayoutTest;

TEST_F(NnunetLayoutTest, ChannelsBecomeVolumesAndShareTheLabel) {
  Write("dataset.json", R"({"channel_names": {"0": "T1", "1": "t2_flair"}, "labels": {"background": 0, "x": 1},
                            "numTraining": 2, "file_ending": ".nii.gz"})");
  Write({"imagesTr/p_01_0000.nii.gz", "imagesTr/p_01_0001.nii.gz", "labelsTr/p_01.nii.gz", "imagesTr/p_02_0000.nii.gz",
         "labelsTr/p_02.nii.gz", "labelsTr/p_03.nii.gz", "imagesTr/p_01_0002.nii.gz", "imagesTr/odd.nii.gz",
         "imagesTs/q_0000.nii.gz", "imagesTs/q_0001.nii.gz", "other/x_0000.nii.gz", "plan.txt"});
  ASSERT_OK_AND_ASSIGN(const ScanList list, Scan("auto"));
  EXPECT_EQ(list.layout, "nnunet");
  EXPECT_THAT(Sources(list),
              ElementsAre("imagesTr/p_01_0000.nii.gz", "imagesTr/p_01_0001.nii.gz", "imagesTr/p_02_0000.nii.gz",
                          "imagesTs/q_0000.nii.gz", "imagesTs/q_0001.nii.gz"));
  for (const ScanFile& file : list.files) {
    EXPECT_EQ(file.subject, file.case_id);
    EXPECT_EQ(file.companions.size(), file.case_id == "q" ? 0u : 1u);
  }
  EXPECT_EQ(list.files[0].case_id, "p_01");
  EXPECT_EQ(list.files[0].modality, "T1w");
  EXPECT_EQ(list.files[1].modality, "FLAIR");
  EXPECT_EQ(list.files[1].companions[0].role, "label");
  EXPECT_EQ(list.files[1].companions[0].path, root() / "labelsTr/p_01.nii.gz");
  EXPECT_THAT(Rule(list, "imagesTr/p_02_0001.nii.gz"), HasSubstr("channel 1 (t2_flair) of the case is missing"));
  EXPECT_THAT(Rule(list, "labelsTr/p_03.nii.gz"), HasSubstr("without its images"));
  EXPECT_THAT(Rule(list, "labelsTr/p_01.nii.gz"), HasSubstr("companion"));
  EXPECT_THAT(Rule(list, "imagesTr/p_01_0002.nii.gz"), HasSubstr("not in dataset.json"));
  EXPECT_THAT(Rule(list, "imagesTr/odd.nii.gz"), HasSubstr("no channel number"));
  EXPECT_THAT(Rule(list, "other/x_0000.nii.gz"), HasSubstr("neither in imagesTr"));
}

TEST_F(NnunetLayoutTest, AFolderOfDatasets) {
  for (const char* dataset : {"Dataset001_A", "Dataset002_B"}) {
    Write(absl::StrCat(dataset, "/dataset.json"), R"({"modality": {"0": "FLAIR"}, "numTraining": 7})");
    Write(absl::StrCat(dataset, "/imagesTr/c_0000.nii.gz"));
  }
  Write("notes.txt");
  ASSERT_OK_AND_ASSIGN(const ScanList list, Scan("auto"));
  EXPECT_EQ(list.layout, "nnunet");
  ASSERT_EQ(list.files.size(), 2u);
  EXPECT_EQ(list.files[1].collection, "Dataset002_B");
  EXPECT_EQ(list.files[1].subject, "Dataset002_B/c");
  EXPECT_THAT(Rule(list, "Dataset001_A/dataset.json"), HasSubstr("states 7 training cases, imagesTr holds 1"));
}

TEST_F(NnunetLayoutTest, ADatasetJsonThatNamesItsFiles) {
  Write({"scans/p1/t1.nii.gz", "scans/p1/flair.nii.gz", "scans/p1/seg.nii.gz", "scans/p2/t1.nii.gz", "rest.nii"});
  Write("dataset.json", R"({"channel_names": {"0": "T1", "1": "FLAIR"}, "file_ending": ".nii.gz", "dataset": {
    "p1": {"images": ["scans/p1/t1.nii.gz", "scans/p1/flair.nii.gz"], "label": "scans/p1/seg.nii.gz"},
    "p2": {"images": ["scans/p2/t1.nii.gz", "scans/p2/gone.nii.gz"]}}})");
  ASSERT_OK_AND_ASSIGN(const ScanList list, Scan("auto"));
  EXPECT_EQ(list.layout, "nnunet");
  EXPECT_THAT(Sources(list), ElementsAre("scans/p1/flair.nii.gz", "scans/p1/t1.nii.gz", "scans/p2/t1.nii.gz"));
  EXPECT_EQ(list.files[0].modality, "FLAIR");
  EXPECT_EQ(list.files[0].case_id, "p1");
  EXPECT_EQ(list.files[0].companions.size(), 1u);
  EXPECT_THAT(Rule(list, "scans/p2/gone.nii.gz"), HasSubstr("no such file (dataset.p2.images[1])"));
  EXPECT_THAT(Rule(list, "rest.nii"), HasSubstr("not named by dataset.json"));
  Write("dataset.json", R"({"channel_names": {"0": "T1", "1": "FLAIR"}, "dataset": {"p1": {"images": ["a"]}}})");
  EXPECT_THAT(Scan("nnunet"), StatusIs(absl::StatusCode::kInvalidArgument,
                                       HasSubstr("dataset.p1.images: a list of 2 paths is expected")));
}

TEST_F(NnunetLayoutTest, ErrorsNameFileAndField) {
  Write("imagesTr/c_0000.nii.gz");
  for (const auto& [json, message] : std::map<std::string, std::string>{
           {"{", "dataset.json: not JSON"},
           {"[]", "neither 'channel_names' nor 'modality'"},
           {R"({"channel_names": {"0": "T1", "2": "T2"}})", "no name for channel 1"},
           {R"({"channel_names": {"0": 5}})", "no name for channel 0"},
           {R"({"channel_names": "T1"})", "is no object"},
           {R"({"channel_names": {"0": "T1"}, "file_ending": ".png"})", "'file_ending' is '.png'"}}) {
    Write("dataset.json", json);
    EXPECT_THAT(Scan("nnunet"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message))) << json;
  }
  std::filesystem::remove(root() / "dataset.json");
  EXPECT_THAT(Scan("nnunet"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no dataset.json")));
}

TEST_F(MsdLayoutTest, FourDimensionalImagesBecomeFrames) {
  Write("dataset.json", R"({"name": "BRATS", "modality": {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"},
    "training": [{"image": "./imagesTr/BRATS_001.nii.gz", "label": "./labelsTr/BRATS_001.nii.gz"}],
    "test": ["./imagesTs/BRATS_485.nii.gz", "./imagesTs/gone.nii.gz", "./imagesTs/BRATS_485.nii.gz"]})");
  Write({"imagesTr/BRATS_001.nii.gz", "labelsTr/BRATS_001.nii.gz", "imagesTs/BRATS_485.nii.gz", "imagesTs/extra.nii.gz",
         "imagesTr/._BRATS_001.nii.gz"});
  ASSERT_OK_AND_ASSIGN(const ScanList list, Scan("auto"));
  EXPECT_EQ(list.layout, "msd");
  ASSERT_EQ(list.files.size(), 8u);
  const ScanFile gd = Find(list, "imagesTr/BRATS_001.nii.gz#2");
  EXPECT_EQ(gd.frame, 2);
  EXPECT_EQ(gd.modality, "T1w-Gd");
  EXPECT_EQ(gd.subject, "BRATS_001");
  EXPECT_EQ(gd.case_id, "BRATS_001");
  EXPECT_EQ(gd.path, root() / "imagesTr/BRATS_001.nii.gz");
  ASSERT_EQ(gd.companions.size(), 1u);
  EXPECT_EQ(gd.companions[0].path, root() / "labelsTr/BRATS_001.nii.gz");
  EXPECT_EQ(Find(list, "imagesTs/BRATS_485.nii.gz#0").modality, "FLAIR");
  EXPECT_THAT(Rule(list, "./imagesTs/gone.nii.gz"), HasSubstr("no such file (test[1])"));
  EXPECT_THAT(Rule(list, "./imagesTs/BRATS_485.nii.gz"), HasSubstr("named twice: test[0] and test[2]"));
  EXPECT_THAT(Rule(list, "imagesTs/extra.nii.gz"), HasSubstr("not named by dataset.json"));
}

TEST_F(MsdLayoutTest, AMonaiDatalistGivenItself) {
  Write({"data/p1/t1.nii.gz", "data/p1/flair.nii.gz", "data/p2/t1.nii.gz"});
  Write("fold0.json", R"({"training": [{"image": ["data/p1/t1.nii.gz", "data/p1/flair.nii.gz"]}],
                          "validation": [{"image": "data/p2/t1.nii.gz"}]})");
  ASSERT_OK_AND_ASSIGN(const ScanList list, Scan("auto", "fold0.json"));
  EXPECT_EQ(list.layout, "msd");
  ASSERT_EQ(list.files.size(), 3u);
  EXPECT_EQ(list.files[0].source, "data/p1/flair.nii.gz");
  EXPECT_EQ(list.files[0].modality, "FLAIR");
  EXPECT_EQ(list.files[0].subject, "p1");
  EXPECT_EQ(list.files[2].subject, "p2");
  EXPECT_EQ(list.files[2].frame, -1);
}

TEST_F(MsdLayoutTest, ErrorsNameTheEntry) {
  for (const auto& [json, message] :
       std::map<std::string, std::string>{{R"({"training": [{"label": "x"}]})", "training[0]: no 'image'"},
                                          {R"({"training": [{"image": ""}]})", "training[0].image is empty"},
                                          {R"({"training": [{"image": "a\u0000b"}]})", "control character"},
                                          {R"({"training": [], "test": 5})", "'test' is no list"},
                                          {R"({"training": [{"image": [1]}]})", "training[0].image is empty"}}) {
    Write("list.json", json);
    EXPECT_THAT(Scan("msd", "list.json"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message))) << json;
  }
}

}  // namespace
}  // namespace amaes
