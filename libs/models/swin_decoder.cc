#include "libs/models/swin_decoder.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/conv_transpose3d.h>
#include <ATen/ops/instance_norm.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/upsample_trilinear3d.h>

#include "absl/strings/str_cat.h"

namespace amaes {
namespace {

constexpr double kNegativeSlope = 0.01;
constexpr std::int64_t kRotations = 4, kContrastive = 512;

// Without weight and bias.
at::Tensor InstanceNorm(const at::Tensor& x) {
  return at::instance_norm(x, /*weight=*/{}, /*bias=*/{}, /*running_mean=*/{}, /*running_var=*/{},
                           /*use_input_stats=*/true, /*momentum=*/0.1, /*eps=*/1e-5, /*cudnn_enabled=*/true);
}

at::Tensor Convolve(const at::Tensor& x, const at::Tensor& weight) {
  return at::conv3d(x, weight, /*bias=*/{}, /*stride=*/1, /*padding=*/weight.size(-1) / 2);
}

// What the sum before it needs is not changed: an addition keeps nothing for its gradient.
at::Tensor LeakyReluInPlace(at::Tensor x) { return at::leaky_relu_(x, kNegativeSlope); }

at::Tensor DoubleSides(const at::Tensor& x) {
  return at::upsample_trilinear3d(x, {2 * x.size(2), 2 * x.size(3), 2 * x.size(4)}, /*align_corners=*/false);
}

}  // namespace

SwinResidualBlock::SwinResidualBlock(ParameterBuilder& builder, const std::string& name, std::int64_t in,
                                     std::int64_t out) {
  conv1_ = builder.Convolution(absl::StrCat(name, ".conv1.conv"), in, out, {3, 3, 3}, 1, /*bias=*/false).weight;
  conv2_ = builder.Convolution(absl::StrCat(name, ".conv2.conv"), out, out, {3, 3, 3}, 1, /*bias=*/false).weight;
  if (in == out) return;
  conv3_ = builder.Convolution(absl::StrCat(name, ".conv3.conv"), in, out, {1, 1, 1}, 1, /*bias=*/false).weight;
}

at::Tensor SwinResidualBlock::Forward(const at::Tensor& input) const {
  const at::Tensor middle = LeakyReluInPlace(InstanceNorm(Convolve(input, conv1_)));
  const at::Tensor residual = conv3_.defined() ? InstanceNorm(Convolve(input, conv3_)) : input;
  return LeakyReluInPlace(InstanceNorm(Convolve(middle, conv2_)).add_(residual));
}

SwinSegmentationDecoder::SwinSegmentationDecoder(ParameterBuilder& builder, std::int64_t in_channels,
                                                 std::int64_t out_channels, std::int64_t features) {
  skips_[0] = SwinResidualBlock(builder, "encoder1.layer", in_channels, features);
  skips_[1] = SwinResidualBlock(builder, "encoder2.layer", features, features);
  skips_[2] = SwinResidualBlock(builder, "encoder3.layer", 2 * features, 2 * features);
  skips_[3] = SwinResidualBlock(builder, "encoder4.layer", 4 * features, 4 * features);
  skips_[4] = SwinResidualBlock(builder, "encoder10.layer", 16 * features, 16 * features);
  std::int64_t in = 16 * features;
  for (int level = kSwinStages; level >= 0; --level) {
    const std::string name = absl::StrCat("decoder", level + 1);
    const std::int64_t out = level > 0 ? features << (level - 1) : features;
    Up& up = ups_[kSwinStages - level];
    up.upsample =
        builder.TransposedConvolution(absl::StrCat(name, ".transp_conv.conv"), in, out, 2, /*bias=*/false).weight;
    up.block = SwinResidualBlock(builder, absl::StrCat(name, ".conv_block"), 2 * out, out);
    in = out;
  }
  out_ = builder.Convolution("out.conv.conv", features, out_channels, 1);
}

at::Tensor SwinSegmentationDecoder::Forward(const at::Tensor& input, const SwinFeatures& features) const {
  const std::array<at::Tensor, kSwinStages + 1> sides{features[3], skips_[3].Forward(features[2]),
                                                      skips_[2].Forward(features[1]), skips_[1].Forward(features[0]),
                                                      skips_[0].Forward(input)};
  at::Tensor x = skips_[4].Forward(features[4]);
  for (int i = 0; i <= kSwinStages; ++i) {
    x = at::conv_transpose3d(x, ups_[i].upsample, /*bias=*/{}, /*stride=*/2);
    x = ups_[i].block.Forward(at::cat({x, sides[i]}, 1));
  }
  return at::conv3d(x, out_.weight, out_.bias);
}

SwinLightDecoder::SwinLightDecoder(ParameterBuilder& builder, std::int64_t out_channels, std::int64_t features) {
  std::int64_t channels = 16 * features;
  for (int j = 0; j <= kSwinStages; ++j) {
    channels /= 2;
    ups_[j].upsample =
        builder.TransposedConvolution(absl::StrCat("rec_head.upsample", j + 1), 2 * channels, channels, 2);
    ups_[j].unit = ConvolutionUnit(builder, absl::StrCat("rec_head.decoder_conv", j + 1, ".conv1"), channels, channels);
  }
  out_ = builder.Convolution("rec_head.out_conv", channels, out_channels, 1);
}

at::Tensor SwinLightDecoder::Forward(const at::Tensor& deepest) const {
  at::Tensor x = deepest;
  for (const Up& up : ups_) {
    x = up.unit.Forward(at::conv_transpose3d(x, up.upsample.weight, up.upsample.bias, /*stride=*/2));
  }
  return at::conv3d(x, out_.weight, out_.bias);
}

SwinPretrainingHeads::SwinPretrainingHeads(ParameterBuilder& builder, std::int64_t in_channels, std::int64_t features) {
  std::int64_t channels = 16 * features;
  rotation_ = builder.Linear("rotation_head", channels, kRotations);
  contrastive_ = builder.Linear("contrastive_head", channels, kContrastive);
  for (int step = 0; step <= kSwinStages; ++step) {
    const std::int64_t out = step < kSwinStages ? channels / 2 : channels;
    steps_[step] = builder.Convolution(absl::StrCat("conv.", 4 * step), channels, out, 3);
    channels = out;
  }
  out_ = builder.Convolution(absl::StrCat("conv.", 4 * (kSwinStages + 1)), channels, in_channels, 1);
}

SwinHeadOutputs SwinPretrainingHeads::Forward(const at::Tensor& deepest) const {
  const at::Tensor tokens = deepest.flatten(2);  // [B, 16F, tokens]
  return {.rotation = at::linear(tokens.select(2, 0), rotation_.weight, rotation_.bias),
          .contrastive = at::linear(tokens.select(2, 1), contrastive_.weight, contrastive_.bias),
          .reconstruction = Reconstruct(deepest)};
}

at::Tensor SwinPretrainingHeads::Reconstruct(const at::Tensor& deepest) const {
  at::Tensor x = deepest;
  for (const Affine& step : steps_) {
    x = at::conv3d(x, step.weight, step.bias, /*stride=*/1, /*padding=*/1);
    x = DoubleSides(LeakyReluInPlace(InstanceNorm(x)));
  }
  return at::conv3d(x, out_.weight, out_.bias);
}

}  // namespace amaes
