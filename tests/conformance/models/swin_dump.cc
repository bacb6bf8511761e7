// What test_swin_unetr_yucca.py compares with MONAI and PyTorch, as safetensors: SwinUNETR with each of its decoders.
// Usage: swin_dump FOLDER
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/rng.h"
#include "libs/base/status_macros.h"
#include "libs/checkpoint/safetensors.h"
#include "libs/collective/make_communicator.h"
#include "libs/models/swin_unetr.h"
#include "libs/models/torch_errors.h"
#include "libs/train/adamw.h"
#include "libs/train/gradient_buckets.h"

namespace amaes {
namespace {

using Tensors = std::vector<NamedTensor>;
namespace fs = std::filesystem;

constexpr int kSteps = 10;
constexpr double kLearningRate = 1e-3;
const Shape3 kCube{64, 64, 64};
const Shape3 kTwo{32, 64, 32};  // the smallest that MONAI takes: its double is slow

// Uniform in [0, 1), float64.
at::Tensor RandomVolume(const Shape3& patch, std::uint64_t number) {
  at::Tensor volume = at::empty({1, 1, patch[0], patch[1], patch[2]}, at::kDouble);
  RandomStream stream(11, Purpose::kPhantom, number);
  for (std::int64_t i = 0; i < volume.numel(); ++i) volume.mutable_data_ptr<double>()[i] = stream.UniformDouble();
  return volume;
}

absl::Status Write(const fs::path& path, const Tensors& tensors) {
  std::vector<at::Tensor> kept;
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : tensors) {
    kept.push_back(tensor.detach().contiguous());
    const TensorType type = tensor.scalar_type() == at::kLong     ? TensorType::kI64
                            : tensor.scalar_type() == at::kDouble ? TensorType::kF64
                                                                  : TensorType::kF32;
    views.push_back({.name = name, .type = type, .shape = tensor.sizes().vec(),
                     .bytes = absl::string_view(static_cast<const char*>(kept.back().const_data_ptr()), kept.back().nbytes())});
  }
  return WriteSafetensors(path, views, {{"format", "pt"}});
}

absl::Status WriteModel(const fs::path& path, const Network& network) {
  Tensors all = network.parameters();
  all.insert(all.end(), network.buffers().begin(), network.buffers().end());
  return Write(path, all);
}

// One forward and backward pass, in the network's type. The loss is the mean square of every output.
Tensors Pass(const Network& network, const Shape3& patch) {
  const at::Tensor input = RandomVolume(patch, 0).to(network.parameters().front().tensor.scalar_type());
  Tensors result;
  if (const auto* heads = dynamic_cast<const SwinPretrainingNetwork*>(&network)) {
    const SwinHeadOutputs outputs = heads->ForwardHeads(input);
    result = {{"rotation", outputs.rotation}, {"contrastive", outputs.contrastive}, {"reconstruction", outputs.reconstruction}};
  } else {
    result = {{"output", network.Forward(input)}};
  }
  at::Tensor loss = at::zeros({}, input.options());
  for (const NamedTensor& output : result) loss = loss + (output.tensor - 0.5).square().mean();
  loss.backward();
  result.push_back({"input", input});
  result.push_back({"loss", loss});
  for (const auto& [name, tensor] : network.parameters()) {
    result.push_back({"gradient." + name, tensor.grad().clone()});
    tensor.mutable_grad().reset();
  }
  return result;
}

// Ten steps of AdamW in double, each on a patch of its own, and their losses.
absl::StatusOr<Tensors> Train(const Network& network) {
  std::vector<std::int64_t> sizes;
  for (const NamedTensor& parameter : network.parameters()) sizes.push_back(parameter.tensor.numel());
  const std::vector<BucketPlan> plan = PlanBuckets(sizes, BucketOptions{});
  const std::unique_ptr<Communicator> communicator = MakeSingleCommunicator();
  AdamW optimizer(network.parameters(), plan, AdamWOptions{});
  GradientBuckets buckets(network.parameters(), plan, *communicator, {});
  Tensors result;
  std::vector<at::Tensor> losses;
  for (int step = 0; step < kSteps; ++step) {
    buckets.BeginStep(step + 1);
    buckets.ExpectLastBackward();
    const at::Tensor input = RandomVolume(kTwo, 2 * step), target = RandomVolume(kTwo, 2 * step + 1);
    const at::Tensor loss = (network.Forward(input) - target).square().mean();
    loss.backward();
    AMAES_RETURN_IF_ERROR(buckets.FinishBackward());
    AMAES_RETURN_IF_ERROR(buckets.Wait());
    optimizer.Step(buckets.flat(), kLearningRate, step + 1, at::full({}, 1.0f), at::full({}, 0.0f));
    losses.push_back(loss.detach());
    result.push_back({absl::StrCat("input", step), input});
    result.push_back({absl::StrCat("target", step), target});
  }
  result.push_back({"losses", at::stack(losses)});
  return result;
}

absl::Status DumpSmall(const fs::path& folder, const std::string& name, Decoder decoder) {
  const std::unique_ptr<Network> network = MakeSwinUnetr(
      {.name = "swin_unetr", .filters = 12, .seed = 3, .out_channels = decoder == Decoder::kStandard ? 2 : 1, .decoder = decoder});
  AMAES_RETURN_IF_ERROR(WriteModel(folder / (name + "-model.safetensors"), *network));
  AMAES_RETURN_IF_ERROR(Write(folder / (name + "-float.safetensors"), Pass(*network, kTwo)));
  network->To(at::kCPU, at::kDouble);
  AMAES_RETURN_IF_ERROR(Write(folder / (name + "-double.safetensors"), Pass(*network, kTwo)));
  if (decoder != Decoder::kStandard) return absl::OkStatus();
  AMAES_ASSIGN_OR_RETURN(const Tensors steps, Train(*network));
  return Write(folder / (name + "-steps.safetensors"), steps);
}

absl::Status Dump(const fs::path& folder) {
  AMAES_RETURN_IF_ERROR(DumpSmall(folder, "segmentation", Decoder::kStandard));
  AMAES_RETURN_IF_ERROR(DumpSmall(folder, "masked", Decoder::kLight));
  AMAES_RETURN_IF_ERROR(DumpSmall(folder, "heads", Decoder::kHeads));
  const std::unique_ptr<Network> full =
      MakeSwinUnetr({.name = "swin_unetr", .filters = 48, .seed = 4, .out_channels = 2, .decoder = Decoder::kStandard});
  AMAES_RETURN_IF_ERROR(WriteModel(folder / "full-model.safetensors", *full));
  const at::Tensor input = RandomVolume(kCube, 0).to(at::kFloat);
  const c10::AutoGradMode no_gradients(false);
  return Write(folder / "full-float.safetensors", {{"input", input}, {"output", full->Forward(input)}});
}

}  // namespace
}  // namespace amaes

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: swin_dump FOLDER\n");
    return 2;
  }
  absl::Status status;
  const absl::Status thrown = amaes::CatchTorch("swin_dump", [&] { status = amaes::Dump(argv[1]); });
  status.Update(thrown);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
