#include "tests/conformance/models/network_run.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>

#include <array>
#include <cmath>

#include "libs/base/rng.h"
#include "libs/base/status_macros.h"
#include "libs/collective/make_communicator.h"
#include "libs/draws/draws.h"
#include "libs/models/torch_errors.h"
#include "libs/train/adamw.h"
#include "libs/train/gradient_buckets.h"

namespace amaes {
namespace {

constexpr std::int64_t kToken = 4;
constexpr double kMasked = 0.6;
constexpr std::uint64_t kSeed = 11;

// Noise in [0, 1), of another strength in each eighth of the volume: else the deepest norms, over eight voxels of a ResEnc, see
// almost no variance, and gradients are rounding.
at::Tensor RandomVolumes(std::int64_t batch, std::int64_t channels, const Shape3& patch, std::uint64_t number) {
  at::Tensor volumes = at::empty({batch, channels, patch[0], patch[1], patch[2]}, at::kFloat);
  RandomStream stream(kSeed, Purpose::kPhantom, number);
  float* values = volumes.mutable_data_ptr<float>();
  for (std::int64_t volume = 0; volume < batch * channels; ++volume) {
    std::array<double, 8> strength{};
    for (double& one : strength) one = stream.UniformDouble();
    for (std::int64_t x = 0; x < patch[0]; ++x) {
      for (std::int64_t y = 0; y < patch[1]; ++y) {
        for (std::int64_t z = 0; z < patch[2]; ++z) {
          const std::int64_t part = 2 * x / patch[0] * 4 + 2 * y / patch[1] * 2 + 2 * z / patch[2];
          *values++ = static_cast<float>(stream.UniformDouble() * strength[static_cast<std::size_t>(part)]);
        }
      }
    }
  }
  return volumes;
}

// Input, target and mask, by the product's own draw and gathering.
MaskedBatch RandomBatch(const NetworkRunOptions& options, int number) {
  const auto values = [&](std::int64_t channels, std::uint64_t which) {
    return RandomVolumes(options.batch, channels, options.patch, which);
  };
  const std::int64_t inputs = options.network.in_channels;
  const at::Tensor volumes = values(inputs, 2 * number);
  std::vector<Sample> samples(static_cast<std::size_t>(options.batch));
  std::vector<const Sample*> pointers;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    Sample& sample = samples[i];
    sample.position = number * options.batch + static_cast<std::int64_t>(i);
    sample.shape = options.patch;
    sample.channels = inputs;
    const at::Tensor own = volumes[static_cast<std::int64_t>(i)];
    sample.input.assign(own.const_data_ptr<float>(), own.const_data_ptr<float>() + own.numel());
    sample.token_mask = DrawTokenMask(kSeed, sample.position, options.patch, kToken, kMasked);
    pointers.push_back(&sample);
  }
  MaskedBatch batch = MakeMaskedBatch(pointers, kToken, options.device);
  batch.target = values(options.network.out_channels, 2 * number + 1).to(options.device);
  return batch;
}

at::Tensor Loss(const std::vector<at::Tensor>& outputs, const MaskedBatch& batch, const NetworkRunOptions& options) {
  if (options.network.head == Head::kReconstruction)
    return ReconstructionLoss(outputs[0], batch, options.region).loss / static_cast<double>(options.batch);
  at::Tensor loss = (outputs[0] - batch.target).square().mean();
  for (std::size_t i = 1; i < outputs.size(); ++i) {
    loss = loss + outputs[i].square().mean() * std::pow(0.5, static_cast<double>(i));
  }
  return loss;
}

}  // namespace

absl::StatusOr<std::vector<double>> RunNetwork(const Network& network, const NetworkRunOptions& options,
                                               const std::function<absl::Status(int, const NetworkRunStep&)>& each) {
  std::vector<std::int64_t> sizes;
  for (const NamedTensor& parameter : network.parameters()) sizes.push_back(parameter.tensor.numel());
  const std::int64_t bytes = options.float64 ? 8 : 4;
  const std::vector<BucketPlan> plan =
      PlanBuckets(sizes, {.first_bytes = 8192, .bytes = 1 << 20, .bytes_per_element = bytes});
  const std::unique_ptr<Communicator> communicator = MakeSingleCommunicator();
  std::vector<double> losses;
  absl::Status status;
  const absl::Status thrown = CatchTorch("run of a network", [&] {
    const at::ScalarType type = options.float64 ? at::kDouble : at::kFloat;
    AdamW optimizer(network.parameters(), plan, AdamWOptions{});
    GradientBuckets buckets(network.parameters(), plan, *communicator, {});
    for (int number = 0; number < options.steps && status.ok(); ++number) {
      MaskedBatch batch = RandomBatch(options, number);
      batch.input = batch.input.to(type);
      batch.target = batch.target.to(type);
      NetworkRunStep step{.input = batch.input, .target = batch.target, .mask = batch.mask, .outputs = {}};
      buckets.BeginStep(number + 1);
      buckets.ExpectLastBackward();
      step.outputs = network.ForwardDeep(step.input);
      const at::Tensor loss = Loss(step.outputs, batch, options);
      loss.backward();
      step.loss = loss.item<double>();
      losses.push_back(step.loss);
      status.Update(buckets.FinishBackward());
      status.Update(buckets.Wait());
      status.Update(each(number, step));
      optimizer.Step(buckets.flat(), options.learning_rate, number + 1, at::full({}, 1.0f, options.device),
                     at::full({}, 0.0f, options.device));
    }
  });
  AMAES_RETURN_IF_ERROR(thrown);
  AMAES_RETURN_IF_ERROR(status);
  return losses;
}

}  // namespace amaes
