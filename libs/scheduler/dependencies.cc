#include "libs/scheduler/dependencies.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace amaes {
namespace {

std::string InWords(const Dependency& dependency) {
  return absl::StrCat(dependency.job.value, " (", JobStateName(dependency.state), ")");
}

}  // namespace

DependencyVerdict JudgeDependencies(const std::vector<Dependency>& dependencies) {
  using Outcome = DependencyVerdict::Outcome;
  std::vector<std::string> open;
  for (const Dependency& dependency : dependencies) {
    if (dependency.state == JobState::kSucceeded) continue;
    if (IsTerminal(dependency.state)) {
      return {Outcome::kFail, "DEPENDENCY_FAILED",
              absl::StrCat("comes after ", InWords(dependency), ", which did not succeed")};
    }
    open.push_back(InWords(dependency));
  }
  if (open.empty()) return {};
  return {Outcome::kWait, "WAITING_FOR_JOB", absl::StrCat("comes after ", absl::StrJoin(open, ", "))};
}

}  // namespace amaes
