// Layouts on real scans: the header-only BIDS tree, and the labelled cases arranged by links as other layouts want them.
#include <algorithm>
#include <map>

#include "absl/strings/str_join.h"
#include "libs/dataset/layout/table.h"
#include "libs/volume/nifti.h"
#include "tests/unit/dataset/layout_fixture.h"

namespace amaes {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const fs::path kData = AMAES_TEST_DATA;

class RealLayoutTest : public LayoutTest {
 protected:
  // The labelled images of the manifest: path below the data → its first label, "" if there is none.
  struct Labelled {
    std::string path, name, contrast, label;
  };
  static std::vector<Labelled> LabelledImages() {
    const absl::StatusOr<std::string> text = files::Read(kData / "manifest.csv");
    EXPECT_OK(text);
    const absl::StatusOr<Table> table = ParseTable(*text, ',');
    EXPECT_OK(table);
    std::vector<Labelled> images;
    std::map<std::string, std::string> labels;
    const auto cell = [&](const TableRow& row, const char* column) {
      return table->Cell(row, table->Column({column}));
    };
    for (const TableRow& row : table->rows) {
      if (cell(row, "set") != "labelled") continue;
      if (cell(row, "role") == "image")
        images.push_back({cell(row, "path"), cell(row, "case"), cell(row, "contrast"), ""});
      else
        labels.emplace(cell(row, "case"), cell(row, "path"));
    }
    for (Labelled& image : images) image.label = labels[image.name];
    return images;
  }

  void Link(const std::string& to, const std::string& from) {
    fs::create_directories((root() / to).parent_path());
    fs::create_symlink(kData / from, root() / to);
  }

  // A label has its image's dims: it is really the label of that scan.
  static void ExpectLabelsFit(const ScanList& list, const fs::path& root) {
    for (const ScanFile& file : list.files) {
      for (const CompanionFile& companion : file.companions) {
        const absl::StatusOr<NiftiVolume> scan = ReadNifti(file.path.empty() ? root / file.source : file.path);
        const absl::StatusOr<NiftiVolume> label = ReadNifti(companion.path);
        ASSERT_OK(scan);
        ASSERT_OK(label);
        EXPECT_EQ(scan->volume.shape, label->volume.shape) << file.source;
      }
    }
  }
};

TEST_F(RealLayoutTest, HeaderOnlyBidsTree) {
  const fs::path tree = kData / "awkward/bids-tree-header-only";
  ASSERT_OK_AND_ASSIGN(const ScanList list, (*MakeLayout("auto"))->Scan(tree));
  EXPECT_EQ(list.layout, "bids");
  ASSERT_EQ(list.files.size(), 16u);
  std::map<std::string, int> modalities;
  for (const ScanFile& file : list.files) {
    ++modalities[file.modality];
    EXPECT_TRUE(file.subject == "sub-01" || file.subject == "sub-02");
    EXPECT_TRUE(file.session == "ses-01" || file.session == "ses-02");
    EXPECT_EQ(file.info.count("age_years"), 1u) << file.source;
    EXPECT_EQ(file.info.count("repetition_time_ms"), file.modality == "BOLD" ? 1u : 0u) << file.source;
  }
  EXPECT_EQ(modalities, (std::map<std::string, int>{{"BOLD", 12}, {"T1w", 4}}));
  for (const auto& [source, rule] : list.skipped)
    EXPECT_THAT(rule, ::testing::Not(HasSubstr("cannot be read"))) << source;
}

TEST_F(RealLayoutTest, LabelledAsCsv) {
  std::string csv = "path,subject,modality,label\n";
  const std::vector<Labelled> images = LabelledImages();
  for (const Labelled& image : images) {
    absl::StrAppend(&csv, (kData / image.path).string(), ",", image.name, ",", image.contrast, ",",
                    image.label.empty() ? "" : (kData / image.label).string(), "\n");
  }
  Write("list.csv", csv);
  ASSERT_OK_AND_ASSIGN(const ScanList list, Scan("auto", "list.csv"));
  EXPECT_EQ(list.files.size(), 25u);
  EXPECT_TRUE(list.skipped.empty()) << ::testing::PrintToString(list.skipped);
  for (const ScanFile& file : list.files) EXPECT_EQ(file.companions.size(), 1u) << file.source;
}

TEST_F(RealLayoutTest, LabelledAsNnunetRaw) {
  for (const char* name : {"oms-cross-p07", "oms-cross-p19"}) {
    const std::string folder = absl::StrCat("labelled/", name, "/");
    Link(absl::StrCat("imagesTr/", name, "_0000.nii.gz"), folder + "T1w.nii.gz");
    Link(absl::StrCat("imagesTr/", name, "_0001.nii.gz"), folder + "FLAIR.nii.gz");
    Link(absl::StrCat("labelsTr/", name, ".nii.gz"), folder + "lesion.nii.gz");
  }
  Write("dataset.json", R"({"channel_names": {"0": "T1w", "1": "FLAIR"}, "labels": {"background": 0, "lesion": 1},
                            "numTraining": 2, "file_ending": ".nii.gz"})");
  ASSERT_OK_AND_ASSIGN(const ScanList list, Scan("auto"));
  EXPECT_EQ(list.layout, "nnunet");
  EXPECT_THAT(Sources(list), ElementsAre("imagesTr/oms-cross-p07_0000.nii.gz", "imagesTr/oms-cross-p07_0001.nii.gz",
                                         "imagesTr/oms-cross-p19_0000.nii.gz", "imagesTr/oms-cross-p19_0001.nii.gz"));
  for (const ScanFile& file : list.files) EXPECT_EQ(file.companions.size(), 1u);
  ExpectLabelsFit(list, root());
  EXPECT_EQ(Rule(list, "dataset.json"), "nnU-Net's description of the dataset");
}

