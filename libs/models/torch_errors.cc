#include "libs/models/torch_errors.h"

#include <c10/util/Exception.h>

#include <exception>
#include <new>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace amaes {

absl::Status CatchTorch(absl::string_view place, absl::FunctionRef<void()> work) {
  try {
    work();
    return absl::OkStatus();
  } catch (const c10::OutOfMemoryError& error) {
    return absl::ResourceExhaustedError(absl::StrCat(place, ": out of GPU memory: ", error.what_without_backtrace()));
  } catch (const c10::Error& error) {
    const absl::string_view what = error.what_without_backtrace();
    // The CPU allocator has no exception type of its own.
    if (absl::StrContains(what, "DefaultCPUAllocator")) {
      return absl::ResourceExhaustedError(absl::StrCat(place, ": out of memory: ", what));
    }
    return absl::InternalError(absl::StrCat(place, ": ", what));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(absl::StrCat(place, ": out of memory"));
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat(place, ": ", error.what()));
  }
}

}  // namespace amaes
