#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "absl/strings/str_cat.h"
#include "libs/spec/fields.h"
#include "libs/spec/network_facts.h"
#include "libs/spec/spec_io.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

auto Problem(const std::string& field, const std::string& part) {
  return AllOf(::testing::Field(&SpecProblem::field, field), ::testing::Field(&SpecProblem::message, HasSubstr(part)));
}

JobSpec ValidPretrain() {
  JobSpec spec;
  spec.pretrain.dataset.name = "brains";
  return spec;
}

JobSpec ValidIngest() {
  JobSpec spec;
  spec.kind = JobKind::kIngest;
  spec.ingest.dataset = "brains";
  spec.ingest.from = "/data";
  return spec;
}

template <typename Change>
std::vector<SpecProblem> After(Change change, JobSpec spec = ValidPretrain()) {
  change(spec);
  return ValidateSpec(spec);
}

TEST(ValidateSpec, DefaultsAreValidButForTheDataset) {
  EXPECT_THAT(ValidateSpec(ValidPretrain()), IsEmpty());
  EXPECT_THAT(ValidateSpec(ValidIngest()), IsEmpty());
  EXPECT_THAT(ValidateSpec(JobSpec{}), ElementsAre(Problem("dataset.name", "is required")));
  JobSpec ingest;
  ingest.kind = JobKind::kIngest;
  EXPECT_THAT(ValidateSpec(ingest), ElementsAre(Problem("dataset", "is required"), Problem("from", "is required")));
}

TEST(ValidateSpec, AllProblemsAtOnceInTheOrderOfTheTable) {
  const auto problems = After([](JobSpec& spec) {
    spec.name = "Night Run";
    spec.priority = 101;
    spec.pretrain.patch = Cube(100);
    spec.pretrain.mask.ratio = 1;
    spec.pretrain.workers = 0;
    spec.pretrain.device = "tpu";
  });
  EXPECT_THAT(problems, ElementsAre(Problem("name", "\"Night Run\" is no job name"),
                                    Problem("priority", "101 is not a whole number from 0 to 100"),
                                    Problem("patch", "100 does not fit network unet_b: multiples of 16, at least 32"),
                                    Problem("mask.ratio", "1.0 is not a number above 0, below 1"),
                                    Problem("workers", "0 is not a whole number from 1"),
                                    Problem("device", "\"tpu\" is not auto, cpu or gpu")));
}

TEST(ValidateSpec, Names) {
  EXPECT_THAT(After([](JobSpec& spec) { spec.name = std::string(63, 'a'); }), IsEmpty());
  EXPECT_THAT(After([](JobSpec& spec) { spec.name = std::string(64, 'a'); }),
              ElementsAre(Problem("name", "at most 63")));
  for (const std::string name : {"Brains", "-brains", "a_b", "a b", "", "../x"}) {
    EXPECT_THAT(After([&](JobSpec& spec) { spec.pretrain.dataset.name = name; }),
                ElementsAre(Problem("dataset.name", "")))
        << name;
  }
  EXPECT_THAT(After([](JobSpec& spec) { spec.pretrain.dataset.name = "0-a"; }), IsEmpty());
  EXPECT_THAT(After([](JobSpec& spec) { spec.pretrain.dataset.digest = "abc"; }),
              ElementsAre(Problem("dataset.digest", "64 hexadecimal")));
  EXPECT_THAT(After([](JobSpec& spec) { spec.name = "\xff"; }), ElementsAre(Problem("name", "no job name")));
}

