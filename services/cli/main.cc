// The program `amaes`: command line, coordinator, agent, and the children that read scans.
#include <iostream>

#include "absl/strings/str_cat.h"
#include "libs/base/version.h"
#include "services/cli/context.h"
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

namespace {

constexpr char kExitCodes[] =
    "Exit codes:\n"
    "  0 done   1 error   2 wrong command line or spec   3 not found   4 job failed (--wait, watch, run)\n"
    "  5 job cancelled   6 coordinator not reachable   7 damaged data   8 the state does not allow it   130 Ctrl-C\n"
    "Example:\n"
    "  amaes up &  amaes dataset add scans --from /data/scans --wait\n"
    "  amaes submit --preset pretrain --dataset scans --name my-first-run --wait";

int Main(int argc, char** argv) {
  Interrupts interrupts;
  Context context(interrupts);
  CLI::App app("Pretrains 3D brain-MRI segmentation networks with AMAES, as a service", "amaes");
  app.footer(kExitCodes);
  app.require_subcommand(1);
  app.set_version_flag("--version", kSoftware);
  app.add_option("--output", context.output, "table or json")->check(CLI::IsMember({"table", "json"}))->capture_default_str();
  app.add_option("--coordinator", context.coordinator_flag, "HOST:PORT (or AMAES_COORDINATOR; default: the one of --home)");
  app.add_option("--home", context.home_flag, "Where this machine keeps everything (or AMAES_HOME)");
  AddServiceCommands(app, context);
  AddDatasetCommands(app, context);
  AddSubmitCommand(app, context);
  AddJobCommands(app, context);
  AddCheckpointCommands(app, context);
  AddNodeCommands(app, context);
  AddOtherCommands(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? kExitOk : kExitUsage;
  }
  return context.exit_code();
}

}  // namespace
}  // namespace amaes

int main(int argc, char** argv) { return amaes::Main(argc, argv); }
