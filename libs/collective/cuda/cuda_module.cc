// What the module libamaes_cuda.so exports. Operators need no export: they register themselves when it is opened.
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include "libs/base/status_macros.h"
#include "libs/collective/cuda/nccl_loader.h"
#include "libs/collective/module.h"
#include "libs/collective/nccl_communicator.h"

namespace amaes {

namespace {

absl::StatusOr<std::unique_ptr<Communicator>> Make(const ModuleHost& host, const CommunicatorOptions& options,
                                                   RendezvousStore& store) {
  NcclEnvironment environment;
  AMAES_ASSIGN_OR_RETURN(environment.api, LoadNcclApi(options.device_index));
  environment.clock = host.clock;
  environment.pause = [] { std::this_thread::sleep_for(std::chrono::microseconds(20)); };
  environment.log_error = host.log_error;
  return NcclCommunicator::Create(options, store, std::move(environment));
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void amaes_make_nccl_communicator(
    const ModuleHost& host, const CommunicatorOptions& options, RendezvousStore& store,
    absl::StatusOr<std::unique_ptr<Communicator>>& out) {
  out = Make(host, options, store);
}

}  // namespace amaes
