// What every command has: global flags, the connection, how to print.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/rpc/client.h"
#include "services/cli/interrupts.h"

namespace amaes {

class Context {
 public:
  explicit Context(Interrupts& interrupts) : interrupts_(interrupts) {}

  std::string output = "table";  // or json
  std::string coordinator_flag, home_flag;

  bool json() const { return output == "json"; }
  Interrupts& interrupts() { return interrupts_; }
  // A stub of one of the API's services, over one shared connection.
  template <typename Service>
  std::unique_ptr<typename Service::Stub> Stub() {
    return Service::NewStub(channel());
  }

  // Runs when the command line has been read and names `command`. What it returns becomes the exit code; a status becomes an
  // error message and its code.
  void OnRun(CLI::App* command, std::function<absl::StatusOr<int>()> run);
  int exit_code() const { return exit_code_; }

 private:
  std::shared_ptr<grpc::Channel> channel();

  Interrupts& interrupts_;
  std::shared_ptr<grpc::Channel> channel_;
  int exit_code_ = 0;
};

// A subcommand with its text and an example; global options may follow it.
CLI::App* AddCommand(CLI::App& parent, const std::string& name, const std::string& text, const std::string& example);

// Each adds its commands to the tree.
void AddServiceCommands(CLI::App& app, Context& context);     // up, coordinator, agent, and the hidden workers
void AddRunCommand(CLI::App& app, Context& context);          // run
void AddDatasetCommands(CLI::App& app, Context& context);     // dataset, phantom
void AddSubmitCommand(CLI::App& app, Context& context);       // submit
void AddJobCommands(CLI::App& app, Context& context);         // job
void AddExperimentCommands(CLI::App& app, Context& context);  // experiment
void AddCheckpointCommands(CLI::App& app, Context& context);  // ckpt
void AddNodeCommands(CLI::App& app, Context& context);        // node
void AddOtherCommands(CLI::App& app, Context& context);       // version, completion

}  // namespace amaes
