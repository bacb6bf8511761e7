#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "libs/spec/fields.h"
#include "libs/spec/spec_io.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

auto Problem(const std::string& field, const std::string& part) {
  return AllOf(Field(&SpecProblem::field, field), Field(&SpecProblem::message, HasSubstr(part)));
}

// The one problem of a text.
SpecProblem OnlyProblem(const std::string& text, const std::vector<std::string>& assignments = {}) {
  const ParsedSpec parsed = ParseSpec(text, assignments);
  EXPECT_EQ(parsed.problems.size(), 1u) << text;
  return parsed.problems.empty() ? SpecProblem{} : parsed.problems[0];
}

TEST(ParseSpec, EmptyTextIsTheDefaults) {
  for (const std::string text : {"", "\n\n", "# nothing\n", "---\n", "{}", "~"}) {
    const ParsedSpec parsed = ParseSpec(text);
    EXPECT_THAT(parsed.problems, IsEmpty()) << text;
    EXPECT_EQ(SpecToJson(parsed.spec), SpecToJson(JobSpec{}));
  }
}

constexpr char kYaml[] = R"(
kind: pretrain
name: night-run
priority: 70
dataset: {name: brains, version: 3}
network:
  name: unet
  filters: 16
optimizer:
  learning_rate: 3e-4
  beta2: 0.98
schedule: {steps: 1000}
seed: 18446744073709551615
deterministic: true
)";

TEST(ParseSpec, ReadsYaml) {
  const ParsedSpec parsed = ParseSpec(kYaml);
  ASSERT_THAT(parsed.problems, IsEmpty());
  const JobSpec& spec = parsed.spec;
  EXPECT_EQ(spec.kind, JobKind::kPretrain);
  EXPECT_EQ(spec.name, "night-run");
  EXPECT_EQ(spec.priority, 70);
  EXPECT_EQ(spec.pretrain.dataset.name, "brains");
  EXPECT_EQ(spec.pretrain.dataset.version, 3);
  EXPECT_EQ(spec.pretrain.network.filters, 16);
  EXPECT_EQ(spec.pretrain.optimizer.learning_rate, 3e-4);
  EXPECT_EQ(spec.pretrain.optimizer.beta2, 0.98);
  EXPECT_EQ(spec.pretrain.schedule.steps, 1000);
  EXPECT_EQ(spec.pretrain.seed, 18446744073709551615u);
  EXPECT_TRUE(spec.pretrain.deterministic);
  EXPECT_EQ(spec.pretrain.patch, Cube(128));
}

TEST(ParseSpec, ReadsJson) {
  const ParsedSpec parsed =
      ParseSpec(R"({"dataset": {"name": "brains"}, "optimizer": {"learning_rate": 1, "beta1": 0.5}, "name": "\u0061b",)"
                R"( "deterministic": true})");
  ASSERT_THAT(parsed.problems, IsEmpty());
  EXPECT_EQ(parsed.spec.pretrain.optimizer.learning_rate, 1.0);
  EXPECT_EQ(parsed.spec.pretrain.optimizer.beta1, 0.5);
  EXPECT_EQ(parsed.spec.name, "ab");
}

TEST(ParseSpec, FlowStyleYamlMayLookLikeJson) {
  const ParsedSpec parsed = ParseSpec("{dataset: {name: brains}, patch: 64}");
  ASSERT_THAT(parsed.problems, IsEmpty());
  EXPECT_EQ(parsed.spec.pretrain.patch, Cube(64));
}

TEST(ParseSpec, ANameMayStandForItsGroup) {
  const ParsedSpec parsed = ParseSpec("dataset: brains\nnetwork: unet_xl\n");
  ASSERT_THAT(parsed.problems, IsEmpty());
  EXPECT_EQ(parsed.spec.pretrain.dataset.name, "brains");
  EXPECT_EQ(parsed.spec.pretrain.network.name, "unet_xl");
}

