// node ls, version, completion
#include <iostream>

#include "absl/strings/str_cat.h"
#include "libs/base/format.h"
#include "libs/base/status_macros.h"
#include "libs/base/version.h"
#include "proto/amaes/v1/nodes.grpc.pb.h"
#include "services/cli/completion.h"
#include "services/cli/context.h"
#include "services/cli/exit_codes.h"
#include "services/cli/output.h"

namespace amaes {
namespace {

absl::StatusOr<int> ListNodes(Context& context) {
  const auto stub = context.Stub<v1::NodeService>();
  AMAES_ASSIGN_OR_RETURN(const v1::ListNodesResponse response,
                         Call(*stub, &v1::NodeService::Stub::ListNodes, v1::ListNodesRequest()));
  if (context.json()) {
    std::cout << ToJson(response);
    return kExitOk;
  }
  std::vector<std::vector<std::string>> rows;
  for (const v1::Node& node : response.nodes()) {
    for (const v1::Slot& slot : node.slots()) {
      rows.push_back({node.name(), node.state(), absl::StrCat(slot.index()),
                      slot.model().empty() ? slot.device() : slot.model(), FormatBytes(slot.memory_bytes()),
                      slot.job().empty() ? "free" : absl::StrCat(slot.job(), " rank ", slot.rank()),
                      FormatTime(node.heartbeat_time())});
    }
  }
  std::cout << FormatTable({"NODE", "STATE", "SLOT", "DEVICE", "MEMORY", "RUNS", "HEARTBEAT"}, rows);
  return kExitOk;
}

}  // namespace

void AddNodeCommands(CLI::App& app, Context& context) {
  CLI::App* nodes = AddCommand(app, "node", "Nodes and their slots", "amaes node ls");
  nodes->require_subcommand(1);
  CLI::App* command = AddCommand(*nodes, "ls", "Lists nodes, slots and what runs on them", "amaes node ls");
  context.OnRun(command, [&context] { return ListNodes(context); });
}

void AddOtherCommands(CLI::App& app, Context& context) {
  CLI::App* version = AddCommand(app, "version", "Prints the version", "amaes version --output json");
  context.OnRun(version, [&context]() -> absl::StatusOr<int> {
    if (context.json()) {
      std::cout << "{\"version\": \"" << kProgramVersion << "\", \"compiler\": \"" << __VERSION__ << "\"}\n";
    } else {
      std::cout << kSoftware << "\n";
    }
    return kExitOk;
  });
  CLI::App* completion = AddCommand(app, "completion", "Prints a completion script for your shell",
                                    "amaes completion bash > /etc/bash_completion.d/amaes");
  auto shell = std::make_shared<std::string>();
  completion->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  context.OnRun(completion, [&app, shell]() -> absl::StatusOr<int> {
    std::cout << CompletionScript(app, *shell);
    return kExitOk;
  });
}

}  // namespace amaes
