// A made-up evaluation.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/metrics/results.h"

namespace amaes {

// Case `i` of a line of `n`: the first i of n voxels of label 1 are found; label 2 is in the truth of every second case and
// never predicted.
inline CaseResult MakeCase(int i, int n) {
  std::vector<std::uint8_t> truth(static_cast<std::size_t>(n) + 4, 0), prediction = truth;
  for (int v = 0; v < n; ++v) truth[v] = 1;
  for (int v = 0; v < i; ++v) prediction[v] = 1;
  if (i % 2 == 1) truth[static_cast<std::size_t>(n) + 1] = 2;
  CaseResult out;
  out.key = absl::StrCat("key", i);
  out.subject = absl::StrCat("sub-", i, " <x>");
  out.session = "ses-1";
  out.modality = "FLAIR";
  out.source = absl::StrCat("images, \"raw\"/sub-", i, ".nii.gz");
  out.prediction = absl::StrCat("sub-", i, ".nii.gz");
  out.shape = {1, 1, n + 4};
  out.spacing = {1, 1, 0.5};
  out.windows = 3;
  out.seconds = 1.25;
  out.notes = {"padded"};
  out.regions = ScoreCase(truth, prediction, out.shape, out.spacing, {{"lesion", {1}}, {"other", {2}}});
  return out;
}

inline EvaluationResults MakeResults(int cases) {
  EvaluationResults out;
  out.facts = {{"Job", "job-1"}, {"Checkpoint", "00000010-001 of job-0"}};
  out.regions = {{"lesion", {1}}, {"other", {2}}};
  for (int i = 0; i < cases; ++i) out.cases.push_back(MakeCase(i, cases));
  return out;
}

}  // namespace amaes