TEST(ParseSpec, FieldsOfIngestStandAtTheTop) {
  const ParsedSpec parsed = ParseSpec("kind: ingest\ndataset: brains\nfrom: /data/brains\nprocesses: 2\n");
  ASSERT_THAT(parsed.problems, IsEmpty());
  EXPECT_EQ(parsed.spec.ingest.dataset, "brains");
  EXPECT_EQ(parsed.spec.ingest.from, "/data/brains");
  EXPECT_EQ(parsed.spec.ingest.processes, 2);
}

TEST(ParseSpec, AssignmentsWin) {
  const ParsedSpec parsed = ParseSpec("dataset: brains\npatch: 64\n",
                                      {"patch=96", "dataset=others", "optimizer.learning_rate=2e-4", "patch=160"});
  ASSERT_THAT(parsed.problems, IsEmpty());
  EXPECT_EQ(parsed.spec.pretrain.patch, Cube(160));
  EXPECT_EQ(parsed.spec.pretrain.dataset.name, "others");
  EXPECT_EQ(parsed.spec.pretrain.optimizer.learning_rate, 2e-4);
}

TEST(ParseSpec, AutoStandsForTheNumberThatChooses) {
  const ParsedSpec parsed = ParseSpec("schedule: {warmup_steps: auto}\n", {"micro_batch=auto"});
  ASSERT_THAT(parsed.problems, IsEmpty());
  EXPECT_EQ(parsed.spec.pretrain.micro_batch, 0);
  EXPECT_EQ(parsed.spec.pretrain.schedule.warmup_steps, -1);
  EXPECT_EQ(ParseSpec(R"({"micro_batch": "auto"})").spec.pretrain.micro_batch, 0);
  EXPECT_EQ(ParseSpec("global_batch: auto\n").problems.size(), 1u) << "only where something is chosen";
}

TEST(ParseSpec, AnAssignmentMayChangeTheKind) {
  const ParsedSpec parsed = ParseSpec("from: /data\n", {"kind=ingest"});
  EXPECT_THAT(parsed.problems, IsEmpty());
  EXPECT_EQ(parsed.spec.kind, JobKind::kIngest);
  EXPECT_EQ(parsed.spec.ingest.from, "/data");
}

TEST(ParseSpec, LaterLayersWin) {
  const ParsedSpec parsed =
      ParseSpecLayers({"patch: 64\nseed: 5\n", "patch: 96\nglobal_batch: 4\n"}, {"global_batch=8"});
  ASSERT_THAT(parsed.problems, IsEmpty());
  EXPECT_EQ(parsed.spec.pretrain.patch, Cube(96));
  EXPECT_EQ(parsed.spec.pretrain.seed, 5u);
  EXPECT_EQ(parsed.spec.pretrain.global_batch, 8);
}

TEST(ParseSpec, NullKeepsTheDefault) {
  const ParsedSpec parsed = ParseSpec("patch:\nseed: ~\noptimizer:\nschedule: {}\n");
  EXPECT_THAT(parsed.problems, IsEmpty());
  EXPECT_EQ(parsed.spec.pretrain.patch, Cube(128));
}

TEST(ParseSpec, UnknownFieldsComeWithTheNearestKnownName) {
  EXPECT_THAT(OnlyProblem("optimiser:\n  learning_rate: 1e-4\n"),
              Problem("optimiser.learning_rate", "unknown field; did you mean optimizer.learning_rate? (line 2)"));
  EXPECT_THAT(OnlyProblem("", {"lr=1e-4"}), Problem("lr", "did you mean optimizer.learning_rate?"));
  EXPECT_THAT(OnlyProblem("epochs: 3"), Problem("epochs", "did you mean schedule.passes?"));
  EXPECT_THAT(OnlyProblem("batch_size: 3"), Problem("batch_size", "did you mean global_batch?"));
  EXPECT_THAT(OnlyProblem("wrkers: 2"), Problem("wrkers", "did you mean workers?"));
  EXPECT_EQ(OnlyProblem("", {"zzzzzzzzzz=1"}).message, "unknown field");
}

