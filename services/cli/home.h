// AMAES_HOME: where a machine keeps its store, volumes, datasets, jobs and run-time files.
#pragma once

#include <filesystem>
#include <string>

namespace amaes {

// --home, or AMAES_HOME, or $XDG_DATA_HOME/amaes, or ~/.local/share/amaes. Absolute.
std::filesystem::path ResolveHome(const std::string& flag);

// --coordinator, or AMAES_COORDINATOR, or the one that runs in the home, or 127.0.0.1:7070.
std::string ResolveCoordinator(const std::string& flag, const std::filesystem::path& home);

}  // namespace amaes
