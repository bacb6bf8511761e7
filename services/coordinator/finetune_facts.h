// What a finetuning needs to know at submit.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "libs/checkpoint/init_plan.h"
#include "libs/dataset/catalogue.h"
#include "libs/spec/spec_io.h"

namespace amaes {

// What the dataset says; pure. Fills the cases, channels and classes of `facts`, and `notes` for people; or adds what is wrong.
void ResolveCases(const DatasetVersion& version, const FinetuneSpec& spec, DatasetFacts& facts, std::string& notes,
                  std::vector<SpecProblem>& problems);

// Whether the weights that were chosen at submit have every tensor of a network's encoder: INVALID_SPEC. OK where they are yet
// to be written, or need not fit.
absl::Status CheckInitFits(const FinetuneSpec::Init& init, const std::string& encoder_prefix,
                           const std::vector<TensorShape>& encoder);

}  // namespace amaes
