#include "libs/models/script_network.h"

#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>
#include <torch/script.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/base/rng.h"
#include "libs/base/status_macros.h"
#include "libs/models/torch_errors.h"
#include "libs/spec/network_facts.h"

namespace amaes {
namespace {

constexpr double kSame = 1e-4;  // of two answers to one question, relative to the largest value

absl::Status Refusal(const std::string& file, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("network.script ", file, ": ", what));
}

// What TorchScript says without its stack of C++ frames; the reason is in its last lines.
std::string Brief(absl::string_view message) {
  constexpr std::ptrdiff_t kLast = 10;
  std::vector<absl::string_view> kept;
  for (const absl::string_view line : absl::StrSplit(message, '\n')) {
    if (absl::StartsWith(line, "Exception raised from") || absl::StartsWith(line, "frame #")) break;
    if (!line.empty()) kept.push_back(line);
  }
  if (std::ssize(kept) > kLast + 2) {
    kept.erase(kept.begin() + 1, kept.end() - kLast);
    kept.insert(kept.begin() + 1, "…");
  }
  return absl::StrJoin(kept, "\n  ");
}

// CatchTorch, but what the module does wrong is the caller's to mend.
absl::Status Try(const std::string& file, absl::string_view what, absl::FunctionRef<void()> work) {
  const absl::Status status = CatchTorch(what, work);
  if (!absl::IsInternal(status)) return status;
  return Refusal(file, Brief(status.message()));
}

std::string ShapeText(at::IntArrayRef shape) { return absl::StrCat("[", absl::StrJoin(shape, ", "), "]"); }

class ScriptNetwork final : public Network {
 public:
  ScriptNetwork(torch::jit::Module module, std::string prefix)
      : module_(std::move(module)), prefix_(std::move(prefix)) {
    module_.eval();
    for (const auto& parameter : module_.named_parameters()) parameters_.push_back({parameter.name, parameter.value});
    for (const auto& buffer : module_.named_buffers()) {
      if (buffer.value.defined()) buffers_.push_back({buffer.name, buffer.value});
    }
  }

  at::Tensor Forward(const at::Tensor& input) const override {
    const torch::jit::GraphOptimizerEnabledGuard as_written(false);
    const c10::IValue answer = module_.forward({input});
    TORCH_CHECK(answer.isTensor(), "it answers with ", answer.tagKind(), ", not with one tensor");
    return answer.toTensor();
  }

  std::string encoder_prefix() const override { return prefix_; }
  void Train(bool on) { module_.train(on); }

 private:
  mutable torch::jit::Module module_;  // forward is not const there
  const std::string prefix_;
};

absl::Status CheckParameters(const std::string& file, const ScriptNetwork& network) {
  if (network.parameters().empty()) {
    return Refusal(
        file, "has no parameters: was it frozen? Save torch.jit.script(network) or torch.jit.trace(network, example)");
  }
  std::vector<std::string> beginnings;
  bool fits = false;
  for (const auto& [name, tensor] : network.parameters()) {
    if (!tensor.is_floating_point())
      return Refusal(file, absl::StrCat("parameter ", name, " does not hold numbers of floating point"));
    fits = fits || absl::StartsWith(name, network.encoder_prefix());
    std::string beginning(name.substr(0, name.find('.')));
    if (beginnings.empty() || beginnings.back() != beginning) beginnings.push_back(std::move(beginning));
  }
  if (fits) return absl::OkStatus();
  if (beginnings.size() > 8) beginnings.resize(8);
  return Refusal(file, absl::StrCat("no parameter's name begins with network.encoder_prefix \"",
                                    network.encoder_prefix(), "\"; they begin with ", absl::StrJoin(beginnings, ", ")));
}

absl::StatusOr<std::unique_ptr<ScriptNetwork>> Load(const ScriptOptions& options) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(options.file, error)) {
    return absl::NotFoundError(absl::StrCat("network.script ", options.file, ": no such file here"));
  }
  const std::string prefix = EncoderPrefixOf({.name = kScriptNetwork, .encoder_prefix = options.encoder_prefix});
  std::unique_ptr<ScriptNetwork> network;
  AMAES_RETURN_IF_ERROR(Try(options.file, "not a TorchScript file", [&] {
    network = std::make_unique<ScriptNetwork>(torch::jit::load(options.file, at::kCPU), prefix);
  }));
  AMAES_RETURN_IF_ERROR(CheckParameters(options.file, *network));
  AMAES_RETURN_IF_ERROR(Try(options.file, "float32", [&] {
    for (const NamedTensor& parameter : network->parameters()) parameter.tensor.requires_grad_(true);
    network->To(at::kCPU, at::kFloat);
  }));
  return network;
}

