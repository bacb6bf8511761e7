#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/files.h"
#include "libs/spec/fields.h"
#include "libs/spec/spec_io.h"

namespace amaes {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// The digests of stored specs are over this text: a change here breaks every stored job.
TEST(SpecToJson, IsCanonical) {
  JobSpec spec;
  spec.pretrain.dataset.name = "brains";
  EXPECT_EQ(
      SpecToJson(spec),
      R"({"kind":"pretrain","name":"","priority":50,"after":"","dataset":{"name":"brains","version":0,"digest":"","filter":"","repeats":"","selection":"","contract":""},)"
      R"("network":{"name":"unet_b","filters":0,"decoder":"auto","skips":"auto","script":"","encoder_prefix":"",)"
      R"("script_digest":"","script_parameters":0},"patch":128,"objective":{"name":"masked","group":4},)"
      R"("mask":{"ratio":0.6,"token":4},"loss":{"region":"whole","anonymised":"exclude","target":"before"},)"
      R"("augment":{"preset":"intended","grid":"preset","border":"preset","ringing":"preset","gamma_epsilon":0.0},)"
      R"("optimizer":{"learning_rate":0.0001,"beta1":0.9,"beta2":0.999,"epsilon":1e-08,"weight_decay":0.01,"clip_norm":0.0},)"
      R"("guard":{"spike_factor":0.0,"max_skipped":10},"ema":{"decay":0.0},)"
      R"("schedule":{"steps":0,"passes":100.0,"warmup_steps":-1,"warmup_start_factor":0.001},"global_batch":16,)"
      R"("micro_batch":1,"workers":1,"device":"auto","precision":"fp32","deterministic":false,"threads_per_worker":1,)"
      R"("seed":1,"checkpoint":{"every_steps":500,"keep":3,"best_metric":""},"validation":{"every_steps":500,"crops":8},)"
      R"("loader":{"threads":1,"prefetch":4,"cache_mib":256,"on_damage":"fail"},"restart":{"max_restarts":10,"no_progress_limit":3},)"
      R"("probe":{"every_passes":0.0,"dataset":"","version":0,"digest":"","channels":"","classes":"","regions":false,)"
      R"("background":"","train_cases":20,"validation_share":0.2,"steps":200,"global_batch":2,"learning_rate":0.0001,)"
      R"("crops":2,"in_channels":0,"out_channels":0}})");
  JobSpec ingest;
  ingest.kind = JobKind::kIngest;
  EXPECT_EQ(
      SpecToJson(ingest),
      R"({"kind":"ingest","name":"","priority":50,"after":"","dataset":"","from":"","layout":"auto","source":"","contract":"amaes",)"
      R"("spacing":"1","reference_crop":false,"frames":"first","nonfinite":"repair","labels":true,"held_out_share":0.0,"workers":1,"processes":0,"memory_limit_mib":4096,"time_limit_seconds":300})");
}

TEST(SpecToYaml, ReadsBackToTheSameSpec) {
  JobSpec spec;
  spec.pretrain.dataset.name = "true";
  spec.pretrain.optimizer.learning_rate = 1.0 / 3;
  spec.pretrain.seed = ~std::uint64_t{0};
  for (const std::string name : {"", "a", "5", "null", "a: b", "quote\"s\\", "tab\t", "Gehirn-ä", "~", "-", "#x"}) {
    spec.name = name;
    const ParsedSpec parsed = ParseSpec(SpecToYaml(spec));
    EXPECT_THAT(parsed.problems, IsEmpty()) << name;
    EXPECT_EQ(SpecToJson(parsed.spec), SpecToJson(spec)) << name;
  }
  JobSpec ingest;
  ingest.kind = JobKind::kIngest;
  ingest.ingest.from = "/data/some folder";
  EXPECT_EQ(SpecToJson(ParseSpec(SpecToYaml(ingest)).spec), SpecToJson(ingest));
}

TEST(SpecToYaml, IsPleasantToRead) {
  EXPECT_THAT(
      SpecToYaml(JobSpec{}),
      AllOf(StartsWith("kind: pretrain\nname: \"\"\npriority: 50\nafter: \"\"\ndataset:\n  name: \"\"\n  version: 0\n"),
            HasSubstr("optimizer:\n  learning_rate: 0.0001\n"), HasSubstr("\ndevice: auto\n")));
}

// Every field can be set through its path and comes back in JSON.
TEST(SpecFields, EveryFieldCanBeSet) {
  for (const auto& field : SpecFields()) {
    if (field.path == "kind") continue;
    const std::string kind = absl::StrCat("kind=", JobKindName(FirstKind(field)));
    JobSpec probe;
    std::string value = field.choices.empty() ? "x" : field.choices.back();
    if (FieldTypeName(field) == "whole number") value = "77";
    if (FieldTypeName(field) == "number") value = "0.125";
    if (FieldTypeName(field) == "true or false") value = "true";
    if (FieldTypeName(field) == "shape") value = "96x64x32";
    const ParsedSpec parsed = ParseSpec("", {kind, field.path + "=" + value});
    EXPECT_THAT(parsed.problems, IsEmpty()) << field.path;
    EXPECT_THAT(FieldValueJson(field, parsed.spec), HasSubstr(value)) << field.path;
    EXPECT_THAT(SpecToJson(parsed.spec), HasSubstr(value)) << field.path;
  }
}

TEST(SpecFields, PathsAreUniquePerKindAndDocumented) {
  for (const JobKind kind : {JobKind::kPretrain, JobKind::kFinetune, JobKind::kEvaluate, JobKind::kIngest}) {
    std::set<std::string> paths;
    for (const auto& field : SpecFields()) {
      if (!field.kinds.contains(kind)) continue;
      EXPECT_TRUE(paths.insert(field.path).second) << field.path;
      EXPECT_FALSE(field.doc.empty()) << field.path;
    }
  }
}

TEST(DescribeSpecFields, OneLinePerField) {
  const std::string text = DescribeSpecFields();
  const std::vector<std::string> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
  EXPECT_EQ(lines.size(), SpecFields().size() + 1);
  EXPECT_THAT(text, AllOf(HasSubstr("optimizer.learning_rate"), HasSubstr("0.0001"),
                          HasSubstr("a number above 0, at most 10")));
}

TEST(SpecFieldsMarkdown, IsWhatDocsJobSpecHolds) {
  const std::string page = files::Read(std::string(AMAES_SOURCE_DIR) + "/docs/job-spec.md").value();
  const std::string begin = "<!-- amaes submit --help-spec-markdown -->\n", end = "<!-- end -->";
  const std::size_t first = page.find(begin), last = page.find(end);
  ASSERT_NE(first, std::string::npos);
  ASSERT_LT(first, last);
  EXPECT_EQ(page.substr(first + begin.size(), last - first - begin.size()), SpecFieldsMarkdown())
      << "put what `amaes submit --help-spec-markdown` prints between the marks of docs/job-spec.md";
}

}  // namespace
}  // namespace amaes
