// A network's initial weights, and what it makes of random volumes while it trains: what peers of the tests repeat.
// Usage: network_dump FOLDER NAME FILTERS DxHxW IN OUT FORM STEPS f32|f64 BATCH
// NAME may be script:PATH. FORM is a row of kForms. Writes model.safetensors, and of step N stepN.safetensors (input, target, mask,
// output0 …); step 0 has its gradients in gradients.safetensors; losses.txt has a line per step. Computes where
// AMAES_TEST_DEVICE says.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/base/status_macros.h"
#include "libs/models/model_registry.h"
#include "libs/models/torch_errors.h"
#include "tests/conformance/models/network_run.h"
#include "tests/conformance/models/write_tensors.h"
#include "tests/gpu/test_device.h"

namespace amaes {
namespace {

using Folder = std::filesystem::path;

struct Form {
  const char* name;
  Decoder decoder;
  bool skips, deep_supervision;
  Head head;
  LossRegion region;
};
constexpr Form kForms[] = {
    {"light", Decoder::kLight, false, false, Head::kReconstruction, LossRegion::kWhole},        // pretraining
    {"standard", Decoder::kStandard, true, true, Head::kSegmentation, LossRegion::kWhole},      // finetuning
    {"light_skips", Decoder::kLight, true, false, Head::kReconstruction, LossRegion::kMasked},  // ablations
    {"standard_blind", Decoder::kStandard, false, false, Head::kReconstruction, LossRegion::kWhole},
};

const Form* FindForm(const std::string& name) {
  for (const Form& form : kForms) {
    if (name == form.name) return &form;
  }
  return nullptr;
}

absl::Status WriteStep(const Folder& folder, const Network& network, int number, const NetworkRunStep& step) {
  std::vector<NamedTensor> tensors = {
      {"input", step.input}, {"target", step.target}, {"mask", step.mask.to(at::kFloat)}};
  for (std::size_t i = 0; i < step.outputs.size(); ++i) tensors.push_back({absl::StrCat("output", i), step.outputs[i]});
  AMAES_RETURN_IF_ERROR(WriteTensors(folder / absl::StrCat("step", number, ".safetensors"), tensors));
  if (number > 0) return absl::OkStatus();
  std::vector<NamedTensor> gradients;
  for (const auto& [name, tensor] : network.parameters()) gradients.push_back({name, tensor.grad()});
  return WriteTensors(folder / "gradients.safetensors", gradients);
}

absl::Status Dump(const Folder& folder, NetworkRunOptions options) {
  AMAES_ASSIGN_OR_RETURN(options.device, TestDevice());
  AMAES_ASSIGN_OR_RETURN(const std::unique_ptr<Network> network, MakeNetwork(options.network));
  network->To(options.device, options.float64 ? at::kDouble : at::kFloat);
  AMAES_RETURN_IF_ERROR(WriteTensors(folder / "model.safetensors", AllTensors(*network)));
  AMAES_ASSIGN_OR_RETURN(const std::vector<double> losses,
                         RunNetwork(*network, options, [&](int number, const NetworkRunStep& step) {
                           return WriteStep(folder, *network, number, step);
                         }));
  std::ofstream file(folder / "losses.txt");
  for (const double loss : losses) file << absl::StrFormat("%.17g\n", loss);
  return absl::OkStatus();
}

}  // namespace
}  // namespace amaes

int main(int argc, char** argv) {
  const amaes::Form* form = argc == 11 ? amaes::FindForm(argv[7]) : nullptr;
  if (form == nullptr) {
    std::fprintf(stderr, "usage: network_dump FOLDER NAME FILTERS DxHxW IN OUT FORM STEPS f32|f64 BATCH\n");
    return 2;
  }
  const std::string name = argv[2];
  const bool script = name.rfind("script:", 0) == 0;
  amaes::Shape3 patch{};
  std::sscanf(argv[4], "%ldx%ldx%ld", &patch[0], &patch[1], &patch[2]);
  const amaes::NetworkRunOptions options{.network = {.name = script ? amaes::kScriptNetwork : name,
                                                     .filters = std::atoll(argv[3]),
                                                     .in_channels = std::atoll(argv[5]),
                                                     .out_channels = std::atoll(argv[6]),
                                                     .decoder = form->decoder,
                                                     .skips = form->skips,
                                                     .deep_supervision = form->deep_supervision,
                                                     .head = form->head,
                                                     .script = script ? name.substr(name.find(':') + 1) : "",
                                                     .encoder_prefix = ""},
                                         .patch = patch,
                                         .batch = std::atoll(argv[10]),
                                         .steps = std::atoi(argv[8]),
                                         .float64 = std::string(argv[9]) == "f64",
                                         .region = form->region};
  const absl::Status status = amaes::Dump(argv[1], options);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
