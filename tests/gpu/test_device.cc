#include "tests/gpu/test_device.h"

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/worker/device.h"

namespace amaes {

absl::StatusOr<c10::Device> OpenDevice(const std::string& name, std::int64_t threads, bool deterministic) {
  if (name != "cpu" && name != "gpu")
    return absl::InvalidArgumentError(absl::StrCat("device '", name, "' is neither cpu nor gpu"));
  PretrainSpec spec;
  spec.threads_per_worker = threads;
  spec.deterministic = deterministic;
  return PrepareDevice(spec, name == "gpu" ? 0 : -1);
}

absl::StatusOr<c10::Device> TestDevice() {
  const char* const value = std::getenv("AMAES_TEST_DEVICE");
  const std::string name = value == nullptr ? "cpu" : value;
  if (name == "cpu") return c10::Device(c10::kCPU);  // as the program is
  return OpenDevice(name, /*threads=*/1, /*deterministic=*/true);
}

}  // namespace amaes
