// Training steps of a network on random volumes, written down so that another implementation can repeat them.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/evaluate/masked_objective.h"
#include "libs/models/network.h"
#include "libs/spec/network_facts.h"
#include "libs/volume/volume.h"

namespace amaes {

struct NetworkRunOptions {
  NetworkOptions network;
  Shape3 patch{32, 32, 32};
  std::int64_t batch = 2;
  int steps = 10;
  double learning_rate = 1e-3;  // AdamW, everything else its default
  bool float64 = false;
  LossRegion region = LossRegion::kWhole;  // of a network for reconstruction
  c10::Device device = at::kCPU;           // where the network is
};

struct NetworkRunStep {
  at::Tensor input;   // [B, in, D, H, W]: noise in [0, 1), stronger here than there, 0 where masked
  at::Tensor target;  // [B, out, D, H, W]: such noise
  at::Tensor mask;    // [B, 1, D, H, W] bool: as DrawTokenMask draws it, of tokens of 4³ and a ratio of 0.6
  std::vector<at::Tensor> outputs;  // of ForwardDeep
  // Head::kReconstruction: ReconstructionLoss, the mean over the samples. Head::kSegmentation: mean((outputs[0] - target)²)
  // + Σ 2^-i mean(outputs[i]²), i = 1 …
  double loss = 0;
};

// `each` is called after the step's backward pass and before its update. Returns the losses. Errors as CatchTorch.
absl::StatusOr<std::vector<double>> RunNetwork(const Network& network, const NetworkRunOptions& options,
                                               const std::function<absl::Status(int, const NetworkRunStep&)>& each);

}  // namespace amaes