TEST(ParseSpec, FieldsOfAnotherKindAreNamedAsSuch) {
  EXPECT_THAT(OnlyProblem("kind: pretrain\nfrom: /data\n"),
              Problem("from", "is a field of kind ingest, and this job's kind is pretrain"));
  EXPECT_THAT(OnlyProblem("kind: ingest\ndataset: {name: x}\n"), Problem("dataset.name", "did you mean dataset?"));
}

TEST(ParseSpec, WrongTypesNameTheValueAndWhatIsAllowed) {
  EXPECT_THAT(OnlyProblem("patch: big"),
              Problem("patch", "big is not a whole number from 8 to 1024, or three of them such as 96x96x24 (line 1)"));
  EXPECT_THAT(OnlyProblem("patch: 64.5"), Problem("patch", "64.5 is not a whole number"));
  EXPECT_THAT(OnlyProblem("patch: \"64x\""), Problem("patch", "\"64x\" is not a whole number"));
  EXPECT_THAT(OnlyProblem("{\"name\": 5}"), Problem("name", "5 is not a text"));
  EXPECT_THAT(OnlyProblem("patch: [64]"), Problem("patch", "a list is not a whole number"));
  EXPECT_THAT(OnlyProblem("patch: {}"), Problem("patch", "an empty mapping is not a whole number"));
  EXPECT_THAT(OnlyProblem("deterministic: yes"), Problem("deterministic", "yes is not true or false"));
  EXPECT_THAT(OnlyProblem("mask: {ratio: .nan}"), Problem("mask.ratio", ".nan is not a number above 0, below 1"));
  EXPECT_THAT(OnlyProblem("mask: {ratio: inf}"), Problem("mask.ratio", "inf is not a number"));
  EXPECT_THAT(OnlyProblem("seed: -1"), Problem("seed", "-1 is not a whole number from 0 to 18446744073709551615"));
  EXPECT_THAT(OnlyProblem("patch: 99999999999999999999"),
              Problem("patch", "99999999999999999999 is not a whole number"));
  EXPECT_THAT(OnlyProblem("kind: train"), Problem("kind", "train is not pretrain, finetune, evaluate or ingest"));
  EXPECT_THAT(OnlyProblem("optimizer: adam"),
              Problem("optimizer", "is a group of fields: optimizer.learning_rate, optimizer.beta1"));
}

TEST(ParseSpec, AllProblemsAtOnceInTheOrderOfTheText) {
  const ParsedSpec parsed = ParseSpec("patch: big\nwrkers: 2\nseed: x\n", {"noequals", "device=cpu"});
  EXPECT_THAT(parsed.problems, UnorderedElementsAre(Problem("noequals", "KEY=VALUE"), Problem("patch", "big"),
                                                    Problem("wrkers", "workers"), Problem("seed", "x is not")));
  EXPECT_EQ(parsed.spec.pretrain.device, "cpu");
}

TEST(ParseSpec, AFieldGivenTwiceIsAProblem) {
  EXPECT_THAT(OnlyProblem("patch: 64\npatch: 96\n"), Problem("patch", "given twice (line 2)"));
  EXPECT_THAT(OnlyProblem("{\"patch\": 64, \"patch\": 96}"), Problem("patch", "given twice"));
  EXPECT_THAT(OnlyProblem("dataset: x\ndataset: {name: y}\n"), Problem("dataset.name", "given twice"));
}

TEST(ParseSpec, SyntaxErrorsSayWhere) {
  EXPECT_THAT(OnlyProblem("patch: [64\nseed: 1\n"), Problem("", "line "));
  EXPECT_THAT(OnlyProblem("patch: 64\n  seed: 1\n"), Problem("", "line 2, column "));
  EXPECT_THAT(OnlyProblem("- a\n- b\n"), Problem("", "must be a mapping"));
  EXPECT_THAT(OnlyProblem("just text"), Problem("", "must be a mapping"));
  EXPECT_THAT(OnlyProblem("patch: 64\n---\npatch: 96\n"), Problem("", "2 YAML documents"));
  EXPECT_THAT(OnlyProblem("? [a]\n: 1\n"), Problem("", "a key must be a text"));
}

