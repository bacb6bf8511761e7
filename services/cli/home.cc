#include "services/cli/home.h"

#include <cstdlib>

#include "services/coordinator/coordinator.h"

namespace amaes {
namespace {

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::filesystem::path ResolveHome(const std::string& flag) {
  std::filesystem::path home = flag;
  if (home.empty()) home = Environment("AMAES_HOME");
  if (home.empty() && !Environment("XDG_DATA_HOME").empty()) home = Environment("XDG_DATA_HOME") + "/amaes";
  if (home.empty()) home = Environment("HOME") + "/.local/share/amaes";
  return std::filesystem::absolute(home).lexically_normal();
}

std::string ResolveCoordinator(const std::string& flag, const std::filesystem::path& home) {
  if (!flag.empty()) return flag;
  if (std::string address = Environment("AMAES_COORDINATOR"); !address.empty()) return address;
  if (const auto running = ReadCoordinatorAddresses(home); running.ok()) return running->grpc;
  return "127.0.0.1:7070";
}

}  // namespace amaes
