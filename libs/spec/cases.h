// The labelled cases that a finetuning asks for.
#pragma once

#include "libs/dataset/cases.h"
#include "libs/spec/job_spec.h"

namespace amaes {

// `spec.cases.case_seed` may be unresolved.
CaseOptions CaseOptionsOf(const FinetuneSpec& spec);

}  // namespace amaes
