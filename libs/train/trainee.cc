#include "libs/train/trainee.h"

#include <cstdint>

#include "libs/base/status_macros.h"
#include "libs/models/model_registry.h"
#include "libs/models/torch_errors.h"
#include "libs/spec/spec_io.h"
#include "libs/train/bucket_plan.h"
#include "libs/train/failure.h"

namespace amaes {

absl::StatusOr<std::unique_ptr<Network>> NewNetwork(const JobSpec& spec, c10::Device device) {
  absl::StatusOr<std::unique_ptr<Network>> network = MakeNetwork(NetworkOptionsOf(spec));
  if (absl::IsInvalidArgument(network.status()) || absl::IsNotFound(network.status()))
    return WithReason(network.status(), "BAD_SPEC", /*retryable=*/false);
  AMAES_RETURN_IF_ERROR(TensorFailure(network.status()));
  AMAES_RETURN_IF_ERROR(TensorFailure(CatchTorch("network", [&] { (*network)->To(device, at::kFloat); })));
  return network;
}

absl::StatusOr<Trainee> MakeTrainee(const JobSpec& spec, c10::Device device, Communicator& communicator,
                                    const FaultAddress& address) {
  Trainee out;
  AMAES_ASSIGN_OR_RETURN(out.network, NewNetwork(spec, device));
  const bool finetunes = spec.kind == JobKind::kFinetune;
  AMAES_RETURN_IF_ERROR(TensorFailure(CatchTorch("network and optimiser", [&] {
    std::vector<std::int64_t> sizes;
    for (const NamedTensor& parameter : out.network->parameters()) sizes.push_back(parameter.tensor.numel());
    const std::vector<BucketPlan> plan = PlanBuckets(sizes, BucketOptions{});
    const auto& optimizer = spec.training().optimizer;
    out.optimizer =
        std::make_unique<AdamW>(out.network->parameters(), plan,
                                AdamWOptions{.beta1 = optimizer.beta1,
                                             .beta2 = optimizer.beta2,
                                             .epsilon = optimizer.epsilon,
                                             .weight_decay = optimizer.weight_decay,
                                             .late_prefix = out.network->encoder_prefix(),
                                             .late_updates = finetunes ? spec.finetune.init.freeze_encoder_steps : 0});
    out.buckets = std::make_unique<GradientBuckets>(out.network->parameters(), plan, communicator, address);
  })));
  return out;
}

}  // namespace amaes
