// What test_unet.py compares with PyTorch: a small U-Net, its output and gradients, and three AdamW steps, as safetensors.
// Usage: unet_dump FOLDER f32|f64
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "libs/base/rng.h"
#include "libs/base/status_macros.h"
#include "libs/collective/make_communicator.h"
#include "libs/models/torch_errors.h"
#include "libs/models/unet.h"
#include "libs/train/adamw.h"
#include "libs/train/gradient_buckets.h"
#include "libs/train/lr_schedule.h"
#include "tests/conformance/models/write_tensors.h"

namespace amaes {
namespace {

constexpr std::int64_t kPatch = 32;
constexpr int kSteps = 3;

// Uniform in [0, 1).
at::Tensor RandomVolume(std::int64_t batch, std::uint64_t number, at::ScalarType type) {
  at::Tensor volume = at::empty({batch, 1, kPatch, kPatch, kPatch}, at::kFloat);
  RandomStream stream(11, Purpose::kPhantom, number);
  for (std::int64_t i = 0; i < volume.numel(); ++i) {
    volume.mutable_data_ptr<float>()[i] = static_cast<float>(stream.UniformDouble());
  }
  return volume.to(type);
}

// The initial weights; then, step by step, forward, gradients and updates.
absl::Status Dump(const std::filesystem::path& folder, at::ScalarType type) {
  const std::unique_ptr<Network> network = MakeUNet({.filters = 4, .seed = 1});
  network->To(at::kCPU, type);
  AMAES_RETURN_IF_ERROR(WriteTensors(folder / "model.safetensors", network->parameters()));
  std::vector<std::int64_t> sizes;
  for (const NamedTensor& parameter : network->parameters()) sizes.push_back(parameter.tensor.numel());
  const std::vector<BucketPlan> plan =
      PlanBuckets(sizes, {.first_bytes = 8192, .bytes = 65536, .bytes_per_element = 4});
  const std::unique_ptr<Communicator> communicator = MakeSingleCommunicator();
  AdamW optimizer(network->parameters(), plan, AdamWOptions{});
  GradientBuckets buckets(network->parameters(), plan, *communicator, {});
  const LrSchedule schedule{.learning_rate = 1e-2, .steps = 4, .warmup_steps = 2, .warmup_start_factor = 0.1};
  for (int step = 0; step < kSteps; ++step) {
    const at::Tensor input = RandomVolume(2, 2 * step, type), target = RandomVolume(2, 2 * step + 1, type);
    buckets.BeginStep(step + 1);
    buckets.ExpectLastBackward();
    const at::Tensor output = network->Forward(input);
    (output - target).square().mean().backward();
    AMAES_RETURN_IF_ERROR(buckets.FinishBackward());
    AMAES_RETURN_IF_ERROR(buckets.Wait());
    if (step == 0) {
      std::vector<NamedTensor> gradients;
      for (const auto& [name, tensor] : network->parameters()) gradients.push_back({name, tensor.grad()});
      AMAES_RETURN_IF_ERROR(WriteTensors(folder / "gradients.safetensors", gradients));
    }
    optimizer.Step(buckets.flat(), LearningRateAt(schedule, step), step + 1, at::full({}, 1.0f), at::full({}, 0.0f));
    const std::string number = std::to_string(step);
    AMAES_RETURN_IF_ERROR(WriteTensors(folder / ("step" + number + ".safetensors"),
                                       {{"input", input}, {"target", target}, {"output", output}}));
    AMAES_RETURN_IF_ERROR(WriteTensors(folder / ("model" + number + ".safetensors"), network->parameters()));
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace amaes

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: unet_dump FOLDER f32|f64\n");
    return 2;
  }
  const at::ScalarType type = std::string(argv[2]) == "f64" ? at::kDouble : at::kFloat;
  absl::Status status;
  const absl::Status thrown = amaes::CatchTorch("unet_dump", [&] { status = amaes::Dump(argv[1], type); });
  status.Update(thrown);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
