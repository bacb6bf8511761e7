#include "libs/metrics/evaluation_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "libs/base/digest.h"
#include "libs/base/testing/status_matchers.h"

namespace amaes {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

CatalogueEntry Entry(int subject, const std::string& modality, Split split) {
  CatalogueEntry entry;
  entry.subject = absl::StrCat("sub-", subject);
  entry.modality = modality;
  entry.voxel_digest = Sha256Hex(absl::StrCat(subject, modality));
  entry.volume = Sha256Hex(entry.voxel_digest);
  entry.shape = {40, 40, 40};
  entry.affine = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
  entry.split = split;
  entry.companions = {
      {"label", Sha256Hex("label" + entry.volume), 1, {1}, {{0, 50}, {1, 5}, {2, 5}}, "/data/label.nii"}};
  return entry;
}

// Ten subjects, the last two held out.
DatasetVersion Version() {
  DatasetVersion version;
  version.name = "scans";
  version.version = 1;
  for (int i = 0; i < 10; ++i) version.entries.push_back(Entry(i, "FLAIR", i < 8 ? Split::kTrain : Split::kHeldOut));
  version.digest = Sha256Hex("scans");
  return version;
}

std::string SpecOf(const std::string& kind, const std::string& more = "") {
  return absl::StrCat(R"({"kind":")", kind, R"(","seed":7,"patch":"96x96x32","network":{"name":"unet","filters":8},)",
                      R"("dataset":{"name":"scans","train_cases":3,"validation_share":0.25,"case_seed":5)", more,
                      R"(},"labels":{"classes":"a=1,b=2","regions":false,"background":"9"}})");
}

CheckpointManifest Checkpoint() {
  CheckpointManifest manifest;
  manifest.spec_json = SpecOf("finetune");
  manifest.contract_json = ContractJson(Contract());
  manifest.dataset_digest = Sha256Hex("scans");
  return manifest;
}

struct PlanTest : testing::Test {
  std::vector<SpecProblem> Plan() { return PlanEvaluation(spec, checkpoint, version, plan); }
  EvaluateSpec spec;
  CheckpointManifest checkpoint = Checkpoint();
  DatasetVersion version = Version();
  EvaluationPlan plan;
};

auto Problem(const char* field, const char* words) {
  return ElementsAre(testing::AllOf(Field(&SpecProblem::field, field), Field(&SpecProblem::message, HasSubstr(words))));
}

TEST_F(PlanTest, TakesWhatTheCheckpointSays) {
  EXPECT_THAT(Plan(), IsEmpty());
  EXPECT_EQ(plan.model.network.name, "unet");
  EXPECT_EQ(plan.model.network.filters, 8);
  EXPECT_EQ(plan.model.network.out_channels, 3);
  EXPECT_EQ(plan.model.network.decoder, Decoder::kStandard);
  EXPECT_EQ(plan.patch, (Shape3{96, 96, 32}));
  EXPECT_THAT(plan.cases, SizeIs(2));
  EXPECT_EQ(plan.scoring.codes.at(9), 0);
}

TEST_F(PlanTest, SplitsAreTheTrainings) {
  std::map<std::string, std::size_t> sizes;
  for (const char* split : {"held_out", "validation", "train", "all"}) {
    spec.dataset.split = split;
    EXPECT_THAT(Plan(), IsEmpty()) << split;
    sizes[split] = plan.cases.size();
  }
  EXPECT_EQ(sizes, (std::map<std::string, std::size_t>{{"all", 10}, {"held_out", 2}, {"train", 3}, {"validation", 2}}));
  // Of another dataset nothing was trained on: its training cases are all of them.
  checkpoint.dataset_digest = Sha256Hex("others");
  spec.dataset.split = "train";
  EXPECT_THAT(Plan(), IsEmpty());
  EXPECT_THAT(plan.cases, SizeIs(6));
  spec.window.patch = {64, 64, 64};
  EXPECT_THAT(Plan(), IsEmpty());
  EXPECT_EQ(plan.patch, (Shape3{64, 64, 64}));
}

// What was trained on stays what it was, whatever is evaluated of it.
TEST_F(PlanTest, AFilterNarrowsTheDivisionOfTheTraining) {
  spec.dataset.split = "validation";
  EXPECT_THAT(Plan(), IsEmpty());
  ASSERT_THAT(plan.cases, SizeIs(2));
  const LabelledCase first = plan.cases[0];
  spec.dataset.filter = "subject=" + version.entries[static_cast<std::size_t>(first.channels[0].entry)].subject;
  EXPECT_THAT(Plan(), IsEmpty());
  EXPECT_THAT(plan.cases, ElementsAre(first));
}

TEST_F(PlanTest, RefusesWhatCannotWork) {
  checkpoint.spec_json = SpecOf("pretrain");
  EXPECT_THAT(Plan(), Problem("checkpoint.from", "kind pretrain"));
  checkpoint.spec_json = "{";
  EXPECT_THAT(Plan(), Problem("checkpoint.from", "cannot be read"));
  checkpoint = Checkpoint();
  Contract contract;
  contract.name = "zscore";
  checkpoint.contract_json = ContractJson(contract);
  EXPECT_THAT(Plan(), Problem("dataset.name", "trained under"));
  checkpoint = Checkpoint();
  spec.window.patch = {64, 64, 40};
  EXPECT_THAT(Plan(), Problem("window.patch", "40 is no multiple of 16"));
  spec.window.patch = {};
  spec.scoring.regions = "x=1+3";
  EXPECT_THAT(Plan(), Problem("scoring.regions", "not trained on value 3"));
  spec.scoring.regions.clear();
  spec.dataset.filter = "modality=T1w";
  EXPECT_THAT(Plan(), Problem("dataset.name", "no labelled case"));
  spec.dataset.filter = "modality";
  EXPECT_THAT(Plan(), Problem("dataset.filter", "at character"));
  spec.dataset.filter = "split=train";
  EXPECT_THAT(Plan(), Problem("dataset.split", "6 are training, 2 validation and 0 held-out"));
}

// What patch it takes is known where it can be run.
TEST_F(PlanTest, TakesANetworkThatIsAFile) {
  checkpoint.spec_json = absl::StrReplaceAll(
      SpecOf("finetune"), {{R"("name":"unet","filters":8)",
                            R"("name":"script","script":"/n.pt","encoder_prefix":"net","script_digest":"abc")"}});
  spec.window.patch = {50, 40, 30};
  EXPECT_THAT(Plan(), IsEmpty());
  EXPECT_EQ(plan.model.network.script, "/n.pt");
  EXPECT_EQ(plan.model.network.encoder_prefix, "net");
  EXPECT_EQ(plan.model.network.out_channels, 3);
  EXPECT_EQ(plan.model.script_digest, "abc");
}

TEST_F(PlanTest, TheAverageIsReadWhereThereIsOne) {
  const auto planned = [&](const std::string& weights) {
    spec.checkpoint.weights = weights;
    EXPECT_THAT(Plan(), IsEmpty());
    return plan.weights;
  };
  checkpoint.files = {{.name = "model.safetensors", .sha256 = "", .block_crc32c = {}}};
  EXPECT_EQ(planned("auto"), "model.safetensors");
  EXPECT_EQ(planned("trained"), "model.safetensors");
  spec.checkpoint.weights = "average";
  EXPECT_THAT(Plan(), Problem("checkpoint.weights", "there is no moving average"));
  checkpoint.files.push_back({.name = "ema.safetensors", .sha256 = "", .block_crc32c = {}});
  EXPECT_EQ(planned("auto"), "ema.safetensors");
  EXPECT_EQ(planned("average"), "ema.safetensors");
  EXPECT_EQ(planned("trained"), "model.safetensors");
  // Of a checkpoint that is yet to be written its job's spec tells.
  checkpoint.files.clear();
  EXPECT_EQ(planned("auto"), "model.safetensors");
  checkpoint.spec_json.insert(1, R"("ema":{"decay":0.99},)");
  EXPECT_EQ(planned("auto"), "ema.safetensors");
  EXPECT_EQ(planned("average"), "ema.safetensors");
}

TEST_F(PlanTest, LooksAtTheLabelsOfTheCasesThatAreTaken) {
  version.entries[9].companions[0].values.push_back({3, 12});
  EXPECT_THAT(Plan(), Problem("scoring.background", "3 (in 1 case)"));
  spec.scoring.background = "3";
  EXPECT_THAT(Plan(), IsEmpty());
  spec.scoring.background.clear();
  spec.dataset.split = "validation";
  EXPECT_THAT(Plan(), IsEmpty());
  for (CatalogueEntry& entry : version.entries) entry.companions[0].path.clear();
  EXPECT_THAT(Plan(), Problem("dataset.name", "does not say where the label files of 2 cases lie"));
}

TEST_F(PlanTest, ChannelsAreTheCheckpoints) {
  checkpoint.spec_json = SpecOf("finetune", R"(,"channels":"FLAIR, T1w")");
  EXPECT_THAT(Plan(), Problem("dataset.name", "no T1w"));
  for (int i = 0; i < 10; ++i) version.entries.push_back(Entry(i, "T1w", i < 8 ? Split::kTrain : Split::kHeldOut));
  EXPECT_THAT(Plan(), IsEmpty());
  EXPECT_EQ(plan.model.network.in_channels, 2);
  EXPECT_THAT(plan.cases[0].channels, SizeIs(2));
}

}  // namespace
}  // namespace amaes
