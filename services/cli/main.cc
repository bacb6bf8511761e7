// The program `amaes`: command line, coordinator, agent, and the children that read scans.
#include <iostream>

#include "libs/base/version.h"
#include "services/cli/context.h"
#include "services/cli/exit_codes.h"

namespace amaes {

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
  app.add_option("--output", context.output, "table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  app.add_option("--coordinator", context.coordinator_flag,
                 "HOST:PORT (or AMAES_COORDINATOR; default: the one of --home)");
  app.add_option("--home", context.home_flag, "Where this machine keeps everything (or AMAES_HOME)");
  AddServiceCommands(app, context);
  AddDatasetCommands(app, context);
  AddSubmitCommand(app, context);
  AddJobCommands(app, context);
  AddExperimentCommands(app, context);
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
