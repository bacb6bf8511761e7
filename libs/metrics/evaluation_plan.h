// What an evaluation will do, worked out in the same way by the coordinator, which refuses what cannot work, and by every
// worker. Pure.
#pragma once

#include <string>
#include <vector>

#include "libs/checkpoint/checkpoint.h"
#include "libs/dataset/cases.h"
#include "libs/dataset/catalogue.h"
#include "libs/metrics/scoring.h"
#include "libs/metrics/trained_model.h"
#include "libs/spec/job_spec.h"
#include "libs/spec/spec_io.h"

namespace amaes {

struct EvaluationPlan {
  TrainedModel model;
  Scoring scoring;
  Shape3 patch{};                   // of the windows
  std::string weights;              // the checkpoint's file of them
  std::vector<LabelledCase> cases;  // in the order of the catalogue
  std::vector<std::string> notes;   // what was left out, and why; names no subject
};

// Sets `out`, or says all that is wrong, by field: another kind of checkpoint, another contract, labels or regions that the
// network does not know, a patch that does not fit it, no case, label files whose place is not known, weights that are not
// there. A manifest without files is of a checkpoint that is yet to be written.
std::vector<SpecProblem> PlanEvaluation(const EvaluateSpec& spec, const CheckpointManifest& checkpoint,
                                        const DatasetVersion& version, EvaluationPlan& out);

}  // namespace amaes
