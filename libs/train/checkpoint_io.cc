#include "libs/train/checkpoint_io.h"

#include <ATen/ops/from_blob.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/status_macros.h"
#include "libs/checkpoint/safetensors.h"
#include "libs/models/torch_errors.h"

namespace amaes {
namespace {

constexpr char kFirst[] = "exp_avg.";
constexpr char kSecond[] = "exp_avg_sq.";

// Numbers are float32 in a file, indices (buffers of some networks) int64.
at::ScalarType FileType(const at::Tensor& tensor) { return tensor.is_floating_point() ? at::kFloat : at::kLong; }
TensorType NameOf(at::ScalarType type) { return type == at::kFloat ? TensorType::kF32 : TensorType::kI64; }

at::Tensor HostCopy(const at::Tensor& tensor) {
  return tensor.detach().to(at::kCPU, FileType(tensor), /*non_blocking=*/false, /*copy=*/true).contiguous();
}

std::vector<TensorView> Views(const std::vector<NamedTensor>& tensors) {
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : tensors) {
    const auto* bytes = static_cast<const char*>(tensor.const_data_ptr());
    views.push_back({.name = name,
                     .type = NameOf(tensor.scalar_type()),
                     .shape = tensor.sizes().vec(),
                     .bytes = absl::string_view(bytes, tensor.nbytes())});
  }
  return views;
}

std::vector<std::int64_t> Sizes(const std::vector<NamedTensor>& tensors) {
  std::vector<std::int64_t> sizes;
  for (const NamedTensor& tensor : tensors) sizes.push_back(tensor.tensor.numel());
  return sizes;
}

// Where every tensor of a checkpoint goes.
std::map<std::string, at::Tensor> ModelTargets(const Network& network) {
  std::map<std::string, at::Tensor> targets;
  for (const auto* tensors : {&network.parameters(), &network.buffers()}) {
    for (const auto& [name, tensor] : *tensors) targets.emplace(name, tensor.detach());
  }
  return targets;
}

std::map<std::string, at::Tensor> OptimizerTargets(const AdamW& optimizer) {
  std::map<std::string, at::Tensor> targets;
  for (const auto& [name, tensor] : optimizer.first_moments()) targets.emplace(kFirst + name, tensor);
  for (const auto& [name, tensor] : optimizer.second_moments()) targets.emplace(kSecond + name, tensor);
  return targets;
}

// One entry per target of what does not fit; empty = everything does.
std::vector<std::string> Mismatches(const std::vector<SafetensorsFile>& files,
                                    const std::map<std::string, at::Tensor>& targets) {
  std::vector<std::string> problems;
  std::map<std::string, int> seen;
  for (const SafetensorsFile& file : files) {
    for (const TensorView& view : file.tensors) {
      const auto target = targets.find(view.name);
      if (target == targets.end()) {
        problems.push_back(absl::StrCat(view.name, " is unknown to this network"));
      } else if (target->second.sizes() != at::IntArrayRef(view.shape)) {
        problems.push_back(absl::StrCat(view.name, " is [", absl::StrJoin(view.shape, ", "), "], not [",
                                        absl::StrJoin(target->second.sizes(), ", "), "]"));
      } else if (const TensorType type = NameOf(FileType(target->second)); view.type != type) {
        problems.push_back(absl::StrCat(view.name, " is ", TensorTypeName(view.type), ", not ", TensorTypeName(type)));
      } else if (++seen[view.name] > 1) {
        problems.push_back(absl::StrCat(view.name, " is there twice"));
      }
    }
  }
  for (const auto& [name, tensor] : targets) {
    if (!seen.contains(name)) problems.push_back(absl::StrCat(name, " is missing"));
  }
  return problems;
}

absl::Status CheckFits(const std::vector<SafetensorsFile>& files, const std::map<std::string, at::Tensor>& targets) {
  std::vector<std::string> problems = Mismatches(files, targets);
  if (problems.empty()) return absl::OkStatus();
  const std::size_t count = problems.size();
  if (count > 5) problems.resize(5);
  return absl::FailedPreconditionError(
      absl::StrCat("the checkpoint does not fit the network: ", count,
                   count == 1 ? " tensor: " : " tensors: ", absl::StrJoin(problems, "; ")));
}

void Copy(const std::vector<SafetensorsFile>& files, std::map<std::string, at::Tensor>& targets) {
  const c10::AutoGradMode no_gradients(false);
  for (const SafetensorsFile& file : files) {
    for (const TensorView& view : file.tensors) {
      // from_blob takes no pointer to const; copy_ only reads it.
      void* data = const_cast<char*>(view.bytes.data());
      at::Tensor& target = targets.at(view.name);
      target.copy_(at::from_blob(data, view.shape, FileType(target)));
    }
  }
}

}  // namespace

std::string OptimizerFile(int rank, int world_size) {
  return absl::StrCat("optimizer-", rank, "-of-", world_size, ".safetensors");
}