TEST(ValidateSpec, Network) {
  EXPECT_THAT(After([](JobSpec& spec) { spec.pretrain.network.name = "unet"; }),
              ElementsAre(Problem("network.filters", "is required")));
  EXPECT_THAT(After([](JobSpec& spec) { spec.pretrain.network = {"unet", 8}; }), IsEmpty());
  EXPECT_THAT(After([](JobSpec& spec) { spec.pretrain.network = {"unet_b", 32}; }), IsEmpty());
  EXPECT_THAT(After([](JobSpec& spec) { spec.pretrain.network = {"mednext_m", 16}; }), IsEmpty());
  EXPECT_THAT(After([](JobSpec& spec) {
                spec.pretrain.network = {"unet_b", 64};
              }),
              ElementsAre(Problem("network.filters", "64 does not fit network unet_b, which has 32")));
  EXPECT_THAT(After([](JobSpec& spec) { spec.pretrain.network.name = "vit"; }),
              ElementsAre(Problem("network.name", "\"vit\" is not unet_b, unet_xl, unet")));
}

TEST(ValidateSpec, ScriptsComeFromAFileAndHaveTheirOwnShape) {
  const auto script = [](JobSpec& spec) -> TrainingSpec::Network& {
    spec.pretrain.network = {"script"};
    spec.pretrain.network.script = "/nets/mine.pt";
    return spec.pretrain.network;
  };
  EXPECT_THAT(After([&](JobSpec& spec) { script(spec); }), IsEmpty());
  EXPECT_THAT(After([&](JobSpec& spec) { script(spec).encoder_prefix = "backbone"; }), IsEmpty());
  EXPECT_THAT(After([&](JobSpec& spec) { script(spec).script = ""; }),
              ElementsAre(Problem("network.script", "is required")));
  EXPECT_THAT(After([&](JobSpec& spec) { script(spec).script = "mine.pt"; }),
              ElementsAre(Problem("network.script", "\"mine.pt\" is not an absolute path")));
  EXPECT_THAT(After([&](JobSpec& spec) {
                script(spec).filters = 8;
                spec.pretrain.network.decoder = "light";
                spec.pretrain.network.skips = "on";
              }),
              ElementsAre(Problem("network.filters", "its own widths"), Problem("network.decoder", "its own decoder"),
                          Problem("network.skips", "its own decoder")));
  EXPECT_THAT(After([](JobSpec& spec) { spec.pretrain.network.script = "/nets/mine.pt"; }),
              ElementsAre(Problem("network.script", "is of network script, not of unet_b")));
}

JobSpec ValidFinetune(const std::string& network) {
  JobSpec spec;
  spec.kind = JobKind::kFinetune;
  spec.finetune.dataset.name = "lesions";
  spec.finetune.network.name = network;
  if (network == kScriptNetwork) spec.finetune.network.script = "/nets/mine.pt";
  return spec;
}

TEST(ValidateSpec, DeepSupervisionIsOfNetworksThatHaveIt) {
  const auto deep = [](JobSpec& spec) { spec.finetune.outputs.deep_supervision = true; };
  for (const char* network : {"unet_b", "mednext_l", "resenc_l"})
    EXPECT_THAT(After(deep, ValidFinetune(network)), IsEmpty()) << network;
  for (const char* network : {"swin_unetr", "script"}) {
    EXPECT_THAT(After(deep, ValidFinetune(network)),
                ElementsAre(Problem("network.deep_supervision", absl::StrCat("network ", network, " has one output"))));
    EXPECT_THAT(ValidateSpec(ValidFinetune(network)), IsEmpty());
  }
}

