// The only file that includes nccl.h.
#include "libs/collective/cuda/nccl_loader.h"

#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <nccl.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/status_macros.h"
#include "libs/collective/cuda/compute_stream.h"

namespace amaes {

namespace {

constexpr int kOldestVersion = NCCL_VERSION(2, 28, 0);

struct Library {
  decltype(&ncclGetVersion) get_version;
  decltype(&ncclGetUniqueId) get_unique_id;
  decltype(&ncclCommInitRankConfig) init;
  decltype(&ncclCommGetAsyncError) get_async_error;
  decltype(&ncclAllReduce) all_reduce;
  decltype(&ncclBroadcast) broadcast;
  decltype(&ncclCommFinalize) finalize;
  decltype(&ncclCommDestroy) destroy;
  decltype(&ncclCommAbort) abort;
  decltype(&ncclGetErrorString) error_string;
  decltype(&ncclGetLastError) last_error;
};

absl::StatusOr<void*> OpenLibrary() {
  constexpr char kFile[] = "libnccl.so.2";
  std::vector<std::string> candidates = {kFile};
  // LibTorch's wheel lies in site-packages/torch/lib, NVIDIA's in site-packages/nvidia/nccl/lib.
  const auto site_packages = std::filesystem::path(TorchLibraryFolder()).parent_path().parent_path();
  candidates.push_back((site_packages / "nvidia" / "nccl" / "lib" / kFile).string());
  candidates.push_back(absl::StrCat("/usr/local/cuda/lib64/", kFile));
  std::vector<std::string> reasons;
  for (const std::string& candidate : candidates) {
    if (void* library = dlopen(candidate.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
    reasons.push_back(dlerror());
  }
  return absl::FailedPreconditionError(absl::StrCat("no NCCL: ", absl::StrJoin(reasons, "; ")));
}

template <typename Function>
absl::Status Find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function != nullptr) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("NCCL without ", name));
}

absl::StatusOr<Library> LoadLibrary() {
  AMAES_ASSIGN_OR_RETURN(void* const opened, OpenLibrary());
  Library nccl;
  AMAES_RETURN_IF_ERROR(Find(opened, "ncclGetVersion", nccl.get_version));
  AMAES_RETURN_IF_ERROR(Find(opened, "ncclGetUniqueId", nccl.get_unique_id));
  AMAES_RETURN_IF_ERROR(Find(opened, "ncclCommInitRankConfig", nccl.init));
  AMAES_RETURN_IF_ERROR(Find(opened, "ncclCommGetAsyncError", nccl.get_async_error));
  AMAES_RETURN_IF_ERROR(Find(opened, "ncclAllReduce", nccl.all_reduce));
  AMAES_RETURN_IF_ERROR(Find(opened, "ncclBroadcast", nccl.broadcast));
  AMAES_RETURN_IF_ERROR(Find(opened, "ncclCommFinalize", nccl.finalize));
  AMAES_RETURN_IF_ERROR(Find(opened, "ncclCommDestroy", nccl.destroy));
  AMAES_RETURN_IF_ERROR(Find(opened, "ncclCommAbort", nccl.abort));
  AMAES_RETURN_IF_ERROR(Find(opened, "ncclGetErrorString", nccl.error_string));
  AMAES_RETURN_IF_ERROR(Find(opened, "ncclGetLastError", nccl.last_error));
  int version = 0;
  if (nccl.get_version(&version) != ncclSuccess || version < kOldestVersion) {
    return absl::FailedPreconditionError(absl::StrCat("NCCL ", version, " is older than ", kOldestVersion));
  }
  return nccl;
}

// In progress counts as success: `ready` tells.
absl::Status FromNccl(const Library& nccl, ncclResult_t result, ncclComm_t comm, absl::string_view what) {
  if (result == ncclSuccess || result == ncclInProgress) return absl::OkStatus();
  const char* const detail = nccl.last_error(comm);
  const std::string text = absl::StrCat(what, ": ", nccl.error_string(result),
                                        detail != nullptr && *detail != '\0' ? absl::StrCat(": ", detail) : "");
  if (result == ncclRemoteError || result == ncclSystemError) return absl::UnavailableError(text);
  return absl::InternalError(text);
}

absl::Status FromCuda(cudaError_t error, absl::string_view what) {
  if (error == cudaSuccess) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(what, ": ", cudaGetErrorString(error)));
}

ncclDataType_t NcclType(DataType type) {
  switch (type) {
    case DataType::kFloat32:
      return ncclFloat32;
    case DataType::kFloat64:
      return ncclFloat64;
    case DataType::kBFloat16:
      return ncclBfloat16;
  }
  return ncclFloat32;
}

