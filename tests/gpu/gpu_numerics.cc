// Does a device compute what the CPU computes in double precision? The same weights and samples through the same step:
// output, loss, gradients, and the losses of a short training. Prints a table; ends with 1 when a bound is exceeded.
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "libs/augment/masking.h"
#include "libs/base/clock.h"
#include "libs/base/status_macros.h"
#include "libs/collective/make_communicator.h"
#include "libs/models/autocast.h"
#include "libs/models/torch_errors.h"
#include "libs/spec/network_facts.h"
#include "tests/gpu/step_rig.h"
#include "tests/unit/collective/memory_store.h"

namespace amaes {
namespace {

using Json = nlohmann::ordered_json;
using MakeCommunicator = std::function<absl::StatusOr<std::unique_ptr<Communicator>>()>;

struct Outcome {
  at::Tensor output;                  // [B, 1, P, P, P] float64 on the host
  double loss = 0;                    // sum over the samples
  std::vector<at::Tensor> gradients;  // float64 on the host, in the network's order
  std::vector<double> curve;          // losses of a short training
  double seconds = 0;                 // of the first step, without the training
};

// Relative to double precision: norms of differences over norms. 0 = no bound, printed only.
struct Bounds {
  double output = 0, loss = 0, gradient = 0, gradient_norm = 0, curve = 0;
};
constexpr Bounds kFloat64Bounds{.output = 1e-9, .loss = 1e-9, .gradient = 1e-9, .gradient_norm = 1e-9, .curve = 1e-7};
constexpr Bounds kFloat32Bounds{.output = 1e-5, .loss = 1e-5, .gradient = 5e-3, .gradient_norm = 5e-3, .curve = 1e-2};
constexpr Bounds kBfloat16Bounds{.output = 3e-2, .loss = 1e-2, .gradient = 3e-2, .gradient_norm = 3e-2, .curve = 3e-2};
// Rounding itself, on the CPU.
constexpr Bounds kCpuBfloat16Bounds{.output = 1e-1, .loss = 1e-2, .gradient_norm = 3e-2};

struct Variant {
  std::string name;
  c10::Device device = at::kCPU;
  c10::ScalarType type = at::kFloat;
  bool bf16 = false, tf32 = false;
  bool training = true;  // a short one too
  Bounds bounds = {};
  std::string yardstick = {};  // another variant: see Widened
  MakeCommunicator communicator = [] { return MakeSingleCommunicator(); };
};

struct Problem {
  std::string network = "unet";
  std::int64_t patch = 64, filters = 32, batch = 2, curve_steps = 20;
};

at::Tensor OnHost(const at::Tensor& tensor) { return tensor.detach().to(at::kCPU, at::kDouble).contiguous(); }

// Throws c10::Error.
at::Tensor Forward(StepRig& rig, const std::vector<Sample>& samples) {
  const c10::AutoGradMode no_gradients(false);
  std::vector<at::Tensor> outputs;
  for (const Sample& sample : samples) {
    const MaskedBatch batch = MakeMaskedBatch({&sample}, kToken, rig.setup.device);
    const AutocastScope autocast(rig.setup.device.type(), rig.setup.bf16);
    outputs.push_back(OnHost(rig.network->Forward(batch.input.to(rig.setup.type))));
  }
  return at::cat(outputs);
}

absl::StatusOr<double> Step(StepRig& rig, const std::vector<Sample>& samples, std::int64_t update) {
  std::size_t next = 0;
  AMAES_RETURN_IF_ERROR(rig.step.ComputeGradients(
      update, [&]() -> absl::StatusOr<Sample> { return samples[next++ % samples.size()]; }, {}));
  AMAES_ASSIGN_OR_RETURN(const StepReport report, rig.step.Update(update, /*learning_rate=*/1e-3));
  return report.sums[Objective::kLoss];
}

absl::Status FullStep(const Variant& variant, const Problem& problem, Outcome& outcome) {
  AMAES_ASSIGN_OR_RETURN(std::unique_ptr<Communicator> communicator, variant.communicator());
  const std::vector<Sample> samples = RandomSamples(problem.batch, problem.patch);
  StepRig rig({.network = problem.network,
               .patch = problem.patch,
               .filters = problem.filters,
               .batch = problem.batch,
               .micro_batch = 1,
               .type = variant.type,
               .bf16 = variant.bf16,
               .device = variant.device},
              std::move(communicator));
  outcome.output = Forward(rig, samples);
  const absl::Duration start = SystemClock().Monotonic();
  AMAES_ASSIGN_OR_RETURN(outcome.loss, Step(rig, samples, 1));
  outcome.seconds = absl::ToDoubleSeconds(SystemClock().Monotonic() - start);
  // The optimiser divides the buckets by the samples' share, which is one here, and leaves them as they are.
  for (const NamedTensor& parameter : rig.network->parameters())
    outcome.gradients.push_back(OnHost(parameter.tensor.grad()));
  return absl::OkStatus();
}

// A narrow network on small patches, so that the reference is quick.
absl::Status Curve(const Variant& variant, const Problem& problem, Outcome& outcome) {
  AMAES_ASSIGN_OR_RETURN(std::unique_ptr<Communicator> communicator, variant.communicator());
  const NetworkFacts& facts = *FindNetwork(problem.network);
  const std::vector<Sample> samples = RandomSamples(2, facts.smallest);
  StepRig rig({.network = problem.network,
               .patch = facts.smallest,
               .filters = std::min<std::int64_t>(problem.filters, TakesFilters(facts, 8) ? 8 : facts.widths),
               .batch = 2,
               .micro_batch = 1,
               .type = variant.type,
               .bf16 = variant.bf16,
               .device = variant.device},
              std::move(communicator));
  for (std::int64_t update = 1; update <= problem.curve_steps; ++update) {
    AMAES_ASSIGN_OR_RETURN(outcome.curve.emplace_back(), Step(rig, samples, update));
  }
  return absl::OkStatus();
}

absl::StatusOr<Outcome> Compute(const Variant& variant, const Problem& problem) {
  Outcome outcome;
  absl::Status status;
  status.Update(CatchTorch(variant.name, [&] {
    AllowTf32(variant.tf32);
    status = FullStep(variant, problem, outcome);
    if (status.ok() && variant.training) status = Curve(variant, problem, outcome);
  }));
  AMAES_RETURN_IF_ERROR(status);
  return outcome;
}

double Norm(const std::vector<at::Tensor>& tensors) {
  double squares = 0;
  for (const at::Tensor& tensor : tensors) squares += tensor.square().sum().item<double>();
  return std::sqrt(squares);
}

double Relative(const std::vector<at::Tensor>& got, const std::vector<at::Tensor>& expected) {
  std::vector<at::Tensor> differences;
  for (std::size_t i = 0; i < got.size(); ++i) differences.push_back(got[i] - expected[i]);
  return Norm(differences) / Norm(expected);
}

double CurveDifference(const std::vector<double>& got, const std::vector<double>& expected) {
  double worst = 0;
  for (std::size_t i = 0; i < got.size(); ++i) worst = std::max(worst, std::abs(got[i] / expected[i] - 1));
  return worst;
}

// NaN is not within any bound.
bool Within(double value, double bound) { return std::isfinite(value) && (bound == 0 || value <= bound); }

// LeakyReLU and max pooling have kinks. A value that rounding moves across one changes its gradient by a whole, so
// gradients differ by about the square root of what outputs differ by, on any device: twice what the CPU has in the same
// precision is allowed.
Bounds Widened(Bounds bounds, const Json& rows, const std::string& yardstick) {
  for (const Json& row : rows) {
    if (row["name"] != yardstick || row.contains("error")) continue;
    bounds.output = std::max(bounds.output, 2 * row["output"].get<double>());
    bounds.gradient = std::max(bounds.gradient, 2 * row["gradient"].get<double>());
  }
  return bounds;
}

Json Compare(const Variant& variant, const Bounds& bounds, const Outcome& got, const Outcome& expected) {
  struct Quantity {
    const char* name;
    double value, bound;
  };
  const std::vector<Quantity> quantities = {
      {"output", Relative({got.output}, {expected.output}), bounds.output},
      {"loss", std::abs(got.loss / expected.loss - 1), bounds.loss},
      {"gradient", Relative(got.gradients, expected.gradients), bounds.gradient},
      {"gradient_norm", std::abs(Norm(got.gradients) / Norm(expected.gradients) - 1), bounds.gradient_norm},
      {"curve", CurveDifference(got.curve, expected.curve), bounds.curve}};
  bool ok = true;
  Json row = {{"name", variant.name}, {"seconds", got.seconds}};
  std::printf("%-28s", variant.name.c_str());
  for (const Quantity& quantity : quantities) {
    ok = ok && Within(quantity.value, quantity.bound);
    row[quantity.name] = quantity.value;
    row["bounds"][quantity.name] = quantity.bound;
    std::printf(" %9.2e", quantity.value);
  }
  std::printf("  %6.2f s  %s\n", got.seconds, ok ? "ok" : "FAILED");
  std::fflush(stdout);
  row["ok"] = ok;
  return row;
}

std::vector<Variant> VariantsOf(c10::Device device, const Problem& problem) {
  Bounds float32 = kFloat32Bounds;
  if (problem.network == "resenc_l") float32.output = 2e-5;  // docs/adr/0018
  std::vector<Variant> variants = {{.name = "cpu float32", .bounds = float32}};
  // Below, and in the training, LibTorch's bfloat16 gradient on the CPU is wrong (docs/adr/0013).
  if (problem.patch >= 4 * FindNetwork(problem.network)->multiple) {
    variants.push_back({.name = "cpu bfloat16", .bf16 = true, .training = false, .bounds = kCpuBfloat16Bounds});
  }
  if (device.is_cpu()) return variants;
  variants.push_back({.name = "gpu float64", .device = device, .type = at::kDouble, .bounds = kFloat64Bounds});
  const Variant gpu{.name = "gpu float32", .device = device, .bounds = float32, .yardstick = "cpu float32"};
  variants.push_back(gpu);
  Variant nccl = gpu;
  nccl.name = "gpu float32, NCCL at W = 1";
  nccl.communicator = [store = std::make_shared<MemoryStore>(), options = CommunicatorOptions{}]() mutable {
    options.device_index = 0;
    ++options.attempt;
    return MakeNcclCommunicator(options, *store);
  };
  variants.push_back(nccl);
  variants.push_back({.name = "gpu TF32", .device = device, .tf32 = true});
  variants.push_back(
      {.name = "gpu bfloat16", .device = device, .bf16 = true, .bounds = kBfloat16Bounds, .yardstick = "cpu bfloat16"});
  return variants;
}

absl::StatusOr<bool> Run(const Flags& flags) {
  if (FindNetwork(flags.Text("network")) == nullptr) return absl::InvalidArgumentError("--network: unknown");
  AMAES_ASSIGN_OR_RETURN(const c10::Device device, OpenDevice(flags));
  const Problem problem{.network = flags.Text("network"),
                        .patch = flags.Number("patch"),
                        .filters = flags.Number("filters"),
                        .batch = flags.Number("batch"),
                        .curve_steps = flags.Number("curve-steps")};
  AMAES_ASSIGN_OR_RETURN(const Outcome reference, Compute({.name = "cpu float64", .type = at::kDouble}, problem));
  std::printf(
      "%s, %lld filters, patch %lld, %lld samples; relative to float64 on the CPU (%.2f s)\n%-28s %9s %9s %9s %9s "
      "%9s\n",
      problem.network.c_str(), static_cast<long long>(problem.filters), static_cast<long long>(problem.patch),
      static_cast<long long>(problem.batch), reference.seconds, "", "output", "loss", "gradient", "its norm",
      "training");
  bool ok = true;
  Json rows = Json::array();
  for (const Variant& variant : VariantsOf(device, problem)) {
    const absl::StatusOr<Outcome> outcome = Compute(variant, problem);
    if (outcome.ok()) {
      rows.push_back(Compare(variant, Widened(variant.bounds, rows, variant.yardstick), *outcome, reference));
    } else {
      std::printf("%-28s %s\n", variant.name.c_str(), outcome.status().ToString().c_str());
      rows.push_back({{"name", variant.name}, {"error", outcome.status().ToString()}, {"ok", false}});
    }
    ok = ok && rows.back()["ok"].get<bool>();
  }
  const Json result = {{"network", problem.network}, {"patch", problem.patch},     {"filters", problem.filters},
                       {"batch", problem.batch},     {"reference", "cpu float64"}, {"rows", rows}};
  AMAES_RETURN_IF_ERROR(WriteResult(flags.Text("json"), result.dump(2)));
  return ok;
}

}  // namespace
}  // namespace amaes

int main(int argc, char** argv) {
  const amaes::Flags flags(argc, argv,
                           {{"device", "gpu"},
                            {"network", "unet"},
                            {"patch", "64"},
                            {"filters", "32"},
                            {"batch", "2"},
                            {"curve-steps", "20"},
                            {"threads", "0"},
                            {"json", ""}});
  const absl::StatusOr<bool> ok = amaes::Run(flags);
  if (!ok.ok()) std::fprintf(stderr, "gpu_numerics: %s\n", ok.status().ToString().c_str());
  amaes::EndProcess(ok.ok() && *ok ? 0 : 1);
}
