#include "libs/models/swin_transformer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>

#include <cmath>

#include "absl/strings/str_cat.h"

namespace amaes {
namespace {

constexpr std::int64_t kMlpRatio = 4;
constexpr std::int64_t kDistances = 2 * kSwinWindow - 1;
constexpr double kBiasDeviation = 0.02, kBiasCut = 2;
constexpr std::array<std::int64_t, kSwinStages> kHeads{3, 6, 12, 24};
// Which of 2³ neighbours comes where in a merged token.
constexpr std::array<std::array<int, 3>, 8> kMergeOrder{
    {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 1, 0}, {1, 0, 1}, {0, 1, 1}, {1, 1, 1}}};

// Over the last axis; `norm` may be empty: without weight and bias.
at::Tensor LayerNorm(const at::Tensor& x, const Affine& norm) {
  return at::layer_norm(x, {x.size(-1)}, norm.weight, norm.bias);
}

at::Tensor Linear(const at::Tensor& x, const Affine& affine) { return at::linear(x, affine.weight, affine.bias); }

// Adds in place where that does not narrow the sum: under autocast `values` are bfloat16 and `term` is not.
at::Tensor Plus(const at::Tensor& values, const at::Tensor& term) {
  return values.scalar_type() == term.scalar_type() ? values.add_(term) : values + term;
}

// [B, D, H, W, C] → [B, D/2, H/2, W/2, 8C]
at::Tensor Merge(const at::Tensor& x) {
  std::vector<at::Tensor> parts;
  for (const auto& [d, h, w] : kMergeOrder) {
    parts.push_back(x.slice(1, d, std::nullopt, 2).slice(2, h, std::nullopt, 2).slice(3, w, std::nullopt, 2));
  }
  return at::cat(parts, -1);
}

// [B, D, H, W, C] → [B, C, D, H, W]; on a GPU a view, which is what channels-last means there.
at::Tensor Hidden(const at::Tensor& x) {
  const at::Tensor hidden = LayerNorm(x, {}).permute({0, 4, 1, 2, 3});
  return x.is_cuda() ? hidden : hidden.contiguous();
}

}  // namespace

SwinBlock::SwinBlock(ParameterBuilder& builder, const std::string& name, std::int64_t channels, std::int64_t heads)
    : heads_(heads) {
  const std::string attention = absl::StrCat(name, ".attn."), mlp = absl::StrCat(name, ".mlp.linear");
  norm1_ = builder.Norm(absl::StrCat(name, ".norm1"), channels);
  position_bias_ = builder.AddNormal(absl::StrCat(attention, "relative_position_bias_table"),
                                     {kDistances * kDistances * kDistances, heads}, kBiasDeviation, kBiasCut);
  qkv_ = builder.Linear(absl::StrCat(attention, "qkv"), channels, 3 * channels);
  projection_ = builder.Linear(absl::StrCat(attention, "proj"), channels, channels);
  norm2_ = builder.Norm(absl::StrCat(name, ".norm2"), channels);
  expand_ = builder.Linear(absl::StrCat(mlp, "1"), channels, kMlpRatio * channels);
  compress_ = builder.Linear(absl::StrCat(mlp, "2"), kMlpRatio * channels, channels);
}

at::Tensor SwinBlock::Attend(const at::Tensor& windows, const at::Tensor& index, const ShiftMask* mask) const {
  const std::int64_t batch = windows.size(0), count = windows.size(1), n = windows.size(2), channels = windows.size(3);
  const std::int64_t width = channels / heads_;
  const at::Tensor qkv = Linear(windows, qkv_)
                             .view({batch, count, n, 3, heads_, width})
                             .permute({3, 0, 1, 4, 2, 5});  // [3, B, W, h, n, c]
  const double scale = 1.0 / std::sqrt(static_cast<double>(width));
  at::Tensor scores = at::matmul(qkv[0] * scale, qkv[1].transpose(-2, -1));  // [B, W, h, n, n]
  const at::Tensor pairs = index.narrow(0, 0, n).narrow(1, 0, n).reshape({-1});
  scores = Plus(scores, position_bias_.index_select(0, pairs).view({n, n, heads_}).permute({2, 0, 1}).contiguous());
  if (mask != nullptr) scores = Plus(scores, mask->kinds.index_select(0, mask->window).unsqueeze(1));
  const at::Tensor weights = at::softmax(scores, -1).to(qkv.scalar_type());
  return Linear(at::matmul(weights, qkv[2]).transpose(2, 3).reshape({batch, count, n, channels}), projection_);
}

at::Tensor SwinBlock::Forward(const at::Tensor& x, const WindowPlan& plan, const at::Tensor& index,
                              const ShiftMask* mask) const {
  const at::Tensor attended = x + FromWindows(Attend(ToWindows(LayerNorm(x, norm1_), plan), index, mask), plan);
  return attended + Linear(at::gelu(Linear(LayerNorm(attended, norm2_), expand_)), compress_);
}

SwinTransformer::SwinTransformer(ParameterBuilder& builder, std::vector<NamedTensor>& buffers, std::int64_t in_channels,
                                 std::int64_t features)
    : buffers_(buffers) {
  embed_ = builder.Convolution("swinViT.patch_embed.proj", in_channels, features, 2);
  for (int number = 0; number < kSwinStages; ++number) {
    Stage& stage = stages_[number];
    const std::int64_t channels = features << number;
    const std::string name = absl::StrCat("swinViT.layers", number + 1, ".0.");
    for (int i = 0; i < 2; ++i) {
      const std::string block = absl::StrCat(name, "blocks.", i);
      stage.blocks[i] = SwinBlock(builder, block, channels, kHeads[number]);
      buffers.push_back({absl::StrCat(block, ".attn.relative_position_index"), RelativePositionIndex()});
    }
    stage.merge =
        builder.Linear(absl::StrCat(name, "downsample.reduction"), 8 * channels, 2 * channels, /*bias=*/false).weight;
    stage.merge_norm = builder.Norm(absl::StrCat(name, "downsample.norm"), 8 * channels);
  }
}

SwinFeatures SwinTransformer::Forward(const at::Tensor& input) const {
  SwinFeatures features;
  at::Tensor x = at::conv3d(input, embed_.weight, embed_.bias, /*stride=*/2).permute({0, 2, 3, 4, 1}).contiguous();
  features[0] = Hidden(x);
  for (int number = 0; number < kSwinStages; ++number) {
    x = RunStage(number, x);
    features[number + 1] = Hidden(x);
  }
  return features;
}

at::Tensor SwinTransformer::RunStage(int number, at::Tensor x) const {
  const Stage& stage = stages_[number];
  for (int i = 0; i < 2; ++i) {
    const WindowPlan plan = PlanWindows({x.size(1), x.size(2), x.size(3)}, /*shifted=*/i == 1);
    const at::Tensor& index = buffers_[2 * number + i].tensor;
    x = stage.blocks[i].Forward(x, plan, index, plan.shifted() ? &MaskFor(number, plan, x.options()) : nullptr);
  }
  return at::linear(LayerNorm(Merge(x), stage.merge_norm), stage.merge);
}

const ShiftMask& SwinTransformer::MaskFor(int stage, const WindowPlan& plan, const at::TensorOptions& options) const {
  KeptMask& kept = masks_[stage];
  const bool fits = kept.mask.kinds.defined() && kept.plan == plan && kept.mask.kinds.device() == options.device() &&
                    kept.mask.kinds.scalar_type() == c10::typeMetaToScalarType(options.dtype());
  if (!fits) kept = {plan, MakeShiftMask(plan, options)};
  return kept.mask;
}

}  // namespace amaes
