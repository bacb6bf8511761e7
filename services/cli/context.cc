#include "services/cli/context.h"

#include <iostream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/cli/exit_codes.h"
#include "services/cli/home.h"
#include "services/cli/output.h"

namespace amaes {

std::shared_ptr<grpc::Channel> Context::channel() {
  if (channel_ == nullptr) channel_ = MakeChannel(ResolveCoordinator(coordinator_flag, ResolveHome(home_flag)));
  return channel_;
}

void Context::OnRun(CLI::App* command, std::function<absl::StatusOr<int>()> run) {
  command->callback([this, run = std::move(run)] {
    const absl::StatusOr<int> code = run();
    if (code.ok()) {
      exit_code_ = *code;
      return;
    }
    PrintError(code.status());
    for (const SpecProblem& problem : ProblemsOf(code.status())) {
      if (absl::StrContains(code.status().message(), problem.message)) continue;  // the coordinator says them itself
      std::cerr << "  " << (problem.field.empty() ? "spec" : problem.field) << ": " << problem.message << "\n";
    }
    exit_code_ = ExitCodeOf(code.status());
  });
}

CLI::App* AddCommand(CLI::App& parent, const std::string& name, const std::string& text, const std::string& example) {
  CLI::App* command = parent.add_subcommand(name, text);
  command->fallthrough();
  command->footer(absl::StrCat("Example:\n  ", example));
  return command;
}

}  // namespace amaes
