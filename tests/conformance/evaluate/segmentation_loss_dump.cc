// What test_segmentation_loss*.py compare: random logits and labels, our loss and its gradient, in double, as safetensors.
// Usage: segmentation_loss_dump FOLDER classes|regions LEVELS
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/rng.h"
#include "libs/base/status_macros.h"
#include "libs/checkpoint/safetensors.h"
#include "libs/evaluate/segmentation_loss.h"
#include "libs/models/network.h"
#include "libs/models/torch_errors.h"

namespace amaes {
namespace {

constexpr std::int64_t kBatch = 2, kClasses = 3;
constexpr std::int64_t kSides[3] = {16, 8, 24};

absl::Status Write(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors) {
  std::vector<at::Tensor> kept;
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : tensors) {
    kept.push_back(tensor.detach().contiguous());
    views.push_back(
        {.name = name,
         .type = tensor.scalar_type() == at::kByte ? TensorType::kU8 : TensorType::kF64,
         .shape = tensor.sizes().vec(),
         .bytes = absl::string_view(static_cast<const char*>(kept.back().const_data_ptr()), kept.back().nbytes())});
  }
  return WriteSafetensors(path, views);
}

absl::Status Dump(const std::filesystem::path& folder, bool regions, int levels) {
  RandomStream stream(5, Purpose::kPhantom, regions ? 1 : 0);
  const std::int64_t channels = regions ? kClasses : kClasses + 1;
  std::vector<at::Tensor> outputs;
  std::vector<NamedTensor> tensors;
  for (int level = 0; level < levels; ++level) {
    at::Tensor logits =
        at::empty({kBatch, channels, kSides[0] >> level, kSides[1] >> level, kSides[2] >> level}, at::kDouble);
    for (std::int64_t i = 0; i < logits.numel(); ++i) logits.mutable_data_ptr<double>()[i] = 2 * stream.Normal();
    logits.requires_grad_(true);
    tensors.push_back({absl::StrCat("logits", level), logits});
    outputs.push_back(logits);
  }
  at::Tensor codes = at::empty({kBatch, kSides[0], kSides[1], kSides[2]}, at::kByte);
  for (std::int64_t i = 0; i < codes.numel(); ++i) {
    // The last class is in the first sample alone.
    const std::uint32_t values = (regions ? 1u << kClasses : kClasses + 1) - (i < codes.numel() / 2 ? 0 : 1);
    codes.mutable_data_ptr<std::uint8_t>()[i] = static_cast<std::uint8_t>(stream.UniformInt(values));
  }
  const SegmentationLoss loss = ComputeSegmentationLoss(outputs, codes, regions);
  loss.loss.backward();
  for (int level = 0; level < levels; ++level)
    tensors.push_back({absl::StrCat("gradient", level), outputs[level].grad()});
  tensors.push_back({"codes", codes});
  tensors.push_back({"loss", loss.loss});
  tensors.push_back({"sums", loss.sums});
  tensors.push_back({"overlap", loss.overlap});
  return Write(folder / "loss.safetensors", tensors);
}

}  // namespace
}  // namespace amaes

int main(int argc, char** argv) {
  int levels = 0;
  const std::string kind = argc == 4 ? argv[2] : "";
  if ((kind != "classes" && kind != "regions") || !absl::SimpleAtoi(argv[3], &levels) || levels < 1 || levels > 3) {
    std::fprintf(stderr, "usage: segmentation_loss_dump FOLDER classes|regions LEVELS\n");
    return 2;
  }
  absl::Status status;
  const absl::Status thrown =
      amaes::CatchTorch("segmentation_loss_dump", [&] { status = amaes::Dump(argv[1], kind == "regions", levels); });
  status.Update(thrown);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
