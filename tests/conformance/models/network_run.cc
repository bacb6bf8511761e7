#include "tests/conformance/models/network_run.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>

#include <cmath>

#include "libs/base/rng.h"
#include "libs/base/status_macros.h"
#include "libs/collective/make_communicator.h"
#include "libs/models/torch_errors.h"
#include "libs/train/adamw.h"
#include "libs/train/gradient_buckets.h"

namespace amaes {
namespace {

constexpr std::int64_t kToken = 4;
constexpr double kMasked = 0.6;
constexpr std::uint64_t kSeed = 11;

at::Tensor RandomVolumes(std::int64_t batch, std::int64_t channels, const Shape3& patch, std::uint64_t number) {
  at::Tensor volumes = at::empty({batch, channels, patch[0], patch[1], patch[2]}, at::kFloat);
  RandomStream stream(kSeed, Purpose::kPhantom, number);
  float* values = volumes.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < volumes.numel(); ++i) values[i] = static_cast<float>(stream.UniformDouble());
  return volumes;
}

void MaskTokens(at::Tensor& volumes, std::uint64_t number) {
  RandomStream stream(kSeed, Purpose::kMask, number);
  for (std::int64_t sample = 0; sample < volumes.size(0); ++sample) {
    for (std::int64_t x = 0; x < volumes.size(2); x += kToken) {
      for (std::int64_t y = 0; y < volumes.size(3); y += kToken) {
        for (std::int64_t z = 0; z < volumes.size(4); z += kToken) {
          if (stream.UniformDouble() >= kMasked) continue;
          volumes[sample].slice(1, x, x + kToken).slice(2, y, y + kToken).slice(3, z, z + kToken).zero_();
        }
      }
    }
  }
}

at::Tensor Loss(const NetworkRunStep& step) {
  at::Tensor loss = (step.outputs[0] - step.target).square().mean();
  for (std::size_t i = 1; i < step.outputs.size(); ++i) {
    loss = loss + step.outputs[i].square().mean() * std::pow(0.5, static_cast<double>(i));
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
      NetworkRunStep step;
      at::Tensor input = RandomVolumes(options.batch, options.network.in_channels, options.patch, 2 * number);
      MaskTokens(input, number);
      step.input = input.to(type);
      step.target = RandomVolumes(options.batch, options.network.out_channels, options.patch, 2 * number + 1).to(type);
      buckets.BeginStep(number + 1);
      buckets.ExpectLastBackward();
      step.outputs = network.ForwardDeep(step.input);
      const at::Tensor loss = Loss(step);
      loss.backward();
      step.loss = loss.item<double>();
      losses.push_back(step.loss);
      status.Update(buckets.FinishBackward());
      status.Update(buckets.Wait());
      status.Update(each(number, step));
      optimizer.Step(buckets.flat(), options.learning_rate, number + 1, at::full({}, 1.0f), at::full({}, 0.0f));
    }
  });
  AMAES_RETURN_IF_ERROR(thrown);
  AMAES_RETURN_IF_ERROR(status);
  return losses;
}

}  // namespace amaes
