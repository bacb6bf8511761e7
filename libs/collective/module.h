// Modules: shared objects that the program opens only when it needs them. They are never closed.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/collective/communicator.h"

namespace amaes {

// What a communicator module exports, as extern "C". C++ types cross: program and modules come from one build.
using CommunicatorFactory = void(const CommunicatorOptions& options, RendezvousStore& store,
                                 absl::StatusOr<std::unique_ptr<Communicator>>& out);

constexpr char kGlooModule[] = "libamaes_gloo.so";
constexpr char kGlooFactory[] = "amaes_make_gloo_communicator";
constexpr char kCudaModule[] = "libamaes_cuda.so";
constexpr char kNcclFactory[] = "amaes_make_nccl_communicator";

// Opens a module with dlopen's `flags`: in $AMAES_MODULE_DIR if that is set, else beside the program, else in ../lib.
//   - NotFound: no such file; the message names the folders.   - FailedPrecondition: it does not load, with the reason.
absl::StatusOr<void*> OpenModule(absl::string_view file, int flags);

// The factory called `symbol` in an open module.   - FailedPrecondition: it has none.
absl::StatusOr<CommunicatorFactory*> FindFactory(void* module, const char* symbol);

// Checks that hold for every kind.   - InvalidArgument.
absl::Status CheckOptions(const CommunicatorOptions& options);

}  // namespace amaes
