// An experiment: pretraining jobs, finetuning jobs for every arm and seed, evaluations of each; expanded to jobs that come
// after one another. Pure. What a file looks like: docs/experiments.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/spec/spec_io.h"

namespace amaes {

// One job of an experiment. Its spec is what the layers give (ParseSpecLayers), then the assignments.
struct ExperimentJob {
  std::string key;   // unique: "pretrain/b", "finetune/b-pretrained/1", "evaluate/lesions/b-pretrained/1"
  std::string name;  // of the job: experiment and key, at most 63 characters
  std::vector<std::string> layers;       // the preset's text, then the file's `set` as YAML
  std::vector<std::string> assignments;  // name, seed
  std::string from;                      // key of the job whose checkpoint it takes; "" = none
  std::string checkpoint;                // which of its checkpoints: last | best
};

// A row of the table: one way to arrive at a finetuned network.
struct ExperimentArm {
  std::string name;
  std::string pretrain;  // name of the pretraining job; "" = from scratch
  std::string control;   // the arm that it is compared with, seed by seed; "" = none
};

struct Experiment {
  std::string name;
  std::string metric = "dice";  // that the table compares
  std::vector<std::int64_t> seeds;
  std::vector<ExperimentArm> arms;
  std::vector<std::string> evaluations;  // names
  std::vector<ExperimentJob> jobs;       // each after those that it depends on
};

std::string FinetuneKey(const std::string& arm, std::int64_t seed);
std::string EvaluateKey(const std::string& evaluation, const std::string& arm, std::int64_t seed);

// The spec of a job whose checkpoint comes from the job `from_id`; "" = from none.
ParsedSpec SpecOfExperimentJob(const ExperimentJob& job, const std::string& from_id);

// YAML or JSON. Every job's spec is validated as far as that needs no dataset.
//   - InvalidArgument: every problem, with the place in the file.
absl::StatusOr<Experiment> ParseExperiment(const std::string& text);

}  // namespace amaes
