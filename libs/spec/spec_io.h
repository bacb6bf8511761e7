// Text to spec and back; validation; presets. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/spec/job_spec.h"
#include "libs/spec/network_facts.h"

namespace amaes {

// One thing that is wrong with a spec: `field` is a dotted path as in YAML ("optimizer.learning_rate").
struct SpecProblem {
  std::string field;
  std::string message;  // what is wrong, the value, and what is allowed
  bool operator==(const SpecProblem&) const = default;
};

struct ParsedSpec {
  JobSpec spec;                       // as far as it could be read
  std::vector<SpecProblem> problems;  // of the text: unknown fields (with the nearest known one), wrong types
};

// YAML or JSON. Fields of the kind's group stand at the top level, beside kind, name and priority.
// Later --set assignments ("key=value", dotted) win over the text. Empty text is allowed.
// Never fails: a syntax error is a problem with an empty field and line and column in the message.
// A field without a value (null) keeps its default. A group given as one value stands for its name: `dataset: x`,
// `network: unet_b`.
ParsedSpec ParseSpec(const std::string& text, const std::vector<std::string>& assignments = {});
// The same for several texts, e.g. a preset and a file: a field of a later text wins.
ParsedSpec ParseSpecLayers(const std::vector<std::string>& texts, const std::vector<std::string>& assignments = {});

// Of a preset: libs/spec/presets/NAME.yaml. "pretrain" is the defaults, "amaes-…" the published recipe, "demo" runs on two CPU
// cores.   - NotFound: lists the presets.
absl::StatusOr<std::string> PresetText(const std::string& name);
std::vector<std::string> PresetNames();

// Everything that is wrong with the values, all at once, in the order of the table. Needs no dataset.
std::vector<SpecProblem> ValidateSpec(const JobSpec& spec);

// Facts about the dataset that resolving needs.
struct DatasetFacts {
  std::int64_t version = 0;
  std::string digest;
  std::int64_t pass_length = 0;  // samples: training volumes, each as often as the selection repeats it
  std::string selection{};       // digest; empty without filter and repeats
  // Of finetuning: channels of a case and of the output, the classes in full, the weights to begin with.
  std::int64_t in_channels = 0, out_channels = 0;
  std::string classes{};
  std::string init_path{}, init_sha256{};
};

// Fills what depends on the dataset and on other fields (version, digest, selection, steps, warm-up, filters, device); afterwards
// no field means "choose for me" except device=auto. Requires a valid spec.
JobSpec ResolveSpec(JobSpec spec, const DatasetFacts& dataset);

// What the job will take. Bytes; estimates are rough and say so where shown.
// The network that a job of a kind that trains builds; for finetuning with one channel in and out.
NetworkOptions NetworkOptionsOf(const JobSpec& spec);

struct SpecEstimate {
  std::int64_t parameters = 0;
  std::int64_t memory_per_worker_bytes = 0;
  std::int64_t checkpoint_bytes = 0;
  std::int64_t disk_bytes = 0;
  std::int64_t flops_per_sample = 0;  // of training: convolutions alone, forward and backward
  double seconds = 0;                 // of all steps; 0 = not known
  std::string basis{};                // what `seconds` was worked out from
};
// Without seconds.
SpecEstimate EstimateSpec(const JobSpec& spec);
// Samples per second of all workers, where nothing was measured: by what networks of this kind reach on a GPU or a CPU core.
// 0 for a job that does not train. `basis` says the rate.
double AssumedSamplesPerSecond(const JobSpec& spec, std::string& basis);

// Canonical JSON (one line) of the fields of the spec's kind, complete, keys in the table's order. Digests are over
// this text.
std::string SpecToJson(const JobSpec& spec);
std::string SpecToYaml(const JobSpec& spec);

// Strict: every field of the kind must be there and none other. What workers use.
//   - InvalidArgument: lists every missing and unknown field and every wrong type. Ranges are ValidateSpec's.
absl::StatusOr<JobSpec> SpecFromCompleteJson(const std::string& json);

// One line per field for `amaes submit --help-spec` and the docs: path, kind, default, unit, what is allowed, meaning.
std::string DescribeSpecFields();
// The same as a table of Markdown, without spaces that only align: the middle of docs/job-spec.md.
std::string SpecFieldsMarkdown();

const char* JobKindName(JobKind kind);  // as in YAML: "pretrain", "finetune", "evaluate", "ingest"

}  // namespace amaes
