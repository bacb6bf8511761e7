// The first samples of a loader.
#pragma once

#include <vector>

#include "libs/base/clock.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/loader/loader.h"

namespace amaes {

inline std::vector<Sample> NextSamples(const DatasetVersion& version, const LoaderOptions& options, Clock& clock,
                                       int count) {
  auto loader = Loader::Create(version, options, clock);
  EXPECT_OK(loader);
  std::vector<Sample> samples;
  for (int i = 0; i < count; ++i) {
    auto sample = (*loader)->Next();
    EXPECT_OK(sample);
    samples.push_back(*std::move(sample));
  }
  return samples;
}

}  // namespace amaes
