// What is fuzzed: one entry per parser of bytes that others wrote. fuzz_main.cc gives each to libFuzzer, smoke_test.cc
// runs all of them over their seeds in every build.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace amaes {

struct FuzzTarget {
  const char* name;
  // Must return for every input; what it may not do is found by the sanitizers.
  void (*run)(absl::string_view input);
  // Small valid inputs, made here: never copies of data.
  std::vector<std::string> (*seeds)();
};

const std::vector<FuzzTarget>& FuzzTargets();

// Stops the process: a promise of the code under test does not hold.
void Require(bool holds, const char* what);

}  // namespace amaes
