// up, coordinator, agent, and the hidden workers of an ingest
#include <unistd.h>

#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/base/rng.h"
#include "libs/base/status_macros.h"
#include "libs/base/subprocess.h"
#include "libs/base/version.h"
#include "libs/dataset/ingest.h"
#include "services/agent/agent.h"
#include "services/agent/ingest_worker.h"
#include "services/agent/inventory.h"
#include "services/cli/context.h"
#include "services/cli/exit_codes.h"
#include "services/cli/home.h"
#include "services/cli/supervisor.h"
#include "services/coordinator/coordinator.h"

namespace amaes {
namespace {

struct ServiceFlags {
  std::string listen = "127.0.0.1:7070", http = "127.0.0.1:7071", slots = "auto", node, bind = "127.0.0.1";
  bool insecure = false;
};

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 && name[0] != '\0' ? name : "localhost";
}

absl::StatusOr<int> Up(Context& context, const ServiceFlags& flags) {
  SupervisorOptions options{.home = ResolveHome(context.home_flag),
                            .listen = flags.listen,
                            .http = flags.http,
                            .slots = flags.slots,
                            .insecure = flags.insecure};
  AMAES_RETURN_IF_ERROR(ChooseSlots(flags.slots, TakeInventory()).status());
  AMAES_ASSIGN_OR_RETURN(const std::unique_ptr<Supervisor> supervisor, Supervisor::Start(options, SystemClock()));
  std::cout << "amaes is up; Ctrl-C stops it in order\n"
            << "  API          " << supervisor->coordinator().grpc << "\n"
            << "  status page  http://" << supervisor->coordinator().http << "/\n"
            << "  metrics      http://" << supervisor->coordinator().http << "/metrics\n"
            << "  home         " << options.home.string() << "\n"
            << std::flush;
  absl::Status status;
  while (status.ok() && !context.interrupts().stop()) status = supervisor->Watch(absl::Milliseconds(200));
  if (context.interrupts().stop()) std::cout << "stopping: running jobs write a checkpoint first\n" << std::flush;
  supervisor->Stop();
  AMAES_RETURN_IF_ERROR(status);
  return kExitOk;
}

// Beside this one.
std::string WorkerProgram() { return (std::filesystem::path(OwnProgram()).parent_path() / "amaes-worker").string(); }

absl::StatusOr<int> Coordinate(Context& context, const ServiceFlags& flags) {
  CoordinatorOptions options;
  options.home = ResolveHome(context.home_flag);
  options.listen = flags.listen;
  options.http = flags.http;
  options.insecure = flags.insecure;
  options.engine.check_script = CheckScriptsWith(WorkerProgram(), absl::Minutes(5));
  StopToken stop;
  options.stop = &stop;
  options.handle_signals = false;
  const Interrupts::Scope on_signal(context.interrupts(), [&stop] { stop.Request(); });
  AMAES_RETURN_IF_ERROR(RunCoordinator(options));
  return kExitOk;
}

std::string FreshIncarnation() {
  const auto now = static_cast<std::uint64_t>(absl::ToUnixNanos(SystemClock().Now()));
  RandomStream stream(now, Purpose::kPassOrder, static_cast<std::uint64_t>(getpid()));
  return absl::StrFormat("%016x", stream.NextUint64());
}

absl::StatusOr<int> RunNodeAgent(Context& context, const ServiceFlags& flags) {
  const Inventory inventory = TakeInventory();
  AgentOptions options;
  AMAES_ASSIGN_OR_RETURN(options.node.slots, ChooseSlots(flags.slots, inventory));
  options.node.node = NodeId(flags.node.empty() ? HostName() : flags.node);
  options.node.incarnation = Incarnation(FreshIncarnation());
  options.node.address = flags.bind;
  options.node.version = kProgramVersion;
  options.node.cores = inventory.cores;
  options.node.memory_bytes = inventory.memory_bytes;
  options.coordinator = ResolveCoordinator(context.coordinator_flag, ResolveHome(context.home_flag));
  const std::filesystem::path own = OwnProgram();
  options.pretrain_command = {WorkerProgram()};
  options.ingest_command = {own.string(), "ingest-worker"};
  options.cores_per_slot = CoresPerSlot(inventory, options.node.slots.size());
  AMAES_RETURN_IF_ERROR(RunAgent(options, SystemClock(), context.interrupts().stop()));
  return kExitOk;
}

void AddListenFlags(CLI::App& command, ServiceFlags& flags) {
  command.add_option("--listen", flags.listen, "HOST:PORT of the API; port 0 = any free one")->capture_default_str();
  command.add_option("--http", flags.http, "HOST:PORT of status page and metrics")->capture_default_str();
  command.add_flag("--insecure", flags.insecure, "Allow an address beyond loopback although nothing is encrypted");
}

}  // namespace

void AddServiceCommands(CLI::App& app, Context& context) {
  auto flags = std::make_shared<ServiceFlags>();
  {
    CLI::App* command = AddCommand(app, "up", "Starts coordinator and agent on this machine and keeps them up",
                                   "amaes up --home /data/amaes --slots auto");
    command->add_option("--slots", flags->slots, "auto: one per GPU, or else one per core (at most 8); N: N CPU slots")
        ->capture_default_str();
    AddListenFlags(*command, *flags);
    context.OnRun(command, [&context, flags] { return Up(context, *flags); });
  }
  AddRunCommand(app, context);
  {
    CLI::App* command = AddCommand(app, "coordinator", "Runs the coordinator by itself",
                                   "amaes coordinator --home /data/amaes --listen 127.0.0.1:7070");
    AddListenFlags(*command, *flags);
    context.OnRun(command, [&context, flags] { return Coordinate(context, *flags); });
  }
  {
    CLI::App* command = AddCommand(app, "agent", "Runs a node's agent by itself",
                                   "amaes agent --coordinator 10.0.0.5:7070 --bind 10.0.0.7");
    command->add_option("--slots", flags->slots, "auto, or a number of CPU slots")->capture_default_str();
    command->add_option("--node", flags->node, "Name of this node; default: the host's name");
    command->add_option("--bind", flags->bind, "Address that workers of other nodes can reach")->capture_default_str();
    context.OnRun(command, [&context, flags] { return RunNodeAgent(context, *flags); });
  }
  CLI::App* worker = app.add_subcommand("ingest-worker", "Worker of an ingest job; started by the agent")->group("");
  worker->callback([] { _exit(RunIngestWorker({OwnProgram(), "ingest-child"})); });
  CLI::App* child = app.add_subcommand("ingest-child", "Reads one scan; started by an ingest worker")->group("");
  child->callback([] { _exit(RunIngestChild()); });
}

}  // namespace amaes