// Of every network, kind, decoder and skips: built as it was asked for, or refused.
TEST(ValidateSpec, DecodersAreThoseThatTheNetworkHas) {
  std::set<std::string> refused;
  for (const NetworkFacts& facts : Networks()) {
    for (const JobKind kind : {JobKind::kPretrain, JobKind::kFinetune}) {
      for (const std::string decoder : {"auto", "light", "standard"}) {
        for (const std::string skips : {"auto", "on", "off"}) {
          JobSpec spec = kind == JobKind::kFinetune ? ValidFinetune(facts.name) : ValidPretrain();
          spec.training().network = {facts.name, facts.filters == 0 ? 8 : 0};
          spec.training().network.decoder = decoder;
          spec.training().network.skips = skips;
          const NetworkOptions options = NetworkOptionsOf(spec);
          EXPECT_TRUE(decoder == "auto" || (options.decoder == Decoder::kStandard) == (decoder == "standard"));
          EXPECT_TRUE(skips == "auto" || options.skips == (skips == "on"));
          for (const SpecProblem& problem : ValidateSpec(spec)) {
            refused.insert(
                absl::StrCat(facts.name, " ", JobKindName(kind), " ", decoder, " ", skips, ": ", problem.field));
          }
        }
      }
    }
  }
  EXPECT_THAT(refused,
              ::testing::UnorderedElementsAre(
                  "resenc_l pretrain standard auto: network.decoder", "resenc_l pretrain standard on: network.decoder",
                  "resenc_l pretrain standard off: network.decoder", "resenc_l finetune light auto: network.decoder",
                  "resenc_l finetune light on: network.decoder", "resenc_l finetune light off: network.decoder",
                  "swin_unetr pretrain auto on: network.skips", "swin_unetr pretrain light on: network.skips",
                  "swin_unetr pretrain standard off: network.skips", "swin_unetr finetune auto off: network.skips",
                  "swin_unetr finetune light on: network.skips", "swin_unetr finetune standard off: network.skips"));
  // MONAI's decoder has skips, in pretraining too.
  JobSpec swin = ValidPretrain();
  swin.pretrain.network.name = "swin_unetr";
  swin.pretrain.network.decoder = "standard";
  EXPECT_TRUE(NetworkOptionsOf(swin).skips);
}

TEST(ValidateSpec, PatchAndMask) {
  EXPECT_THAT(After([](JobSpec& spec) { spec.pretrain.patch = Cube(16); }),
              ElementsAre(Problem("patch", "16 does not fit network unet_b: multiples of 16, at least 32")));
  EXPECT_THAT(After([](JobSpec& spec) { spec.pretrain.patch = Cube(160); }), IsEmpty());
  EXPECT_THAT(After([](JobSpec& spec) { spec.pretrain.mask.token = 5; }),
              ElementsAre(Problem("mask.token", "5 does not divide patch 128")));
  EXPECT_THAT(After([](JobSpec& spec) { spec.pretrain.mask.token = 0; }),
              ElementsAre(Problem("mask.token", "0 is not")));
  EXPECT_THAT(After([](JobSpec& spec) { spec.pretrain.mask.token = 128; }),
              ElementsAre(Problem("mask.ratio", "at least one")));
  EXPECT_THAT(After([](JobSpec& spec) { spec.pretrain.mask.ratio = std::nan(""); }),
              ElementsAre(Problem("mask.ratio", "is not a number")));
}

JobSpec Swin() {
  JobSpec spec;
  spec.pretrain.dataset.name = "brains";
  spec.pretrain.network.name = "swin_unetr";
  spec.pretrain.patch = Cube(96);
  spec.pretrain.objective = {.name = "swinunetr", .group = 4};
  spec.pretrain.global_batch = 8;
  spec.pretrain.micro_batch = 4;
  return spec;
}

