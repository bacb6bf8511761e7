#include "libs/metrics/trained_model.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/spec/cases.h"
#include "libs/spec/spec_io.h"

namespace amaes {

absl::StatusOr<TrainedModel> TrainedModelOf(const CheckpointManifest& manifest) {
  const ParsedSpec parsed = ParseSpec(manifest.spec_json);
  const auto unreadable = [](const SpecProblem& problem) {
    return absl::DataLossError(
        absl::StrCat("its spec cannot be read: ", problem.field, problem.field.empty() ? "" : ": ", problem.message));
  };
  // A problem without a field is one of the text as a whole: then there is no kind.
  for (const SpecProblem& problem : parsed.problems) {
    if (problem.field.empty()) return unreadable(problem);
  }
  const JobSpec& spec = parsed.spec;
  if (spec.kind != JobKind::kFinetune) {
    return absl::FailedPreconditionError(
        absl::StrCat("it is of a job of kind ", JobKindName(spec.kind),
                     ", whose network marks no labels: finetune it for segmentation first"));
  }
  if (!parsed.problems.empty()) return unreadable(parsed.problems.front());
  TrainedModel out;
  const FinetuneSpec::Labels& labels = spec.finetune.labels;
  AMAES_ASSIGN_OR_RETURN(out.labels, ParseLabels(labels.classes, labels.regions, labels.background));
  out.patch = spec.finetune.patch;
  out.averaged = spec.finetune.ema.decay > 0;
  out.cases = CaseOptionsOf(spec.finetune);
  out.network = NetworkOptionsOf(spec);
  out.script_digest = spec.finetune.network.script_digest;
  out.network.in_channels = std::max<std::int64_t>(1, static_cast<std::int64_t>(out.cases.channels.size()));
  out.network.out_channels = out.labels.outputs();
  return out;
}

}  // namespace amaes