void FillCollectives(const Library& nccl, NcclApi& api) {
  api.make_id = [nccl]() -> absl::StatusOr<NcclId> {
    ncclUniqueId made;
    AMAES_RETURN_IF_ERROR(FromNccl(nccl, nccl.get_unique_id(&made), nullptr, "ncclGetUniqueId"));
    NcclId id;
    static_assert(sizeof made == sizeof id);
    std::memcpy(id.data(), &made, sizeof made);
    return id;
  };
  api.init = [nccl](int world_size, const NcclId& id, int rank) -> absl::StatusOr<NcclComm> {
    ncclUniqueId made;
    std::memcpy(&made, id.data(), sizeof made);
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;  // so that the watchdog and the abort can do their work
    ncclComm_t comm = nullptr;
    const ncclResult_t result = nccl.init(&comm, world_size, made, rank, &config);
    AMAES_RETURN_IF_ERROR(FromNccl(nccl, result, nullptr, "ncclCommInitRank"));
    return comm;
  };
  api.ready = [nccl](NcclComm comm) -> absl::StatusOr<bool> {
    const auto typed = static_cast<ncclComm_t>(comm);
    ncclResult_t state = ncclSuccess;
    AMAES_RETURN_IF_ERROR(FromNccl(nccl, nccl.get_async_error(typed, &state), typed, "ncclCommGetAsyncError"));
    AMAES_RETURN_IF_ERROR(FromNccl(nccl, state, typed, "NCCL"));
    return state != ncclInProgress;
  };
  api.all_reduce_sum = [nccl](NcclComm comm, const Buffer& buffer, GpuStream stream) {
    const auto typed = static_cast<ncclComm_t>(comm);
    return FromNccl(nccl,
                    nccl.all_reduce(buffer.data, buffer.data, static_cast<std::size_t>(buffer.count),
                                    NcclType(buffer.type), ncclSum, typed, static_cast<cudaStream_t>(stream)),
                    typed, "ncclAllReduce");
  };
  api.broadcast = [nccl](NcclComm comm, const Buffer& buffer, int root, GpuStream stream) {
    const auto typed = static_cast<ncclComm_t>(comm);
    return FromNccl(nccl,
                    nccl.broadcast(buffer.data, buffer.data, static_cast<std::size_t>(buffer.count),
                                   NcclType(buffer.type), root, typed, static_cast<cudaStream_t>(stream)),
                    typed, "ncclBroadcast");
  };
  api.finalize = [nccl](NcclComm comm) {
    const auto typed = static_cast<ncclComm_t>(comm);
    return FromNccl(nccl, nccl.finalize(typed), typed, "ncclCommFinalize");
  };
  api.destroy = [nccl](NcclComm comm) {
    return FromNccl(nccl, nccl.destroy(static_cast<ncclComm_t>(comm)), nullptr, "ncclCommDestroy");
  };
  api.abort = [nccl](NcclComm comm) {
    return FromNccl(nccl, nccl.abort(static_cast<ncclComm_t>(comm)), nullptr, "ncclCommAbort");
  };
}

void FillStreams(int device_index, NcclApi& api) {
  api.enter_thread = [device_index] { return FromCuda(cudaSetDevice(device_index), "cudaSetDevice"); };
  api.compute_stream = [device_index] { return CurrentComputeStream(device_index); };
  api.make_stream = []() -> absl::StatusOr<GpuStream> {
    int least = 0, greatest = 0;
    AMAES_RETURN_IF_ERROR(FromCuda(cudaDeviceGetStreamPriorityRange(&least, &greatest), "stream priorities"));
    cudaStream_t stream = nullptr;
    AMAES_RETURN_IF_ERROR(
        FromCuda(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, greatest), "cudaStreamCreate"));
    return stream;
  };
  api.free_stream = [](GpuStream stream) { (void)cudaStreamDestroy(static_cast<cudaStream_t>(stream)); };
  api.make_event = []() -> absl::StatusOr<GpuEvent> {
    cudaEvent_t event = nullptr;
    AMAES_RETURN_IF_ERROR(FromCuda(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreate"));
    return event;
  };
  api.free_event = [](GpuEvent event) { (void)cudaEventDestroy(static_cast<cudaEvent_t>(event)); };
  api.record = [](GpuEvent event, GpuStream stream) {
    return FromCuda(cudaEventRecord(static_cast<cudaEvent_t>(event), static_cast<cudaStream_t>(stream)),
                    "cudaEventRecord");
  };
  api.wait_for = [](GpuStream stream, GpuEvent event) {
    return FromCuda(cudaStreamWaitEvent(static_cast<cudaStream_t>(stream), static_cast<cudaEvent_t>(event), 0),
                    "cudaStreamWaitEvent");
  };
  api.done = [](GpuEvent event) -> absl::StatusOr<bool> {
    const cudaError_t state = cudaEventQuery(static_cast<cudaEvent_t>(event));
    if (state == cudaErrorNotReady) return false;
    AMAES_RETURN_IF_ERROR(FromCuda(state, "cudaEventQuery"));
    return true;
  };
}

}  // namespace

absl::StatusOr<NcclApi> LoadNcclApi(int device_index) {
  int devices = 0;
  if (const cudaError_t error = cudaGetDeviceCount(&devices); error != cudaSuccess) {
    return absl::FailedPreconditionError(absl::StrCat("no GPU can be used: ", cudaGetErrorString(error)));
  }
  if (device_index < 0 || device_index >= devices) {
    return absl::FailedPreconditionError(absl::StrCat("no GPU ", device_index, "; this machine has ", devices));
  }
  AMAES_ASSIGN_OR_RETURN(const Library nccl, LoadLibrary());
  NcclApi api;
  FillCollectives(nccl, api);
  FillStreams(device_index, api);
  return api;
}

}  // namespace amaes
