// Modules: shared objects that the program opens only when it needs them. They are never closed.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/base/clock.h"
#include "libs/collective/communicator.h"

namespace amaes {

// What a module uses of the program, instead of linking it a second time. Outlives the communicators.
struct ModuleHost {
  Clock* clock;
  void (*log_error)(absl::string_view message);
};

// What a communicator module exports, as extern "C". C++ types cross: program and modules come from one build.
using CommunicatorFactory = void(const ModuleHost& host, const CommunicatorOptions& options, RendezvousStore& store,
                                 absl::StatusOr<std::unique_ptr<Communicator>>& out);

constexpr char kGlooModule[] = "libamaes_gloo.so";
constexpr char kGlooFactory[] = "amaes_make_gloo_communicator";
constexpr char kCudaModule[] = "libamaes_cuda.so";
constexpr char kNcclFactory[] = "amaes_make_nccl_communicator";

// Opens a module with dlopen's `flags`, in $AMAES_MODULE_DIR if that is set, else beside the program, else in ../lib,
// and makes a communicator with its `factory`.
//   - InvalidArgument: bad options.   - NotFound: no such file; the message names the folders.
//   - FailedPrecondition: it does not load, with the reason.   - Errors of the factory.
absl::StatusOr<std::unique_ptr<Communicator>> MakeFromModule(absl::string_view file, const char* factory, int flags,
                                                             const CommunicatorOptions& options,
                                                             RendezvousStore& store);

}  // namespace amaes
