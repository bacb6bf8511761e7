// What the tests beside it compare with yucca and MONAI.
//   evaluate_dump window FOLDER sum|gaussian OVERLAP MIRROR(e.g. 101) BATCH PATCH…   a U-Net of 4 filters, 2 channels, 3
//       classes over FOLDER/volume.safetensors; writes FOLDER/model.safetensors and FOLDER/logits.safetensors
//   evaluate_dump native SCAN LOGITS.safetensors OUT.nii.gz classes|regions LABEL…   labels on the scan's own grid, from logits
//       on the grid of its contract (amaes, with the reference's crop)
#include <ATen/core/Tensor.h>
#include <ATen/ops/from_blob.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "libs/base/status_macros.h"
#include "libs/checkpoint/safetensors.h"
#include "libs/evaluate/native_labels.h"
#include "libs/evaluate/sliding_window.h"
#include "libs/models/torch_errors.h"
#include "libs/models/unet.h"
#include "libs/volume/contract.h"
#include "libs/volume/nifti.h"

namespace amaes {
namespace {

using Words = std::vector<std::string>;

absl::StatusOr<at::Tensor> ReadTensor(const std::filesystem::path& path, absl::string_view name) {
  AMAES_ASSIGN_OR_RETURN(const SafetensorsFile file, ReadSafetensors(path));
  const TensorView* view = file.Find(name);
  if (view == nullptr) return absl::NotFoundError(name);
  at::Tensor out;
  AMAES_RETURN_IF_ERROR(CatchTorch("read", [&] {
    out = at::from_blob(const_cast<char*>(view->bytes.data()), view->shape, at::TensorOptions(at::kFloat)).clone();
  }));
  return out;
}

absl::Status WriteTensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors) {
  std::vector<at::Tensor> kept;
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : tensors) {
    kept.push_back(tensor.detach().contiguous());
    views.push_back(
        {.name = name,
         .type = TensorType::kF32,
         .shape = tensor.sizes().vec(),
         .bytes = absl::string_view(static_cast<const char*>(kept.back().const_data_ptr()), kept.back().nbytes())});
  }
  return WriteSafetensors(path, views, {{"format", "pt"}});
}

absl::Status Window(const Words& words) {
  const std::filesystem::path folder = words[1];
  SlidingWindowOptions options;
  options.weights = words[2] == "gaussian" ? WindowWeights::kGaussian : WindowWeights::kSum;
  for (int a = 0; a < 3; ++a) {
    options.mirror[a] = words[4].at(a) == '1';
    if (!absl::SimpleAtoi(words.at(6 + a), &options.patch[a])) return absl::InvalidArgumentError("patch");
  }
  if (!absl::SimpleAtod(words[3], &options.overlap) || !absl::SimpleAtoi(words[5], &options.batch)) {
    return absl::InvalidArgumentError("overlap, batch");
  }
  NetworkOptions network;
  network.name = "unet";
  network.filters = 4;
  network.in_channels = 2;
  network.out_channels = 3;
  network.decoder = Decoder::kStandard;
  network.skips = true;
  network.head = Head::kSegmentation;
  std::unique_ptr<Network> unet;
  AMAES_RETURN_IF_ERROR(CatchTorch("network", [&] { unet = MakeUNet(network); }));
  AMAES_ASSIGN_OR_RETURN(const at::Tensor volume, ReadTensor(folder / "volume.safetensors", "volume"));
  AMAES_ASSIGN_OR_RETURN(const at::Tensor logits, SlidingWindow(*unet, volume, options));
  AMAES_RETURN_IF_ERROR(WriteTensors(folder / "model.safetensors", unet->parameters()));
  return WriteTensors(folder / "logits.safetensors", {{"logits", logits}});
}

absl::Status Native(const Words& words) {
  AMAES_ASSIGN_OR_RETURN(const NiftiVolume scan, ReadNifti(words[1]));
  Contract contract;
  contract.reference_crop = true;
  AMAES_ASSIGN_OR_RETURN(const Volume stored, ApplyContract(scan.volume, contract));
  AMAES_ASSIGN_OR_RETURN(const NativeGrid grid,
                         FindNativeGrid(stored.shape, stored.affine, scan.volume.shape, scan.volume.affine));
  AMAES_ASSIGN_OR_RETURN(const at::Tensor logits, ReadTensor(words[2], "logits"));
  std::vector<std::uint8_t> values;
  for (std::size_t i = 5; i < words.size(); ++i) {
    int value = 0;
    if (!absl::SimpleAtoi(words[i], &value)) return absl::InvalidArgumentError(words[i]);
    values.push_back(static_cast<std::uint8_t>(value));
  }
  const LabelRule rule = words[4] == "regions" ? LabelRule::kRegions : LabelRule::kClasses;
  AMAES_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> labels, NativeLabels(logits, grid, rule, values));
  return WriteLabelsLike(words[3], words[1], scan.volume.shape, labels);
}

}  // namespace
}  // namespace amaes

int main(int argc, char** argv) {
  const amaes::Words words(argv + 1, argv + argc);
  absl::Status status = absl::InvalidArgumentError("usage: see the source");
  if (words.size() == 9 && words[0] == "window") status = amaes::Window(words);
  if (words.size() > 6 && words[0] == "native") status = amaes::Native(words);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
