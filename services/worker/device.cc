#include "services/worker/device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <dlfcn.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/base/log.h"
#include "libs/base/status_macros.h"
#include "libs/models/torch_errors.h"
#include "libs/spec/spec_io.h"

namespace amaes {
namespace {

// cuDNN 9.8 … 9.14 compute 3D convolutions in 16 bits wrongly (pytorch/pytorch#163539, #166122).
constexpr long kOldestCudnn = 91500;

// LibTorch's CUDA part registers itself when it is opened. It lies beside the CPU part.
absl::Status OpenTorchCuda() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&at::globalContext), &info) == 0 || info.dli_fname == nullptr) {
    return absl::FailedPreconditionError("GPU: cannot tell where libtorch_cpu.so was loaded from");
  }
  const std::filesystem::path library = std::filesystem::path(info.dli_fname).parent_path() / "libtorch_cuda.so";
  if (dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat("GPU: LibTorch's CUDA part does not load: ", dlerror(),
                                                      "; run ./dev setup --gpu, or use device: cpu"));
  }
  return absl::OkStatus();
}

absl::StatusOr<c10::Device> OpenGpu(const TrainingSpec& spec, int device_index) {
  AMAES_RETURN_IF_ERROR(OpenTorchCuda());
  const c10::Device device(at::kCUDA, static_cast<c10::DeviceIndex>(device_index));
  long cudnn = 0;
  int devices = 0;
  const absl::Status opened = CatchTorch("GPU", [&] {
    at::globalContext().lazyInitDevice(at::kCUDA);
    devices = at::detail::getCUDAHooks().deviceCount();
    cudnn = at::Context::versionRuntimeCuDNN();
    c10::impl::getDeviceGuardImpl(at::kCUDA)->setDevice(device);
  });
  if (!opened.ok()) return absl::FailedPreconditionError(opened.message());
  if (device_index >= devices) {
    return absl::FailedPreconditionError(absl::StrCat("GPU: index ", device_index, ", but there are ", devices));
  }
  if (cudnn < kOldestCudnn) {
    return absl::FailedPreconditionError(absl::StrCat("GPU: cuDNN ", cudnn, " is older than ", kOldestCudnn,
                                                      " and computes 3D convolutions wrongly; run ./dev setup --gpu"));
  }
  at::globalContext().setBenchmarkCuDNN(!spec.deterministic);
  at::globalContext().setAllowTF32CuDNN(false);  // LibTorch's default is on: fp32 means fp32
  LogInfo("worker", "GPU ready", {{"index", device_index}, {"cudnn", cudnn}});
  return device;
}

}  // namespace

absl::StatusOr<c10::Device> PrepareDevice(const TrainingSpec& spec, int device_index) {
  at::set_num_threads(static_cast<int>(spec.threads_per_worker));
  if (at::get_num_interop_threads() != 1) at::set_num_interop_threads(1);  // throws the second time
  if (spec.deterministic) {
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/true);
    at::globalContext().setDeterministicCuDNN(true);
  }
  if (device_index < 0) return c10::Device(at::kCPU);
  return OpenGpu(spec, device_index);
}

absl::Duration CollectiveTimeout(const JobSpec& job, c10::Device device) {
  const TrainingSpec& spec = job.training();
  const double lanes = std::max(1.0, static_cast<double>(spec.global_batch) / static_cast<double>(spec.workers));
  // Two operations each, and the backward pass is two forward passes.
  const double operations =
      6.0 * static_cast<double>(SizeOfNetwork(NetworkOptionsOf(job), spec.patch).multiply_adds) * lanes;
  const double per_second = device.is_cuda() ? 5e12 : 2e10 * static_cast<double>(spec.threads_per_worker);
  return std::max(absl::Seconds(30), absl::Seconds(5 * operations / per_second));
}

}  // namespace amaes
