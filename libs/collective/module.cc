#include "libs/collective/module.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/base/subprocess.h"

namespace amaes {

namespace {

absl::StatusOr<void*> OpenModule(absl::string_view file, int flags) {
  std::vector<std::string> folders;
  if (const char* given = std::getenv("AMAES_MODULE_DIR"); given != nullptr && *given != '\0') {
    folders.push_back(given);
  } else {
    const std::filesystem::path beside = std::filesystem::path(OwnProgram()).parent_path();
    folders = {beside.string(), (beside.parent_path() / "lib").string()};
  }
  for (const std::string& folder : folders) {
    const std::filesystem::path path = std::filesystem::path(folder) / std::string(file);
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) continue;
    if (void* module = dlopen(path.c_str(), flags)) return module;
    return absl::FailedPreconditionError(absl::StrCat("module ", file, " does not load: ", dlerror()));
  }
  return absl::NotFoundError(
      absl::StrCat("no module ", file, " in ", absl::StrJoin(folders, " or "), "; set AMAES_MODULE_DIR to its folder"));
}

absl::Status CheckOptions(const CommunicatorOptions& options) {
  if (options.world_size < 1 || options.rank < 0 || options.rank >= options.world_size) {
    return absl::InvalidArgumentError(
        absl::StrCat("communicator: rank ", options.rank, " of world size ", options.world_size));
  }
  if (options.start_timeout <= absl::ZeroDuration() || options.collective_timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("communicator: timeouts must be positive");
  }
  return absl::OkStatus();
}

void LogModuleError(absl::string_view message) { LogError("collective", message); }

}  // namespace

absl::StatusOr<std::unique_ptr<Communicator>> MakeFromModule(absl::string_view file, const char* factory, int flags,
                                                             const CommunicatorOptions& options,
                                                             RendezvousStore& store) {
  AMAES_RETURN_IF_ERROR(CheckOptions(options));
  AMAES_ASSIGN_OR_RETURN(void* const module, OpenModule(file, flags));
  void* const address = dlsym(module, factory);
  if (address == nullptr) return absl::FailedPreconditionError(absl::StrCat("module ", file, " without ", factory));
  const ModuleHost host{&SystemClock(), &LogModuleError};
  absl::StatusOr<std::unique_ptr<Communicator>> out = absl::InternalError("factory set nothing");
  reinterpret_cast<CommunicatorFactory*>(address)(host, options, store, out);
  return out;
}

}  // namespace amaes
