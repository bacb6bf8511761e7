// Where torch's exceptions end: no exception leaves a library.
#pragma once

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace amaes {

// Calls `work`; an exception becomes a Status that begins with `place`.
//   - ResourceExhausted: out of memory, on the host or the GPU.   - Internal: any other error of the tensor library.
absl::Status CatchTorch(absl::string_view place, absl::FunctionRef<void()> work);

}  // namespace amaes
