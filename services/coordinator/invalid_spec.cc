#include "services/coordinator/invalid_spec.h"

#include "absl/strings/str_cat.h"
#include "libs/rpc/errors.h"

namespace amaes {

absl::Status InvalidSpec(const std::vector<SpecProblem>& problems) {
  std::string message = absl::StrCat("the spec has ", problems.size(), problems.size() == 1 ? " problem" : " problems");
  for (const SpecProblem& problem : problems) {
    absl::StrAppend(&message, "\n  ", problem.field, problem.field.empty() ? "" : ": ", problem.message);
  }
  return WithProblems(ErrorWithReason(absl::StatusCode::kInvalidArgument, "INVALID_SPEC", message,
                                      {{"problems", absl::StrCat(problems.size())}}),
                      problems);
}

}  // namespace amaes
