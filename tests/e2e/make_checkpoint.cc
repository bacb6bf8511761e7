// A checkpoint as a finetuning writes it, of a small U-Net with random weights: what evaluate_test.py measures.
// Usage: make_checkpoint FOLDER KIND CLASSES PATCH DATASET-DIGEST SEED [AVERAGE-SEED]: of the weights, and of what stands for
// their moving average.
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/checkpoint/checkpoint.h"
#include "libs/checkpoint/safetensors.h"
#include "libs/dataset/labels.h"
#include "libs/models/model_registry.h"
#include "libs/train/checkpoint_io.h"
#include "libs/volume/contract.h"

namespace amaes {
namespace {

absl::StatusOr<CheckpointFile> WriteWeights(const std::filesystem::path& path, NetworkOptions options,
                                            std::uint64_t seed) {
  options.seed = seed;
  AMAES_ASSIGN_OR_RETURN(const std::unique_ptr<Network> network, MakeNetwork(options));
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : network->parameters()) {
    views.push_back({.name = name,
                     .type = TensorType::kF32,
                     .shape = tensor.sizes().vec(),
                     .bytes = absl::string_view(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes())});
  }
  AMAES_RETURN_IF_ERROR(WriteSafetensors(path, views, {{"format", "pt"}}));
  return DescribeFile(path);
}

absl::Status Make(const std::filesystem::path& folder, const std::string& kind, const std::string& classes,
                  const std::string& patch, const std::string& dataset_digest, std::uint64_t seed,
                  std::optional<std::uint64_t> average) {
  AMAES_ASSIGN_OR_RETURN(const LabelSet labels, ParseLabels(classes, false, ""));
  NetworkOptions options{.name = "unet", .filters = 4};
  options.out_channels = labels.outputs();
  options.decoder = Decoder::kStandard;
  options.skips = true;
  options.head = Head::kSegmentation;
  const std::filesystem::path temporary = absl::StrCat(folder.string(), ".tmp");
  AMAES_RETURN_IF_ERROR(files::MakeFolders(temporary));
  CheckpointManifest manifest;
  manifest.job = "job-made";
  manifest.attempt = 1;
  manifest.step = 10;
  manifest.spec_json = absl::StrCat(
      R"({"kind":")", kind, R"(","seed":1,"patch":)", patch, R"(,"network":{"name":"unet","filters":4},)",
      R"("dataset":{"name":"scans"},"labels":{"classes":")", classes, R"(","regions":false,"background":""}})");
  Contract contract;
  contract.spacing_mm = {2, 2, 2};  // so that a case takes a moment
  manifest.contract_json = ContractJson(contract);
  manifest.dataset = "scans";
  manifest.dataset_digest = dataset_digest;
  manifest.software = "make_checkpoint";
  manifest.written = "2026-01-01T00:00:00Z";
  AMAES_ASSIGN_OR_RETURN(const CheckpointFile model, WriteWeights(temporary / kModelFile, options, seed));
  manifest.files = {model};
  if (average) {
    AMAES_ASSIGN_OR_RETURN(const CheckpointFile file, WriteWeights(temporary / kAverageFile, options, *average));
    manifest.files.push_back(file);
  }
  return CommitCheckpoint(folder, manifest);
}

}  // namespace
}  // namespace amaes

int main(int argc, char** argv) {
  std::uint64_t seed = 0, average = 0;
  if (argc < 7 || argc > 8 || !absl::SimpleAtoi(argv[6], &seed) ||
      (argc == 8 && !absl::SimpleAtoi(argv[7], &average))) {
    std::fprintf(stderr, "usage: make_checkpoint FOLDER KIND CLASSES PATCH DATASET-DIGEST SEED [AVERAGE-SEED]\n");
    return 2;
  }
  const absl::Status status =
      amaes::Make(argv[1], argv[2], argv[3], argv[4], argv[5], seed, argc == 8 ? std::optional(average) : std::nullopt);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
