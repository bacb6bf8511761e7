// Our side of step.py: one training step per line "step" on standard input, one line of JSON back.
// Usage: step_server NAME FILTERS DxHxW BATCH THREADS
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <string>

#include "absl/strings/str_format.h"
#include "libs/base/clock.h"
#include "libs/base/status_macros.h"
#include "libs/collective/make_communicator.h"
#include "libs/models/model_registry.h"
#include "libs/models/torch_errors.h"
#include "libs/train/adamw.h"
#include "libs/train/gradient_buckets.h"

namespace amaes {
namespace {

double ProcessorSeconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

absl::Status Serve(const NetworkOptions& options, const Shape3& patch, std::int64_t batch) {
  AMAES_ASSIGN_OR_RETURN(const std::unique_ptr<Network> network, MakeNetwork(options));
  network->To(at::kCPU, at::kFloat);
  std::vector<std::int64_t> sizes;
  for (const NamedTensor& parameter : network->parameters()) sizes.push_back(parameter.tensor.numel());
  const std::vector<BucketPlan> plan = PlanBuckets(sizes, BucketOptions{});
  const std::unique_ptr<Communicator> communicator = MakeSingleCommunicator();
  AdamW optimizer(network->parameters(), plan, AdamWOptions{});
  GradientBuckets buckets(network->parameters(), plan, *communicator, {});
  const at::Tensor target = at::rand({batch, 1, patch[0], patch[1], patch[2]});
  const at::Tensor input = target * (at::rand({batch, 1, patch[0], patch[1], patch[2]}) > 0.6);
  std::string line;
  for (std::int64_t number = 1; std::getline(std::cin, line); ++number) {
    const absl::Duration begin = SystemClock().Monotonic();
    const double processor = ProcessorSeconds();
    buckets.BeginStep(number);
    buckets.ExpectLastBackward();
    const at::Tensor loss = (network->Forward(input) - target).square().mean();
    loss.backward();
    AMAES_RETURN_IF_ERROR(buckets.FinishBackward());
    AMAES_RETURN_IF_ERROR(buckets.Wait());
    optimizer.Step(buckets.flat(), 1e-4, number, at::full({}, 1.0f), at::full({}, 0.0f));
    absl::PrintF("{\"seconds\": %.9g, \"processor\": %.9g, \"loss\": %.9g}\n",
                 absl::ToDoubleSeconds(SystemClock().Monotonic() - begin), ProcessorSeconds() - processor,
                 loss.item<double>());
    std::fflush(stdout);
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace amaes

int main(int argc, char** argv) {
  amaes::Shape3 patch{};
  if (argc != 6 || std::sscanf(argv[3], "%ldx%ldx%ld", &patch[0], &patch[1], &patch[2]) != 3) {
    std::fputs("usage: step_server NAME FILTERS DxHxW BATCH THREADS\n", stderr);
    return 2;
  }
  at::set_num_threads(std::atoi(argv[5]));
  absl::Status status;
  status.Update(amaes::CatchTorch("step", [&] {
    status.Update(amaes::Serve({.name = argv[1], .filters = std::atoll(argv[2])}, patch, std::atoll(argv[4])));
  }));
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
