#include <dlfcn.h>

#include <memory>

#include "libs/base/status_macros.h"
#include "libs/collective/make_communicator.h"
#include "libs/collective/module.h"

namespace amaes {

namespace {
// LibTorch exports Gloo symbols of another version; DEEPBIND makes the module see its own library first. Sanitizers refuse
// DEEPBIND: their builds link libgloo before LibTorch instead (AMAES_GLOO_LINKED).
#ifdef AMAES_GLOO_LINKED
constexpr int kOpenFlags = RTLD_NOW | RTLD_LOCAL;
#else
constexpr int kOpenFlags = RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND;
#endif
}  // namespace

absl::StatusOr<std::unique_ptr<Communicator>> MakeGlooCommunicator(const CommunicatorOptions& options,
                                                                   RendezvousStore& store) {
  AMAES_RETURN_IF_ERROR(CheckOptions(options));
  AMAES_ASSIGN_OR_RETURN(void* module, OpenModule(kGlooModule, kOpenFlags));
  AMAES_ASSIGN_OR_RETURN(CommunicatorFactory * factory, FindFactory(module, kGlooFactory));
  absl::StatusOr<std::unique_ptr<Communicator>> out = absl::InternalError("factory set nothing");
  factory(options, store, out);
  return out;
}

}  // namespace amaes