std::vector<int> OptimizerOwners(absl::Span<const std::int64_t> sizes, int world_size) {
  std::int64_t total = 0;
  for (const std::int64_t size : sizes) total += size;
  std::vector<int> owners;
  std::int64_t before = 0;
  for (const std::int64_t size : sizes) {
    // By the middle of the tensor, so that a large one goes where most of it belongs.
    const double middle = static_cast<double>(before) + static_cast<double>(size) / 2;
    const int owner = static_cast<int>(middle * world_size / static_cast<double>(total));
    owners.push_back(std::min(owner, world_size - 1));
    before += size;
  }
  return owners;
}

absl::StatusOr<CheckpointShare> CopyShare(const Network& network, const AdamW& optimizer, const WeightAverage* average,
                                          int rank, int world_size) {
  CheckpointShare share{.rank = rank, .world_size = world_size, .model = {}, .average = {}, .optimizer = {}};
  const std::vector<int> owners = OptimizerOwners(Sizes(optimizer.first_moments()), world_size);
  AMAES_RETURN_IF_ERROR(CatchTorch("copy for a checkpoint", [&] {
    for (const auto* tensors : {&network.parameters(), &network.buffers()}) {
      if (rank != 0) break;
      for (const auto& [name, tensor] : *tensors) share.model.push_back({name, HostCopy(tensor)});
    }
    if (rank == 0 && average != nullptr) {
      for (const auto& [name, tensor] : average->weights()) share.average.push_back({name, HostCopy(tensor)});
      for (const auto& [name, tensor] : network.buffers()) share.average.push_back({name, HostCopy(tensor)});
    }
    for (std::size_t i = 0; i < owners.size(); ++i) {
      if (owners[i] != rank) continue;
      const auto& [name, first] = optimizer.first_moments()[i];
      share.optimizer.push_back({kFirst + name, HostCopy(first)});
      share.optimizer.push_back({kSecond + name, HostCopy(optimizer.second_moments()[i].tensor)});
    }
  }));
  return share;
}

absl::StatusOr<std::vector<CheckpointFile>> WriteShare(const std::filesystem::path& folder,
                                                       const CheckpointShare& share) {
  std::vector<CheckpointFile> files;
  const auto write = [&](const std::string& name, const std::vector<NamedTensor>& tensors) -> absl::Status {
    AMAES_RETURN_IF_ERROR(WriteSafetensors(folder / name, Views(tensors), {{"format", "pt"}}));
    AMAES_ASSIGN_OR_RETURN(CheckpointFile file, DescribeFile(folder / name));
    files.push_back(std::move(file));
    return absl::OkStatus();
  };
  AMAES_RETURN_IF_ERROR(write(OptimizerFile(share.rank, share.world_size), share.optimizer));
  if (share.rank == 0) AMAES_RETURN_IF_ERROR(write(kModelFile, share.model));
  if (!share.average.empty()) AMAES_RETURN_IF_ERROR(write(kAverageFile, share.average));
  return files;
}

absl::Status LoadModel(const std::filesystem::path& file, const Network& network) {
  std::vector<SafetensorsFile> model(1);
  AMAES_ASSIGN_OR_RETURN(model[0], ReadSafetensors(file));
  std::map<std::string, at::Tensor> targets = ModelTargets(network);
  AMAES_RETURN_IF_ERROR(CheckFits(model, targets));
  return CatchTorch("load of a network", [&] { Copy(model, targets); });
}

absl::Status LoadState(const std::filesystem::path& folder, const CheckpointManifest& manifest, const Network& network,
                       const AdamW& optimizer, const WeightAverage* average) {
  std::vector<SafetensorsFile> model, averages, moments;
  for (const CheckpointFile& file : manifest.files) {
    std::vector<SafetensorsFile>* to = nullptr;
    if (file.name == kModelFile) to = &model;
    if (file.name == kAverageFile && average != nullptr) to = &averages;
    if (absl::StartsWith(file.name, "optimizer-")) to = &moments;
    if (to == nullptr) continue;
    AMAES_ASSIGN_OR_RETURN(SafetensorsFile content, ReadSafetensors(folder / file.name));
    to->push_back(std::move(content));
  }
  std::map<std::string, at::Tensor> model_targets = ModelTargets(network);
  std::map<std::string, at::Tensor> moment_targets = OptimizerTargets(optimizer);
  AMAES_RETURN_IF_ERROR(CheckFits(model, model_targets));
  AMAES_RETURN_IF_ERROR(CheckFits(moments, moment_targets));
  std::map<std::string, at::Tensor> average_targets;
  if (average != nullptr) {
    for (const auto& [name, tensor] : average->weights()) average_targets.emplace(name, tensor);
    for (const auto& [name, tensor] : network.buffers()) average_targets.emplace(name, tensor);
    AMAES_RETURN_IF_ERROR(Annotate(CheckFits(averages, average_targets), kAverageFile));
  }
  return CatchTorch("load of a checkpoint", [&] {
    Copy(model, model_targets);
    Copy(moments, moment_targets);
    Copy(averages, average_targets);
  });
}

}  // namespace amaes
