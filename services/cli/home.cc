#include "services/cli/home.h"

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"

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

absl::StatusOr<RunningCoordinator> ReadRunningCoordinator(const std::filesystem::path& home) {
  const std::filesystem::path path = home / "run" / "coordinator.json";
  AMAES_ASSIGN_OR_RETURN(const std::string text, files::Read(path, 1 << 16));
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  const auto is = [&](const char* key, bool (nlohmann::json::*type)() const noexcept) {
    return json.is_object() && json.contains(key) && (json[key].*type)();
  };
  if (!is("grpc", &nlohmann::json::is_string) || !is("http", &nlohmann::json::is_string) ||
      !is("pid", &nlohmann::json::is_number_integer)) {
    return absl::DataLossError(absl::StrCat(path.string(), " cannot be read"));
  }
  return RunningCoordinator{json["grpc"].get<std::string>(), json["http"].get<std::string>(), json["pid"].get<int>()};
}

std::string ResolveCoordinator(const std::string& flag, const std::filesystem::path& home) {
  if (!flag.empty()) return flag;
  if (std::string address = Environment("AMAES_COORDINATOR"); !address.empty()) return address;
  if (const auto running = ReadRunningCoordinator(home); running.ok()) return running->grpc;
  return "127.0.0.1:7070";
}

}  // namespace amaes
