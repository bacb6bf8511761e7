#include <dlfcn.h>

#include <memory>

#include "libs/collective/make_communicator.h"
#include "libs/collective/module.h"

namespace amaes {

namespace {
// LibTorch exports Gloo symbols of another version; DEEPBIND makes the module see its own library first. Sanitizers
// refuse DEEPBIND: their builds link libgloo before LibTorch instead (AMAES_GLOO_LINKED).
#ifdef AMAES_GLOO_LINKED
constexpr int kOpenFlags = RTLD_NOW | RTLD_LOCAL;
#else
constexpr int kOpenFlags = RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND;
#endif
}  // namespace

absl::StatusOr<std::unique_ptr<Communicator>> MakeGlooCommunicator(const CommunicatorOptions& options,
                                                                   RendezvousStore& store) {
  return MakeFromModule(kGlooModule, kGlooFactory, kOpenFlags, options, store);
}

}  // namespace amaes
