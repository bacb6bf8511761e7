#include "libs/collective/module.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/subprocess.h"

namespace amaes {

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

absl::StatusOr<CommunicatorFactory*> FindFactory(void* module, const char* symbol) {
  void* address = dlsym(module, symbol);
  if (address == nullptr) return absl::FailedPreconditionError(absl::StrCat("module without ", symbol));
  return reinterpret_cast<CommunicatorFactory*>(address);
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

}  // namespace amaes
