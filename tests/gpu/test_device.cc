#include "tests/gpu/test_device.h"

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/worker/device.h"

namespace amaes {

absl::StatusOr<c10::Device> TestDevice() {
  const char* const value = std::getenv("AMAES_TEST_DEVICE");
  const std::string name = value == nullptr ? "cpu" : value;
  if (name == "cpu") return c10::Device(c10::kCPU);
  if (name != "gpu")
    return absl::InvalidArgumentError(absl::StrCat("AMAES_TEST_DEVICE is '", name, "', neither cpu nor gpu"));
  PretrainSpec spec;
  spec.threads_per_worker = 1;
  spec.deterministic = true;
  return PrepareDevice(spec, 0);
}

}  // namespace amaes
