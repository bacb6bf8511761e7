// AMAES_HOME: where a machine keeps its store, volumes, datasets, jobs and run-time files.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"

namespace amaes {

// --home, or AMAES_HOME, or $XDG_DATA_HOME/amaes, or ~/.local/share/amaes. Absolute.
std::filesystem::path ResolveHome(const std::string& flag);

// What a running coordinator wrote to HOME/run/coordinator.json.
struct RunningCoordinator {
  std::string grpc;  // HOST:PORT
  std::string http;
  int pid = 0;
};
// - NotFound: none has run there.   - DataLoss: the file cannot be read.
absl::StatusOr<RunningCoordinator> ReadRunningCoordinator(const std::filesystem::path& home);

// --coordinator, or AMAES_COORDINATOR, or the one that runs in the home, or 127.0.0.1:7070.
std::string ResolveCoordinator(const std::string& flag, const std::filesystem::path& home);

}  // namespace amaes