at::Tensor RandomPatches(std::int64_t batch, std::int64_t channels, const Shape3& patch) {
  at::Tensor patches = at::empty({batch, channels, patch[0], patch[1], patch[2]}, at::kFloat);
  RandomStream stream(1, Purpose::kPhantom, 0);
  float* values = patches.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < patches.numel(); ++i) values[i] = static_cast<float>(stream.UniformDouble());
  return patches;
}

bool Same(const at::Tensor& a, const at::Tensor& b) {
  const double largest = b.abs().max().item<double>();
  return (a - b).abs().max().item<double>() <= kSame * std::max(largest, 1e-6);
}

// What is wrong with its answers; empty = nothing. Throws c10::Error.
std::string WrongAnswers(ScriptNetwork& network, const ScriptOptions& options, const Shape3& patch) {
  const at::Tensor two = RandomPatches(2, options.in_channels, patch), one = two.narrow(0, 0, 1);
  two.narrow(0, 1, 1).mul_(-3);  // of another mean and spread: what mixes samples shows it
  const at::Tensor answer = network.Forward(one);
  const std::vector<std::int64_t> wanted = {1, options.out_channels, patch[0], patch[1], patch[2]};
  if (answer.sizes() != at::IntArrayRef(wanted)) {
    return absl::StrCat("answers ", ShapeText(one.sizes()), " with ", ShapeText(answer.sizes()), ", not with ",
                        ShapeText(wanted));
  }
  if (!answer.isfinite().all().item<bool>()) return "its answer is not finite with the weights that it has";
  answer.square().mean().backward();
  bool reached = false;
  for (const auto& [name, tensor] : network.parameters()) {
    if (!tensor.grad().defined()) continue;
    reached = true;
    if (!tensor.grad().isfinite().all().item<bool>()) return absl::StrCat("the gradient of ", name, " is not finite");
  }
  if (!reached) return "no gradient reaches its parameters";
  const c10::AutoGradMode no_gradients(false);
  if (!Same(network.Forward(two).narrow(0, 0, 1), answer)) {
    return "a sample's answer depends on the others of its batch";
  }
  network.Train(true);
  const bool same = Same(network.Forward(one), answer) && Same(network.Forward(one), answer);
  network.Train(false);
  if (!same)
    return "answers differently while it trains (dropout? batch norm?); runs could not be repeated, use instance or "
           "group norm";
  return "";
}

}  // namespace

absl::StatusOr<std::unique_ptr<Network>> LoadScriptNetwork(const ScriptOptions& options) { return Load(options); }

absl::StatusOr<ScriptFacts> CheckScript(const ScriptOptions& options, const Shape3& patch) {
  AMAES_ASSIGN_OR_RETURN(const std::unique_ptr<ScriptNetwork> network, Load(options));
  std::string wrong;
  AMAES_RETURN_IF_ERROR(
      Try(options.file, absl::StrCat("on an input of [1, ", options.in_channels, ", ", absl::StrJoin(patch, ", "), "]"),
          [&] { wrong = WrongAnswers(*network, options, patch); }));
  if (!wrong.empty()) return Refusal(options.file, wrong);
  ScriptFacts facts;
  for (const auto* tensors : {&network->parameters(), &network->buffers()}) {
    for (const auto& [name, tensor] : *tensors) {
      if (absl::StartsWith(name, network->encoder_prefix())) facts.encoder.emplace_back(name, tensor.sizes().vec());
    }
  }
  facts.parameters = ParameterCount(*network);
  return facts;
}

}  // namespace amaes