TEST(ParseSpec, HostileTextIsRefused) {
  EXPECT_THAT(OnlyProblem(std::string("patch: \xff\n")), Problem("", "not UTF-8"));
  EXPECT_THAT(OnlyProblem(std::string("pat\0ch: 1\n", 10)), Problem("", "zero byte"));
  EXPECT_THAT(OnlyProblem(std::string(2 << 20, 'a')), Problem("", "bytes; at most"));
  EXPECT_THAT(OnlyProblem("a: " + std::string(100000, '[')), Problem("", "nested too deeply"));
  std::string deep;
  for (int i = 0; i < 100; ++i) absl::StrAppend(&deep, std::string(static_cast<std::size_t>(i), ' '), "a:\n");
  EXPECT_THAT(OnlyProblem(deep + std::string(100, ' ') + "1"), Problem("", "nested too deeply"));
  std::string laughs = "a0: &a0 {x: 1, y: 2}\n";
  for (int i = 1; i < 15; ++i) {
    absl::StrAppend(&laughs, "a", i, ": &a", i, " {");
    for (int j = 0; j < 9; ++j) absl::StrAppend(&laughs, "k", j, ": *a", i - 1, ", ");
    absl::StrAppend(&laughs, "}\n");
  }
  EXPECT_THAT(OnlyProblem(laughs), Problem("", "too many fields"));
}

TEST(SpecFromCompleteJson, RoundTrips) {
  JobSpec spec;
  spec.name = "n";
  spec.pretrain.optimizer.epsilon = 1.2345678901234567e-9;
  spec.pretrain.seed = ~std::uint64_t{0};
  for (const JobKind kind : {JobKind::kPretrain, JobKind::kIngest}) {
    spec.kind = kind;
    const absl::StatusOr<JobSpec> back = SpecFromCompleteJson(SpecToJson(spec));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(SpecToJson(*back), SpecToJson(spec));
    EXPECT_EQ(back->kind, kind);
  }
}

TEST(SpecFromCompleteJson, EveryFieldIsAskedFor) {
  for (const auto& field : SpecFields()) {
    if (!field.kinds.contains(JobKind::kPretrain)) continue;
    // Renaming the field's key in JSON makes it both missing and unknown.
    std::string json = SpecToJson(JobSpec{});
    const std::size_t dot = field.path.find('.');
    const std::string key =
        absl::StrCat("\"", dot == std::string::npos ? field.path : field.path.substr(dot + 1), "\":");
    const std::size_t from =
        dot == std::string::npos ? 0 : json.find(absl::StrCat("\"", field.path.substr(0, dot), "\":{"));
    json.insert(json.find(key, from == 0 ? 0 : from + dot) + 1, "zz");
    const absl::Status status = SpecFromCompleteJson(json).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << field.path;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(absl::StrCat(field.path, ": missing")), HasSubstr("unknown field")));
  }
}

TEST(SpecFromCompleteJson, RefusesWhatIsNotComplete) {
  const auto message = [](const std::string& json) {
    const absl::Status status = SpecFromCompleteJson(json).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(message("{}"), AllOf(HasSubstr("kind: missing"), HasSubstr("restart.max_restarts: missing")));
  EXPECT_THAT(message("not json"), HasSubstr("line 1"));
  EXPECT_THAT(message("[1]"), HasSubstr("mapping"));
  std::string json = SpecToJson(JobSpec{});
  json.replace(json.find("\"patch\":128"), 11, "\"patch\":null");
  EXPECT_THAT(message(json), HasSubstr("patch: null, list or mapping where a whole number from 8 to 1024, or three of "
                                       "them such as 96x96x24 belongs"));
  json = SpecToJson(JobSpec{});
  json.insert(1, "\"patch\":64,");
  EXPECT_THAT(message(json), HasSubstr("patch: given twice"));
}

}  // namespace
}  // namespace amaes