TEST(ValidateSpec, SwinUnetrsOwnPretraining) {
  const auto after = [](auto change) {
    JobSpec spec = Swin();
    change(spec.pretrain);
    return ValidateSpec(spec);
  };
  EXPECT_THAT(after([](PretrainSpec&) {}), IsEmpty());
  EXPECT_THAT(after([](PretrainSpec& spec) { spec.workers = 2; }), IsEmpty());
  EXPECT_THAT(after([](PretrainSpec& spec) { spec.workers = 3; }),
              ElementsAre(Problem("workers", "3 is more than the 2 groups of 4")));
  EXPECT_THAT(after([](PretrainSpec& spec) { spec.global_batch = 10; }),
              ElementsAre(Problem("objective.group", "4 does not divide global_batch 10")));
  EXPECT_THAT(after([](PretrainSpec& spec) { spec.micro_batch = 2; }),
              ElementsAre(Problem("micro_batch", "2 is no multiple of objective.group 4")));
  EXPECT_THAT(after([](PretrainSpec& spec) { spec.micro_batch = 0; }),
              ElementsAre(Problem("micro_batch", "give a multiple of objective.group 4")));
  EXPECT_THAT(after([](PretrainSpec& spec) { spec.checkpoint.best_metric = "masked_r2"; }),
              ElementsAre(Problem("checkpoint.best_metric", "no metric of objective swinunetr")));
  EXPECT_THAT(after([](PretrainSpec& spec) { spec.network.name = "unet_b"; }),
              ElementsAre(Problem("objective.name", "swinunetr needs network swin_unetr, not unet_b")));
  EXPECT_THAT(after([](PretrainSpec& spec) {
                spec.patch = {96, 64, 96};
              }),
              ElementsAre(Problem("objective.name", "y and z: the two must be equal, not 96x64x96")));
  EXPECT_THAT(after([](PretrainSpec& spec) { spec.patch = {64, 32, 32}; }), IsEmpty());
  EXPECT_THAT(after([](PretrainSpec& spec) { spec.patch = Cube(32); }),
              ElementsAre(Problem("objective.name", "two tokens of 32x32x32")));
  EXPECT_THAT(after([](PretrainSpec& spec) { spec.objective.group = 0; }),
              ElementsAre(Problem("objective.group", "0 is not")));
  EXPECT_THAT(after([](PretrainSpec& spec) {
                spec.objective.name = "masked";
                spec.micro_batch = 3;
              }),
              IsEmpty());
  EXPECT_THAT(after([](PretrainSpec& spec) { spec.objective = {.name = "masked", .group = 2}; }),
              ElementsAre(Problem("objective.group", "is of objective swinunetr, not of masked")));
  // What it would not look at.
  EXPECT_THAT(after([](PretrainSpec& spec) {
                spec.network.decoder = "light";
                spec.network.skips = "off";
                spec.mask.ratio = 0.5;
                spec.mask.token = 8;
                spec.loss.region = "masked";
              }),
              ElementsAre(Problem("network.decoder", "heads"), Problem("network.skips", "heads"),
                          Problem("mask.ratio", "objective masked"), Problem("mask.token", "objective masked"),
                          Problem("loss.region", "objective masked")));
}

// Both views of a sample are in the network at once, with everything that attention keeps.
TEST(EstimateSpec, CountsBothViews) {
  JobSpec spec = Swin();
  spec.pretrain.network.filters = 48;
  const std::int64_t two = EstimateSpec(spec).memory_per_worker_bytes;
  const std::int64_t activations = SizeOfNetwork(NetworkOptionsOf(spec), spec.pretrain.patch).activations;
  spec.pretrain.micro_batch = 8;
  EXPECT_EQ(EstimateSpec(spec).memory_per_worker_bytes - two,
            4 * (3 * 4 * 2 * activations + 3 * 4 * VoxelCount(spec.pretrain.patch)));
  EXPECT_EQ(NetworkOptionsOf(spec).decoder, Decoder::kHeads);
}

TEST(ValidateSpec, Batches) {
  EXPECT_THAT(After([](JobSpec& spec) { spec.pretrain.workers = 17; }),
              ElementsAre(Problem("workers", "17 is more than global_batch 16")));
  EXPECT_THAT(After([](JobSpec& spec) { spec.pretrain.workers = 16; }), IsEmpty());
  EXPECT_THAT(After([](JobSpec& spec) { spec.pretrain.micro_batch = 32; }),
              ElementsAre(Problem("micro_batch", "32 is more than global_batch")));
}

