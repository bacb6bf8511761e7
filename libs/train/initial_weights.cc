#include "libs/train/initial_weights.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <map>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/digest.h"
#include "libs/base/status_macros.h"
#include "libs/checkpoint/safetensors.h"
#include "libs/models/torch_errors.h"
#include "libs/train/failure.h"

namespace amaes {
namespace {

at::ScalarType ScalarOf(TensorType type) {
  switch (type) {
    case TensorType::kF32:
      return at::kFloat;
    case TensorType::kF64:
      return at::kDouble;
    case TensorType::kBF16:
      return at::kBFloat16;
    case TensorType::kI64:
      return at::kLong;
    case TensorType::kU8:
      return at::kByte;
  }
  return at::kFloat;
}

// The bytes need not be aligned in the file: they are copied out first.
at::Tensor TensorOf(const TensorView& view, std::string& aligned) {
  aligned.assign(view.bytes.data(), view.bytes.size());
  return at::from_blob(aligned.data(), view.shape, at::TensorOptions(ScalarOf(view.type)));
}

std::map<std::string, at::Tensor> TensorsOf(const Network& network) {
  std::map<std::string, at::Tensor> targets;
  for (const auto* tensors : {&network.parameters(), &network.buffers()}) {
    for (const auto& [name, tensor] : *tensors) targets.emplace(name, tensor);
  }
  return targets;
}

std::vector<TensorShape> ShapesOf(const Network& network) {
  std::vector<TensorShape> shapes;
  for (const auto* tensors : {&network.parameters(), &network.buffers()}) {
    for (const auto& [name, tensor] : *tensors) shapes.push_back({name, tensor.sizes().vec()});
  }
  return shapes;
}

bool LoadsDecoder(const InitPlan& plan, const std::string& encoder_prefix) {
  return std::any_of(plan.loads.begin(), plan.loads.end(),
                     [&](const InitPlan::Load& load) { return !absl::StartsWith(load.target, encoder_prefix); });
}

absl::Status CheckPlan(const InitPlan& plan, const InitialWeights& weights, const std::string& encoder_prefix) {
  if (plan.loads.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "init.from ", weights.from, ": no tensor of it fits this network's encoder; ", Incompleteness(plan)));
  }
  if (weights.allow_mismatch) return absl::OkStatus();
  if (plan.complete()) {
    if (!weights.load_decoder || LoadsDecoder(plan, encoder_prefix)) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(
        "init.from ", weights.from,
        ": init.load_decoder is asked for, and no layer of the network's decoder is in the file with its shape; give "
        "weights of "
        "the same decoder, init.load_decoder: false, or init.allow_mismatch: true to take the encoder alone"));
  }
  return absl::FailedPreconditionError(
      absl::StrCat("init.from ", weights.from, " does not fit the network's encoder: ", Incompleteness(plan),
                   "; give the network that it was trained with, or init.allow_mismatch: true"));
}

}  // namespace

absl::StatusOr<InitPlan> LoadInitialWeights(const InitialWeights& weights, const Network& network) {
  AMAES_ASSIGN_OR_RETURN(const SafetensorsFile file, ReadSafetensors(weights.path));
  if (!weights.sha256.empty() && Sha256Hex(file.content) != weights.sha256) {
    return absl::FailedPreconditionError(absl::StrCat(
        "init.from ", weights.from, ": the file is not the one that was there at submit; submit the job again"));
  }
  std::vector<TensorShape> sources;
  for (const TensorView& view : file.tensors) sources.push_back({view.name, view.shape});
  InitPlan plan = PlanInit(sources, ShapesOf(network), {network.encoder_prefix(), weights.load_decoder});
  AMAES_RETURN_IF_ERROR(CheckPlan(plan, weights, network.encoder_prefix()));
  const std::map<std::string, at::Tensor> targets = TensorsOf(network);
  AMAES_RETURN_IF_ERROR(CatchTorch("initial weights", [&] {
    const c10::AutoGradMode no_gradients(false);
    for (const InitPlan::Load& load : plan.loads) {
      std::string aligned;
      const at::Tensor source = TensorOf(*file.Find(load.source), aligned);
      const at::Tensor& target = targets.at(load.target);
      // Broadcast over the channels of a stem.
      target.copy_(load.repeat == 1 ? source : source / static_cast<double>(load.repeat));
    }
  }));
  return plan;
}

absl::Status TakeEncoder(const Network& from, const Network& to) {
  const InitPlan plan = PlanInit(ShapesOf(from), ShapesOf(to), {to.encoder_prefix(), /*load_decoder=*/false});
  if (plan.loads.empty() || !plan.complete()) {
    return WithReason(absl::FailedPreconditionError(absl::StrCat("the encoder does not fit: ", Incompleteness(plan))),
                      "INIT_REFUSED", /*retryable=*/false);
  }
  const std::map<std::string, at::Tensor> sources = TensorsOf(from), targets = TensorsOf(to);
  return TensorFailure(CatchTorch("copy of the encoder", [&] {
    const c10::AutoGradMode no_gradients(false);
    for (const InitPlan::Load& load : plan.loads) {
      const at::Tensor& source = sources.at(load.source);
      targets.at(load.target).copy_(load.repeat == 1 ? source : source / static_cast<double>(load.repeat));
    }
  }));
}

}  // namespace amaes
