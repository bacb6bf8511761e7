#include <dlfcn.h>

#include <memory>

#include "libs/collective/make_communicator.h"
#include "libs/collective/module.h"

namespace amaes {

// Without DEEPBIND: this module is meant to share LibTorch with the program.
absl::StatusOr<std::unique_ptr<Communicator>> MakeNcclCommunicator(const CommunicatorOptions& options,
                                                                   RendezvousStore& store) {
  return MakeFromModule(kCudaModule, kNcclFactory, RTLD_NOW | RTLD_LOCAL, options, store);
}

}  // namespace amaes