TEST(ValidateSpec, Schedule) {
  EXPECT_THAT(After([](JobSpec& spec) { spec.pretrain.schedule.warmup_steps = 5; }), IsEmpty());
  EXPECT_THAT(After([](JobSpec& spec) {
                spec.pretrain.schedule.steps = 10;
                spec.pretrain.schedule.warmup_steps = 11;
              }),
              ElementsAre(Problem("schedule.warmup_steps", "11 is more than schedule.steps 10")));
  EXPECT_THAT(After([](JobSpec& spec) { spec.pretrain.schedule.passes = 0; }),
              ElementsAre(Problem("schedule.passes", "above 0")));
  EXPECT_THAT(After([](JobSpec& spec) { spec.pretrain.optimizer.learning_rate = 0; }),
              ElementsAre(Problem("optimizer.learning_rate", "0.0 is not a number above 0, at most 10")));
}

TEST(ValidateSpec, AnEncoderThatIsFrozenTrainsInTheEnd) {
  const auto frozen = [](std::int64_t freeze, std::int64_t steps, const std::string& from, bool scratch) {
    JobSpec spec;
    spec.kind = JobKind::kFinetune;
    spec.finetune.dataset.name = "lesions";
    spec.finetune.epochs = {.epochs = 4, .epoch_steps = 25};
    spec.finetune.schedule.steps = steps;
    spec.finetune.init.from = from;
    spec.finetune.init.scratch = scratch;
    spec.finetune.init.freeze_encoder_steps = freeze;
    return ValidateSpec(spec);
  };
  constexpr char kField[] = "init.freeze_encoder_steps";
  EXPECT_THAT(frozen(49, 50, "job:a", false), IsEmpty());
  EXPECT_THAT(frozen(50, 50, "job:a", false),
              ElementsAre(Problem(kField, "50 of 50 steps: the encoder would never train")));
  EXPECT_THAT(frozen(99, 0, "job:a", false), IsEmpty());
  EXPECT_THAT(frozen(100, 0, "job:a", false), ElementsAre(Problem(kField, "100 of 100 steps")));
  EXPECT_THAT(frozen(10, 50, "", false), ElementsAre(Problem(kField, "a random encoder must train")));
  // The matched control is one flag.
  EXPECT_THAT(frozen(10, 50, "job:a", true), IsEmpty());
  EXPECT_THAT(frozen(100, 50, "", true), IsEmpty());
}

TEST(ValidateSpec, HalfPrecisionIsAllowedOnTheCpu) {
  EXPECT_THAT(After([](JobSpec& spec) {
                spec.pretrain.precision = "bf16";
                spec.pretrain.device = "cpu";
              }),
              IsEmpty());
}

// Its weight gradients would be garbage.
TEST(ValidateSpec, HalfPrecisionOnTheCpuNeedsAPatchOf64) {
  const auto narrow = [](JobSpec& spec) {
    spec.pretrain.precision = "bf16";
    spec.pretrain.patch = Cube(32);
  };
  EXPECT_THAT(After(narrow), ElementsAre(Problem("precision", "at least 64, not 32")));
  EXPECT_THAT(After([&](JobSpec& spec) {
                narrow(spec);
                spec.pretrain.device = "gpu";
              }),
              IsEmpty());
  // How often it halves a patch, nobody knows.
  EXPECT_THAT(After([&](JobSpec& spec) {
                narrow(spec);
                spec.pretrain.network = {"script"};
                spec.pretrain.network.script = "/nets/mine.pt";
              }),
              ElementsAre(Problem("precision", "at least 64, not 32")));
}

TEST(ValidateSpec, Ingest) {
  EXPECT_THAT(After([](JobSpec& spec) { spec.ingest.from = "data/x"; }, ValidIngest()),
              ElementsAre(Problem("from", "\"data/x\" is not an absolute path")));
  EXPECT_THAT(After([](JobSpec& spec) { spec.ingest.contract = "tesla"; }, ValidIngest()),
              ElementsAre(Problem("contract", "\"tesla\" is not amaes or zscore")));
  EXPECT_THAT(After(
                  [](JobSpec& spec) {
                    spec.ingest.contract = "zscore";
                    spec.ingest.reference_crop = true;
                  },
                  ValidIngest()),
              ElementsAre(Problem("reference_crop", "is of the contract amaes, not of zscore")));
  EXPECT_THAT(After([](JobSpec& spec) { spec.ingest.spacing = "1x1"; }, ValidIngest()),
              ElementsAre(Problem("spacing", "'1x1' is no spacing")));
  EXPECT_THAT(After([](JobSpec& spec) { spec.ingest.memory_limit_mib = 1; }, ValidIngest()),
              ElementsAre(Problem("memory_limit_mib", "from 64")));
  // The other kind's fields are not looked at.
  EXPECT_THAT(After([](JobSpec& spec) { spec.pretrain.patch = Cube(1); }, ValidIngest()), IsEmpty());
}