TEST_F(RealLayoutTest, LabelledAsMsd) {
  std::string training;
  for (const Labelled& image : LabelledImages()) {
    if (image.name != "tcga-DU-7294") continue;
    absl::StrAppend(&training, training.empty() ? "" : ", ", "\"", (kData / image.path).string(), "\"");
  }
  Write("datalist.json", absl::StrCat("{\"training\": [{\"image\": [", training, "], \"label\": \"",
                                      (kData / "labelled/tcga-DU-7294/tumour.nii.gz").string(), "\"}]}"));
  ASSERT_OK_AND_ASSIGN(const ScanList list, Scan("auto"));
  EXPECT_EQ(list.layout, "msd");
  ASSERT_EQ(list.files.size(), 4u);
  std::vector<std::string> modalities;
  for (const ScanFile& file : list.files) {
    EXPECT_EQ(file.case_id, "tcga-DU-7294");
    EXPECT_EQ(file.companions.size(), 1u);
    modalities.push_back(file.modality);
  }
  std::sort(modalities.begin(), modalities.end());
  EXPECT_THAT(modalities, ElementsAre("FLAIR", "T1w", "T1w-Gd", "T2w"));
  ExpectLabelsFit(list, root());
}

TEST_F(RealLayoutTest, LabelledAsBids) {
  int count = 0;
  for (const Labelled& image : LabelledImages()) {
    if (image.contrast != "T1w" && image.contrast != "T2w" && image.contrast != "FLAIR") continue;
    std::string subject = image.name;
    subject.erase(std::remove(subject.begin(), subject.end(), '-'), subject.end());
    Link(absl::StrCat("sub-", subject, "/anat/sub-", subject, "_", image.contrast, ".nii.gz"), image.path);
    ++count;
  }
  ASSERT_OK_AND_ASSIGN(const ScanList list, Scan("auto"));
  EXPECT_EQ(list.layout, "bids");
  EXPECT_GE(count, 20);
  EXPECT_EQ(list.files.size(), static_cast<std::size_t>(count));
}

}  // namespace
}  // namespace amaes
