// What test_swin_unetr_yucca.py compares with MONAI and PyTorch, as safetensors: SwinUNETR with each of its decoders.
// Usage: swin_dump FOLDER. Computes where AMAES_TEST_DEVICE says.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/rng.h"
#include "libs/base/status_macros.h"
#include "libs/collective/make_communicator.h"
#include "libs/draws/swin_draws.h"
#include "libs/evaluate/swin_objective.h"
#include "libs/models/swin_unetr.h"
#include "libs/models/torch_errors.h"
#include "libs/train/adamw.h"
#include "libs/train/checkpoint_io.h"
#include "libs/train/gradient_buckets.h"
#include "libs/train/train_step.h"
#include "tests/conformance/models/write_tensors.h"
#include "tests/gpu/test_device.h"

namespace amaes {
namespace {

using Tensors = std::vector<NamedTensor>;
namespace fs = std::filesystem;

constexpr int kSteps = 10;
constexpr double kLearningRate = 1e-3;
const Shape3 kCube{64, 64, 64};
const Shape3 kTwo{64, 32, 32};  // the smallest that MONAI takes: its double is slow

// Uniform in [0, 1), float64.
at::Tensor RandomVolume(const Shape3& patch, std::uint64_t number) {
  at::Tensor volume = at::empty({1, 1, patch[0], patch[1], patch[2]}, at::kDouble);
  RandomStream stream(11, Purpose::kPhantom, number);
  for (std::int64_t i = 0; i < volume.numel(); ++i) volume.mutable_data_ptr<double>()[i] = stream.UniformDouble();
  return volume;
}

Tensors OutputsOf(const Network& network, const at::Tensor& input) {
  if (const auto* heads = dynamic_cast<const SwinPretrainingNetwork*>(&network)) {
    const SwinHeadOutputs outputs = heads->ForwardHeads(input);
    return {{"rotation", outputs.rotation},
            {"contrastive", outputs.contrastive},
            {"reconstruction", outputs.reconstruction}};
  }
  return {{"output", network.Forward(input)}};
}

// One forward and backward pass, in the network's type. The loss is the mean square of every output, from 0.5.
Tensors Pass(const Network& network, const Shape3& patch) {
  const at::Tensor input = RandomVolume(patch, 0).to(network.parameters().front().tensor.options());
  Tensors result = OutputsOf(network, input);
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

// Ten steps of AdamW in double, each on a patch of its own, and their losses: the mean square of every output, a volume's from the
// target, a vector's from 0.5.
absl::StatusOr<Tensors> Train(const Network& network) {
  const at::TensorOptions options = network.parameters().front().tensor.options();
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
    const at::Tensor input = RandomVolume(kTwo, 2 * step).to(options);
    const at::Tensor target = RandomVolume(kTwo, 2 * step + 1).to(options);
    at::Tensor loss = at::zeros({}, options);
    for (const NamedTensor& output : OutputsOf(network, input)) {
      const at::Tensor error = output.tensor.dim() == 5 ? output.tensor - target : output.tensor - 0.5;
      loss = loss + error.square().mean();
    }
    loss.backward();
    AMAES_RETURN_IF_ERROR(buckets.FinishBackward());
    AMAES_RETURN_IF_ERROR(buckets.Wait());
    optimizer.Step(buckets.flat(), kLearningRate, step + 1, at::full({}, 1.0f, options.device()),
                   at::full({}, 0.0f, options.device()));
    losses.push_back(loss.detach());
    result.push_back({absl::StrCat("input", step), input});
    result.push_back({absl::StrCat("target", step), target});
  }
  result.push_back({"losses", at::stack(losses)});
  return result;
}

absl::Status DumpSmall(const fs::path& folder, const std::string& name, Decoder decoder, c10::Device device) {
  const std::unique_ptr<Network> network = MakeSwinUnetr({.name = "swin_unetr",
                                                          .filters = 12,
                                                          .seed = 3,
                                                          .out_channels = decoder == Decoder::kStandard ? 2 : 1,
                                                          .decoder = decoder});
  network->To(device, at::kFloat);
  AMAES_RETURN_IF_ERROR(WriteTensors(folder / (name + "-model.safetensors"), AllTensors(*network)));
  AMAES_RETURN_IF_ERROR(WriteTensors(folder / (name + "-float.safetensors"), Pass(*network, kTwo)));
  if (decoder == Decoder::kLight) return absl::OkStatus();  // in double: network_dump's
  network->To(device, at::kDouble);
  AMAES_RETURN_IF_ERROR(WriteTensors(folder / (name + "-double.safetensors"), Pass(*network, kTwo)));
  AMAES_ASSIGN_OR_RETURN(const Tensors steps, Train(*network));
  return WriteTensors(folder / (name + "-steps.safetensors"), steps);
}

at::Tensor BoxTensor(const std::vector<Box>& boxes) {
  at::Tensor tensor = at::zeros({static_cast<std::int64_t>(boxes.size()), 6}, at::kLong);
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    for (int axis = 0; axis < 3; ++axis) {
      tensor[i][axis] = boxes[i].start[axis];
      tensor[i][3 + axis] = boxes[i].size[axis];
    }
  }
  return tensor;
}

Sample SampleAt(std::int64_t position) {
  const at::Tensor volume = RandomVolume(kTwo, position).to(at::kFloat);
  Sample sample;
  sample.position = position;
  sample.shape = kTwo;
  sample.input.assign(volume.const_data_ptr<float>(), volume.const_data_ptr<float>() + volume.numel());
  return sample;
}

// SwinUNETR's own pretraining on three samples, of which the first two are a group: patches, draws, views and sums in
// double. Then one step in float32, and what is written as a checkpoint.
absl::Status DumpPretraining(const fs::path& folder, c10::Device device) {
  constexpr std::uint64_t kSeed = 21;
  constexpr std::int64_t kGroup = 2;
  const std::unique_ptr<Network> network =
      MakeSwinUnetr({.name = "swin_unetr", .filters = 12, .seed = 3, .decoder = Decoder::kHeads});
  const SwinObjective objective({.views = {.draw_seed = kSeed, .group = kGroup}, .device = device});
  const std::vector<Sample> samples{SampleAt(0), SampleAt(1), SampleAt(2)};
  Tensors result;
  for (const Sample& sample : samples) {
    result.push_back({absl::StrCat("patch", sample.position), RandomVolume(kTwo, sample.position).to(at::kFloat)});
    for (int view = 0; view < 2; ++view) {
      const std::string name = absl::StrCat(sample.position, ".", view);
      const SwinViewDraw draw = DrawSwinView(kSeed, SwinDrawsFor::kTraining, sample.position, view, kGroup, kTwo);
      const SwinFill fill = DrawSwinFill(kSeed, SwinDrawsFor::kTraining, sample.position, view, draw, kTwo);
      const at::Tensor noise = at::empty({kTwo[0], kTwo[1], kTwo[2]}, at::kFloat);
      std::copy(fill.noise.begin(), fill.noise.end(), noise.mutable_data_ptr<float>());
      result.push_back({"noise" + name, noise});
      result.push_back({"noise_boxes" + name, BoxTensor(draw.noise)});
      result.push_back({"copied_boxes" + name, BoxTensor(draw.copied)});
      result.push_back({"turns" + name, at::full({}, draw.quarter_turns, at::kLong)});
      result.push_back({"source" + name, at::full({}, draw.source, at::kLong)});
    }
  }
  {
    // The objective on the same weights in double, in micro-batches of a group.
    const c10::AutoGradMode no_gradients(false);
    network->To(device, at::kDouble);
    AMAES_ASSIGN_OR_RETURN(std::vector<double> sums, EvaluateCrops(objective, *network, samples, kGroup));
    const at::Tensor values = at::empty({static_cast<std::int64_t>(sums.size())}, at::kDouble);
    std::copy(sums.begin(), sums.end(), values.mutable_data_ptr<double>());
    result.push_back({"sums", values});
    network->To(device, at::kFloat);
  }
  AMAES_RETURN_IF_ERROR(WriteTensors(folder / "pretraining.safetensors", result));
  std::vector<std::int64_t> sizes;
  for (const NamedTensor& parameter : network->parameters()) sizes.push_back(parameter.tensor.numel());
  const std::vector<BucketPlan> plan = PlanBuckets(sizes, BucketOptions{});
  const std::unique_ptr<Communicator> communicator = MakeSingleCommunicator();
  AdamW optimizer(network->parameters(), plan, AdamWOptions{});
  GradientBuckets buckets(network->parameters(), plan, *communicator, {});
  TrainStep step(objective, *network, buckets, optimizer, *communicator,
                 {.global_batch = 2, .micro_batch = 2, .lanes = 2, .device = device});
  std::size_t next = 0;
  AMAES_RETURN_IF_ERROR(step.ComputeGradients(1, [&]() -> absl::StatusOr<Sample> { return samples[next++]; }, {}));
  AMAES_RETURN_IF_ERROR(step.Update(1, kLearningRate).status());
  AMAES_ASSIGN_OR_RETURN(const CheckpointShare share, CopyShare(*network, optimizer, /*average=*/nullptr, 0, 1));
  fs::create_directories(folder / "checkpoint");
  return WriteShare(folder / "checkpoint", share).status();
}

absl::Status Dump(const fs::path& folder) {
  AMAES_ASSIGN_OR_RETURN(const c10::Device device, TestDevice());
  AMAES_RETURN_IF_ERROR(DumpPretraining(folder, device));
  AMAES_RETURN_IF_ERROR(DumpSmall(folder, "segmentation", Decoder::kStandard, device));
  AMAES_RETURN_IF_ERROR(DumpSmall(folder, "masked", Decoder::kLight, device));
  AMAES_RETURN_IF_ERROR(DumpSmall(folder, "heads", Decoder::kHeads, device));
  const std::unique_ptr<Network> full =
      MakeSwinUnetr({.name = "swin_unetr", .filters = 48, .seed = 4, .out_channels = 2, .decoder = Decoder::kStandard});
  full->To(device, at::kFloat);
  AMAES_RETURN_IF_ERROR(WriteTensors(folder / "full-model.safetensors", AllTensors(*full)));
  const at::Tensor input = RandomVolume(kCube, 0).to(device, at::kFloat);
  const c10::AutoGradMode no_gradients(false);
  return WriteTensors(folder / "full-float.safetensors", {{"input", input}, {"output", full->Forward(input)}});
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