// Every number refuses what lies just outside its range, and every choice a word that is none.
TEST(ValidateSpec, EveryFieldHasItsRange) {
  for (const auto& field : SpecFields()) {
    JobSpec spec = !field.kinds.contains(JobKind::kPretrain) ? ValidIngest() : ValidPretrain();
    const FieldRef ref = field.at(spec);
    if (const auto* text = std::get_if<std::string*>(&ref); text != nullptr && !field.choices.empty()) {
      **text = "zz";
    } else if (const auto* whole = std::get_if<std::int64_t*>(&ref)) {
      ASSERT_LT(field.range.low, field.range.high) << field.path;
      **whole = static_cast<std::int64_t>(field.range.low) - 1;
      EXPECT_NE(CheckFieldRange(field, spec), "") << field.path;
      **whole = static_cast<std::int64_t>(field.range.high) + 1;
    } else if (const auto* number = std::get_if<double*>(&ref)) {
      ASSERT_LT(field.range.low, field.range.high) << field.path;
      **number = field.range.low_open ? field.range.low : std::nextafter(field.range.low, -1e9);
      EXPECT_NE(CheckFieldRange(field, spec), "") << field.path;
      **number = std::numeric_limits<double>::infinity();
    } else {
      continue;
    }
    EXPECT_NE(CheckFieldRange(field, spec), "") << field.path;
  }
}

JobSpec ValidEvaluate() {
  JobSpec spec;
  spec.kind = JobKind::kEvaluate;
  spec.evaluate.dataset.name = "brains";
  spec.evaluate.checkpoint.from = "job:first@best";
  return spec;
}

TEST(ValidateSpec, Evaluations) {
  EXPECT_THAT(ValidateSpec(ValidEvaluate()), IsEmpty());
  const auto changed = [](auto change) { return After(change, ValidEvaluate()); };
  EXPECT_THAT(changed([](JobSpec& spec) { spec.evaluate.checkpoint.from.clear(); }),
              ElementsAre(Problem("checkpoint.from", "is required")));
  EXPECT_THAT(changed([](JobSpec& spec) { spec.evaluate.checkpoint.from = "first"; }),
              ElementsAre(Problem("checkpoint.from", "neither job:NAME nor an absolute path")));
  EXPECT_THAT(changed([](JobSpec& spec) { spec.evaluate.dataset.moved = "/a"; }),
              ElementsAre(Problem("dataset.moved", "not FROM=TO")));
  EXPECT_THAT(changed([](JobSpec& spec) { spec.evaluate.dataset.moved = "/a=/b"; }), IsEmpty());
  EXPECT_THAT(changed([](JobSpec& spec) { spec.evaluate.dataset.split = "test"; }),
              ElementsAre(Problem("dataset.split", "held_out, validation, train or all")));
  EXPECT_THAT(changed([](JobSpec& spec) {
                spec.evaluate.window.patch = {0, 64, 64};
              }),
              ElementsAre(Problem("window.patch", "name all three")));
  EXPECT_THAT(changed([](JobSpec& spec) { spec.evaluate.window.overlap = 1; }),
              ElementsAre(Problem("window.overlap", "1")));
  EXPECT_THAT(changed([](JobSpec& spec) { spec.evaluate.window.mirror = "zyx"; }),
              ElementsAre(Problem("window.mirror", "zyx")));
}

}  // namespace
}  // namespace amaes
