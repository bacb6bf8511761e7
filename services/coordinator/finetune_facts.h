// What the dataset says to a finetuning at submit. Pure.
#pragma once

#include <string>
#include <vector>

#include "libs/dataset/catalogue.h"
#include "libs/spec/spec_io.h"

namespace amaes {

// Fills the cases, channels and classes of `facts`, and `notes` for people; or adds what is wrong.
void ResolveCases(const DatasetVersion& version, const FinetuneSpec& spec, DatasetFacts& facts, std::string& notes,
                  std::vector<SpecProblem>& problems);

}  // namespace amaes
